"""Landlock: a process gives up, for good and with its children, files, ports and signals to others.

Linux 5.13 or newer; no privilege is needed. What a kernel knows is told by its ABI number: truncating files
from 3, TCP ports from 4, device ioctls from 5, abstract unix sockets and signals to the outside from 6.
Not covered by any: looking at a file's name, size and owner (``stat``), and changing its mode or times.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath

_LIBC = ctypes.CDLL(None, use_errno=True)
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same number on every architecture
_VERSION = 1
_PATH_BENEATH = 1

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_MAKE_CHAR, _MAKE_BLOCK = 1 << 6, 1 << 11
TRUNCATE, IOCTL_DEV = 1 << 14, 1 << 15
_FILE = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV

READ = EXECUTE | READ_FILE | READ_DIR
LIST = READ_DIR
USE = READ_FILE | WRITE_FILE | IOCTL_DEV
OWN = ((1 << 16) - 1) & ~(_MAKE_CHAR | _MAKE_BLOCK)

_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # ABI: how many rights to files it knows
_TCP = 0b11  # bind, connect
_SCOPES = 0b11  # abstract unix sockets, signals
NETWORK_ABI, SCOPE_ABI = 4, 6


@dataclass(frozen=True, slots=True)
class Rule:
    """What is allowed on a file, or on a folder and everything beneath it."""

    path: str
    access: int


def abi() -> int:
    """Return the version of Landlock that the kernel speaks, 0 when it has none."""
    return max(0, int(_LIBC.syscall(_CREATE_RULESET, None, 0, _VERSION)))


def reading(paths: Iterable[str], hidden: Iterable[str]) -> list[Rule]:
    """Return rules to read the paths and all beneath them, except what is hidden and all beneath that.

    Landlock only allows, so a folder that holds something hidden is spelled out entry by entry.
    """
    kept_back = {os.path.realpath(path) for path in hidden}
    above = {str(parent) for path in kept_back for parent in PurePath(path).parents}
    rules: dict[str, Rule] = {}
    queue = [os.path.realpath(path) for path in paths]
    while queue:
        path = queue.pop()
        if path in rules or path in kept_back or not os.path.exists(path):  # noqa: PTH110 - strings all the way
            continue
        if path not in above:
            rules[path] = Rule(path, READ)
            continue
        rules[path] = Rule(path, LIST)
        with os.scandir(path) as entries:
            queue += [entry.path for entry in entries if not entry.is_symlink()]
    return list(rules.values())


def restrict(rules: Iterable[Rule], version: int) -> None:
    """Keep this thread, and all that it starts, to what the rules allow. ``PR_SET_NO_NEW_PRIVS`` comes first.

    Args:
        rules: what stays allowed; a path that is not there allows nothing.
        version: the ABI to speak, at most what ``abi`` returns.

    Raises:
        OSError: the kernel refuses.
    """
    handled = (1 << _RIGHTS.get(version, 16)) - 1
    attributes = struct.pack(
        "<QQQ",
        handled,
        _TCP if version >= NETWORK_ABI else 0,
        _SCOPES if version >= SCOPE_ABI else 0,
    )[: 24 if version >= SCOPE_ABI else 16 if version >= NETWORK_ABI else 8]
    ruleset = _called(_LIBC.syscall(_CREATE_RULESET, attributes, len(attributes), 0), "create a ruleset")
    try:
        for rule in rules:
            _allow(ruleset, rule, handled)
        _called(_LIBC.syscall(_RESTRICT_SELF, ruleset, 0), "restrict itself")
    finally:
        os.close(ruleset)


def _allow(ruleset: int, rule: Rule, handled: int) -> None:
    """Add one rule to a ruleset."""
    try:
        path = os.open(rule.path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, PermissionError):
        return
    try:
        access = rule.access & handled
        if not stat.S_ISDIR(os.fstat(path).st_mode):
            access &= _FILE
        if access:
            beneath = struct.pack("<Qi", access, path)
            _called(_LIBC.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, beneath, 0), f"allow {rule.path}")
    finally:
        os.close(path)


def _called(result: int, what: str) -> int:
    """Return what a system call did (OSError when it failed)."""
    if result < 0:
        raise OSError(ctypes.get_errno(), f"Landlock cannot {what}")
    return result
