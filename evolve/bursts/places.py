"""Where the interpreter, its packages and its libraries lie on this machine: all that a burst must read."""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from pathlib import Path

import population

_PACKAGES = (Path(__file__).parents[1], Path(population.__file__).parent)
_PROC = ("cpuinfo", "meminfo", "stat", "filesystems", "sys/vm/overcommit_memory")
_LOOKED_UP = ("/etc/ld.so.cache", "/etc/localtime", "/usr/share/zoneinfo", "/usr/lib/locale")
_SYSTEM = ("/sys/devices/system/cpu", "/sys/devices/system/node")
_LOADERS = ("/lib64", "/lib/ld-linux-aarch64.so.1")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_ROOTS = (
    "/usr",
    "/lib",
    "/lib64",
    "/opt",
    "/nix/store",
    "/run/opengl-driver",
)  # where libraries are installed
_CUDA = (
    *("/sys", "/proc/driver/nvidia", "/proc/devices", "/proc/modules", "/usr/local/cuda"),
    *("/usr/local/nvidia", "/usr/lib/wsl"),  # where the driver's libraries lie in containers, and on WSL
)
# triton calls a compiler, and asks ldconfig where the driver is
_COMPILER = (
    *("/usr/bin", "/bin", "/usr/include", "/usr/lib/gcc", "/usr/libexec/gcc"),
    *("/sbin/ldconfig", "/sbin/ldconfig.real"),
)


_PROGRAMS = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt"),
    *(f"/etc/{name}" for name in ("alternatives", "passwd", "group", "nsswitch.conf", "mime.types", "ssl")),
    *(f"/etc/{name}" for name in ("ld.so.conf", "ld.so.conf.d", "fonts", "python3", "R", "java-17-openjdk")),
)


def readable(cuda: bool) -> list[str]:
    """Return the files and folders that a burst reads."""
    paths = [*_interpreter(), *_libraries(), *_LOADERS, *_LOOKED_UP, *_SYSTEM]
    paths += [f"/proc/{name}" for name in _PROC]
    if cuda:
        paths += [*_CUDA, *_COMPILER, sysconfig.get_path("include")]
    return _there(paths)


def programs(path: str) -> list[str]:
    """Return what a user's own program reads beside that: the system's programs, and its environment.

    Args:
        path: of the program, whose own environment it is where it lies in one.
    """
    own = [path for link in _links(path) for path in (link, *_environment(Path(link)))]
    return _there([*_PROGRAMS, *own])


def _environment(program: Path) -> list[str]:
    """Return the folder of the environment that a program was installed in, if it is in one of its own."""
    folder = program.parent.parent
    signs = ("pyvenv.cfg", "conda-meta", *(path.name for path in folder.glob("lib/python3*")))
    whole = any((folder / name).exists() or (folder / "lib" / name).exists() for name in signs)
    ours = (Path.home(), Path.home() / ".local", *Path.home().parents)
    if program.parent.name != "bin" or not whole or folder in ours:
        return []
    return [str(folder)]


def devices(cuda: bool) -> list[str]:
    """Return the device nodes that a burst reads and writes."""
    nodes = list(_DEVICES)
    if cuda:
        nodes += sorted(str(path) for path in Path("/dev").glob("nvidia*"))
    return _there(nodes)


def foreign() -> list[str]:
    """Return other Pythons' libraries that lie among the readable ones: they hold the same text as ours."""
    own = {os.path.realpath(path) for path in _interpreter()}
    found = (path for folder in _libraries() for path in Path(folder).glob("python3*"))
    return [str(path) for path in found if not any(_within(one, os.path.realpath(path)) for one in own)]


def _interpreter() -> list[str]:
    """Return what this Python consists of: its files lie under ``sys.prefix`` and ``sys.base_prefix``."""
    kinds = ("stdlib", "platstdlib", "purelib", "platlib")
    paths = [sysconfig.get_path(kind) for kind in kinds] + site.getsitepackages()
    if site.ENABLE_USER_SITE:
        paths.append(site.getusersitepackages())
    if sys.prefix != sys.base_prefix:
        paths += [str(Path(sys.prefix, name)) for name in ("bin", "pyvenv.cfg")]
    paths += _links(sys.executable)
    return _there([*paths, *map(str, _PACKAGES)])


def _libraries() -> list[str]:
    """Return the folders of shared libraries: those of this process, and those that the loader is told of.

    Only where libraries are installed: one of yours that this process was made to load opens no folder.
    """
    with open("/proc/self/maps", encoding="utf-8") as lines:  # noqa: PTH123
        mapped = {line.split(maxsplit=5)[5].strip() for line in lines if ".so" in line}
    folders = {str(Path(path).parent) for path in mapped}
    folders.update(os.environ.get("LD_LIBRARY_PATH", "").split(":"))
    roots = (sys.prefix, sys.base_prefix, *_ROOTS)
    return sorted(_there([path for path in folders if any(_below(path, root) for root in roots)]))


def _links(path: str) -> list[str]:
    """Return a file and each file that it links to in turn."""
    found = [path]
    while os.path.islink(found[-1]) and len(found) < 40:  # noqa: PTH114
        found.append(os.path.join(os.path.dirname(found[-1]), os.readlink(found[-1])))  # noqa: PTH115, PTH118, PTH120
    return found


def _there(paths: list[str] | set[str]) -> list[str]:
    """Return those that exist, each once."""
    return list(dict.fromkeys(path for path in paths if os.path.exists(path)))  # noqa: PTH110


def _within(path: str, folder: str) -> bool:
    """Say whether a path is a folder or lies in it."""
    return path == folder or _below(path, folder)


def _below(path: str, folder: str) -> bool:
    """Say whether a path lies in a folder."""
    return path.startswith(folder + "/")
