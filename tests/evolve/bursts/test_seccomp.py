"""Calls that a variant has no use for fail, and those that it needs do not."""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import socket
import struct
import threading
from collections.abc import Callable

import pytest

from evolve.bursts import process, seccomp
from tests.evolve.bursts.test_landlock import in_a_child

LIBC = ctypes.CDLL(None, use_errno=True)
needs_filter = pytest.mark.skipif(not seccomp.supported(), reason="this machine's calls are not known")


def allowed(action: Callable[[], object], cuda: bool = False) -> bool:
    """Say whether an action comes off in a process whose calls are filtered."""

    def filtered() -> bool:
        process.drop_privileges()
        seccomp.install(seccomp.program(cuda))
        try:
            action()
        except PermissionError:
            return False
        return True

    return in_a_child(filtered)


def call(name: str, *arguments: object) -> Callable[[], None]:
    """Return something that calls libc and raises what came of it, if that was a refusal."""

    def called() -> None:
        if getattr(LIBC, name)(*arguments) < 0 and ctypes.get_errno() == errno.EPERM:
            raise PermissionError(name)

    return called


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("cuda", [False, True])
def test_every_jump_of_a_filter_lands_in_it_and_it_ends_by_a_verdict(machine: str, cuda: bool) -> None:
    code = [struct.unpack("<HBBI", one) for one in steps(seccomp.program(cuda, machine))]
    for place, (operation, if_true, if_false, _) in enumerate(code):
        assert place + 1 + max(if_true, if_false) < len(code) or operation == 0x06
    assert code[-1] == (0x06, 0, 0, 0x7FFF0000)
    assert len(code) < 4096


def steps(program: bytes) -> list[bytes]:
    return [program[start : start + 8] for start in range(0, len(program), 8)]


def test_an_architecture_whose_calls_are_not_known_is_not_supported() -> None:
    assert not seccomp.supported("riscv64")


@needs_filter
@pytest.mark.parametrize(
    ("family", "kind"),
    [
        (socket.AF_INET, socket.SOCK_STREAM),
        (socket.AF_INET, socket.SOCK_DGRAM),
        (socket.AF_INET6, socket.SOCK_STREAM),
        (socket.AF_NETLINK, socket.SOCK_RAW),
        (socket.AF_UNIX, socket.SOCK_DGRAM),
    ],
)
@pytest.mark.parametrize("cuda", [False, True])
def test_no_socket_leads_outside(family: int, kind: int, cuda: bool) -> None:
    assert not allowed(lambda: socket.socket(family, kind), cuda)


@needs_filter
def test_a_local_socket_is_for_cuda_only_and_a_pair_for_all() -> None:
    assert not allowed(lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
    assert allowed(lambda: socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET), cuda=True)
    assert allowed(socket.socketpair)
    assert not allowed(lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM))


@needs_filter
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("ptrace", (0, 0, 0, 0)),
        ("unshare", (0x10000000,)),
        ("setns", (0, 0)),
        ("mount", (None, None, None, 0, None)),
        ("shmget", (0, 4096, 0o600)),
        ("memfd_create", (b"x", 0)),
        ("process_vm_readv", (1, None, 0, None, 0, 0)),
    ],
)
def test_calls_without_use_are_refused(name: str, arguments: tuple[object, ...]) -> None:
    assert not allowed(call(name, *arguments))


@needs_filter
def test_limits_are_its_own_to_change_and_nobody_elses() -> None:
    parent = os.getpid()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert allowed(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, limits))
    assert not allowed(lambda: resource.prlimit(parent, resource.RLIMIT_NOFILE, limits))


@needs_filter
def test_modes_are_for_cuda_only(tmp_path: object) -> None:
    assert not allowed(lambda: os.chmod(str(tmp_path), 0o700))  # noqa: PTH101
    assert allowed(lambda: os.chmod(str(tmp_path), 0o700), cuda=True)  # noqa: PTH101


@needs_filter
def test_threads_and_processes_still_start() -> None:
    def start_both() -> None:
        thread = threading.Thread(target=lambda: None)
        thread.start()
        thread.join()
        if (pid := os.fork()) == 0:
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0

    assert allowed(start_both)
