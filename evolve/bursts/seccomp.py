"""Seccomp: system calls that a variant has no use for are refused with an error, whoever makes them.

The filter is classic BPF, built here for x86_64 and aarch64 (numbers from the kernel's ``syscall.tbl`` and
``asm-generic/unistd.h``). Another architecture's calls end the process; x86_64's x32 calls are refused.
Refused calls fail with EPERM, so that a variant gets an exception that it can tell of; ``clone3``, whose
flags no filter can read, with ENOSYS, upon which the C library takes ``clone``.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_SECCOMP, _MODE_FILTER = 22, 2

# Instructions of classic BPF (linux/bpf_common.h) and what a filter returns (linux/seccomp.h).
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_KILL, _ERRNO, _ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data

_ARCHES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
_X32 = 0x40000000
_LAST = 462  # the newest call known here (mseal); later ones are answered as by an older kernel

_AF_UNIX, _SOCK_STREAM, _SOCK_SEQPACKET, _SOCK_TYPE = 1, 1, 5, 0xF
# NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
_NAMESPACES = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000

_Numbers = dict[str, tuple[int | None, int | None]]
"""Number of each call on x86_64 and on aarch64, None where it is not there."""

_CALLS: _Numbers = {
    "clone": (56, 220),
    "clone3": (435, 435),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "prlimit64": (302, 261),
}

# Other processes' memory and descriptors.
_PROCESSES: _Numbers = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
}

# Mounts, namespaces and files by handle.
_FILES: _Numbers = {
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "statmount": (457, 457),
    "listmount": (458, 458),
    "unshare": (272, 97),
    "setns": (308, 268),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
}

# Parts of the kernel that are large, seldom needed, and often attacked.
_KERNEL: _Numbers = {
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "memfd_secret": (447, 447),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "lookup_dcookie": (212, 18),
    "nfsservctl": (180, 42),
    "modify_ldt": (154, None),
    "personality": (135, 92),
    "vhangup": (153, 58),
    "landlock_create_ruleset": (444, 444),
}

# The machine: its clock, its name, its swap, its ports, who runs before whom.
_MACHINE: _Numbers = {
    "acct": (163, 89),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "syslog": (103, 116),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
    "iopl": (172, None),
    "ioperm": (173, None),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "sched_setattr": (314, 274),
    "ioprio_set": (251, 30),
}

# Memory and messages that outlive their process and count for none.
_IPC: _Numbers = {
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "semget": (64, 190),
    "semctl": (66, 191),
    "msgget": (68, 186),
    "msgctl": (71, 187),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
}

# What is left of the network where no socket can be made, and memory that no resident size shows. CUDA
# needs memfd_create and unix sockets.
_WITHOUT_CUDA: _Numbers = {
    "memfd_create": (319, 279),
    "connect": (42, 203),
    "bind": (49, 200),
    "listen": (50, 201),
    "accept": (43, 202),
    "accept4": (288, 242),
}

# Modes, owners and times of files: Landlock leaves them open. A compiler, which CUDA may need, sets modes.
_ATTRIBUTES: _Numbers = {
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
}


def supported(machine: str | None = None) -> bool:
    """Say whether this machine's calls are known here."""
    return (machine or platform.machine()) in _ARCHES


def program(cuda: bool, machine: str | None = None) -> bytes:
    """Return the filter, as an array of ``struct sock_filter``."""
    arch, column = _ARCHES[machine or platform.machine()]
    number = {name: numbers[column] for name, numbers in _CALLS.items()}
    refused = _PROCESSES | _FILES | _KERNEL | _MACHINE | _IPC
    if not cuda:
        refused |= _WITHOUT_CUDA | _ATTRIBUTES
    code = [
        _step(_LOAD, _ARCH),
        _step(_EQUAL, arch, 1, 0),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER),
        _step(_AT_LEAST, _LAST + 1, 0, 1),  # x32's numbers are above too
        _step(_RETURN, _ERRNO | errno.ENOSYS),
        _step(_EQUAL, number["clone3"] or 0, 0, 1),
        _step(_RETURN, _ERRNO | errno.ENOSYS),
    ]
    for one in sorted(filter(None, (numbers[column] for numbers in refused.values()))):
        code += [_step(_EQUAL, one, 0, 1), _step(_RETURN, _ERRNO | errno.EPERM)]
    code += _when(number["clone"], [*_argument(0), _step(_ANY_BIT, _NAMESPACES, 0, 1), _refuse()])
    code += _when(
        number["prlimit64"], [*_argument(0), _step(_EQUAL, 0, 1, 0), _refuse()]
    )  # of another process
    code += _when(number["socketpair"], _local_only())
    code += _when(number["socket"], _local_only() if cuda else [_refuse()])
    return b"".join([*code, _step(_RETURN, _ALLOW)])


def install(filter_program: bytes) -> None:
    """Filter the calls of this thread and of all that it starts. ``PR_SET_NO_NEW_PRIVS`` comes first.

    Raises:
        OSError: the kernel refuses.
    """
    held = ctypes.create_string_buffer(filter_program, len(filter_program))
    fprog = struct.pack("@HP", len(filter_program) // 8, ctypes.addressof(held))
    if _LIBC.prctl(_PR_SET_SECCOMP, _MODE_FILTER, fprog, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "seccomp cannot install its filter")


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """Return one instruction; jumps count the instructions that are left out."""
    return struct.pack("<HBBI", code, if_true, if_false, value)


def _refuse() -> bytes:
    return _step(_RETURN, _ERRNO | errno.EPERM)


def _argument(index: int) -> list[bytes]:
    """Load the low half of an argument: flags, families and process ids are 32 bits."""
    return [_step(_LOAD, _ARGUMENTS + 8 * index)]


def _local_only() -> list[bytes]:
    """Refuse all sockets but unix ones that are connected: a datagram could be sent to any name."""
    return [
        *_argument(0),
        _step(_EQUAL, _AF_UNIX, 1, 0),
        _refuse(),
        *_argument(1),
        _step(_AND, _SOCK_TYPE),
        _step(_EQUAL, _SOCK_STREAM, 2, 0),
        _step(_EQUAL, _SOCK_SEQPACKET, 1, 0),
        _refuse(),
    ]


def _when(number: int | None, body: list[bytes]) -> list[bytes]:
    """Run the body for one call, after which that call is allowed."""
    assert number is not None
    return [_step(_EQUAL, number, 0, len(body) + 1), *body, _step(_RETURN, _ALLOW)]
