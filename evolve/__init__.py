"""The engine: the loop, bursts, tuning, tasks, reports, command line."""

import contextlib

with contextlib.suppress(ModuleNotFoundError):  # of a package that is not installed: ``__main__`` says so
    import population.threads  # noqa: F401  before anything here loads numpy
