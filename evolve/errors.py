"""What can go wrong that is no variant's doing. The exit code lives on the class; only the edge exits.

EvolveError
├── InputError     what the user gave cannot be used              exit 2
├── EngineFault    the search could not go on                     exit 1
└── Interrupted    somebody stopped it                            exit 130
"""

from __future__ import annotations


class EvolveError(Exception):
    """An error told to the user in one sentence."""

    exit_code = 1


class InputError(EvolveError):
    """A file, flag or setting that cannot be used, and what to do about it."""

    exit_code = 2


class EngineFault(EvolveError):
    """A process or resource that the search needs is gone for good."""

    exit_code = 1


class Interrupted(EvolveError):
    """Somebody stopped it; what was measured is recorded."""

    exit_code = 130
