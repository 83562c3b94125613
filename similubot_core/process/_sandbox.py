"""Locking a program in: what it may read, write and connect to, by bubblewrap or by Landlock.

Landlock's rules are made here, some 60 lines over three system calls: the packages for it
(`landlock`, `landlockpy`) restrict the process that calls them, and what has to be restricted is
one that has just been forked, in which nothing of ours can be imported.
"""

import ctypes
import functools
import os
import shutil
import struct
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from similubot_core.errors import SettingsError, StageError
from similubot_core.process._children import LandlockRules, Start, start

if TYPE_CHECKING:
    from collections.abc import Iterator

SandboxMode: TypeAlias = Literal["auto", "require", "off"]
Mechanism: TypeAlias = Literal["bubblewrap", "landlock"]

VARIABLE = "SIMILUBOT_CORE_SANDBOX"
_TRIAL_SECONDS = 10.0

# Programs, libraries and what finds them; no settings of the machine, and nobody's data.
_SYSTEM = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store", "/gnu/store"),
    *("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives"),
    *("/etc/localtime",),
)
_SYSTEM_OF_NETWORK = (
    *("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf"),
    *("/etc/services", "/etc/protocols", "/etc/ssl/certs", "/etc/ssl/openssl.cnf"),
    *("/etc/ca-certificates", "/etc/pki/tls/certs", "/etc/pki/ca-trust", "/etc/crypto-policies"),
    "/run/systemd/resolve",
)
_NAMESPACES = ("--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")

# Rights of Landlock (linux/landlock.h), by bits, with the version of its interface they came with.
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_FOLDER = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REMOVE_FOLDER, _REMOVE_FILE, _MAKE_FOLDER, _MAKE_FILE = 1 << 4, 1 << 5, 1 << 7, 1 << 8
_REFER, _TRUNCATE, _IOCTL = 1 << 13, 1 << 14, 1 << 15
_ALL_BUT_NEWER = (1 << 13) - 1
_READ = _EXECUTE | _READ_FILE | _READ_FOLDER
_WRITE = (
    _READ | _WRITE_FILE | _REMOVE_FOLDER | _REMOVE_FILE | _MAKE_FOLDER | _MAKE_FILE
    | _REFER | _TRUNCATE
)  # fmt: skip
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL
_BIND_AND_CONNECT = 3
_SIGNALS_AND_ABSTRACT_SOCKETS = 3


class SandboxUnavailable(StageError):  # noqa: N818
    """``[core] sandbox = "require"``, and this machine, or this tool, cannot be locked in."""


@dataclass(frozen=True, slots=True)
class Access:
    """What a program may reach, besides the system's programs and libraries.

    Attributes:
        reads: Files, and folders with all that is in them, that it may read and run.
        writes: Folders that it may read and write.
        network: Whether it may connect anywhere; a number is the one TCP port that it may connect
            to (of any address: Landlock tells only ports apart).
        locked_in: False for a program that cannot do its work locked in, because it works through a
            service of its own. It may then reach what this user may.
    """

    reads: Sequence[Path] = ()
    writes: Sequence[Path] = ()
    network: bool | int = False
    locked_in: bool = True


_stage_access: ContextVar[Access | None] = ContextVar("access of the stage", default=None)
_lock = threading.Lock()


def set_sandbox(mode: SandboxMode | Callable[[], SandboxMode]) -> None:
    """Say whether programs that `run_process` starts from now on are locked in; any thread.

    Args:
        mode: "auto" locks them in where the system can, "require" refuses to run them where it
            cannot, "off" leaves it at limits; or a function that is asked at each start. Without
            this call the environment variable SIMILUBOT_CORE_SANDBOX decides, else it is "auto".

    Raises:
        ValueError: It is none of them.
    """
    global _ask_mode
    if callable(mode):
        _ask_mode = mode
    else:
        chosen = _known(mode)
        _ask_mode = lambda: chosen  # noqa: E731


def sandbox_mode() -> SandboxMode:
    """What `set_sandbox`, the environment or the default says.

    Raises:
        SettingsError: The environment says something else.
    """
    return _ask_mode()


def _known(mode: str) -> SandboxMode:
    for known in get_args(SandboxMode):
        if mode == known:
            return known  # type: ignore[no-any-return]
    raise ValueError(f"the sandbox is one of {', '.join(get_args(SandboxMode))}")


def _mode_of_environment() -> SandboxMode:
    try:
        return _known(os.environ.get(VARIABLE) or "auto")
    except ValueError as error:
        raise SettingsError(f"The environment variable {VARIABLE}: {error}.") from None


_ask_mode: Callable[[], SandboxMode] = _mode_of_environment


@contextmanager
def stage_access(access: Access) -> "Iterator[None]":
    """Set what programs may reach that `run_process` starts in this block without `access`.

    A job puts this around each stage. Threads that a stage starts do not inherit it; there,
    `run_process` needs its own `access`.
    """
    token = _stage_access.set(access)
    try:
        yield
    finally:
        _stage_access.reset(token)


def current_access() -> Access | None:
    """What the stage around this call may reach; None outside of a stage."""
    return _stage_access.get()


def mechanism() -> Mechanism | None:
    """What locks programs in on this machine, found by trying it once; None is nothing."""
    with _lock:
        return _mechanism()


@functools.cache
def _mechanism() -> Mechanism | None:
    if sys.platform != "linux":
        return None
    if bubblewrap_works():
        return "bubblewrap"
    return "landlock" if landlock_version() else None


def bubblewrap_works() -> bool:
    """Whether bubblewrap is installed and may make namespaces here: it is tried, on itself."""
    program = _bubblewrap()
    if program is None:
        return False
    inside = Access(reads=(Path(program),))
    what = Start(
        argv=(*_wrapping(program, program, inside, "/", filtered=False), program, "--version"),
        environ={"PATH": os.defpath},
        cwd="/",
        priority=os.getpriority(os.PRIO_PROCESS, 0),
        limits={},
        wrapped=True,
    )
    try:
        child = start(what)
    except OSError:
        return False
    try:
        child.status.settimeout(_TRIAL_SECONDS)
        while not child.ended:
            child.take_status()
    except (OSError, StageError):
        return False
    finally:
        child.close()
    return child.returncode == 0


def landlock_version() -> int:
    """The version of Landlock's interface that this kernel speaks; 0 where it has none."""
    if sys.platform != "linux":
        return 0
    return _landlock_version()


@functools.cache
def _landlock_version() -> int:
    ask_for_version = 1
    libc = ctypes.CDLL(None, use_errno=True)
    found: int = libc.syscall(444, None, ctypes.c_size_t(0), ctypes.c_uint32(ask_for_version))
    return max(0, found)


def landlock_rules(program: str, access: Access) -> LandlockRules:
    """The rules that let `program` run and reach what `access` names."""
    version = landlock_version()
    known = _ALL_BUT_NEWER
    for since, right in ((2, _REFER), (3, _TRUNCATE), (5, _IOCTL)):
        if version >= since:
            known |= right
    with_ports = version >= 4 and access.network is not True
    ruleset = struct.pack("=Q", known)
    if version >= 4:
        ruleset += struct.pack("=Q", _BIND_AND_CONNECT if with_ports else 0)
    if version >= 6:
        ruleset += struct.pack("=Q", _SIGNALS_AND_ABSTRACT_SOCKETS)
    allowed = [(path, _READ) for path in _readable(program, access)]
    allowed += [(path, _READ_FILE | _WRITE_FILE | _TRUNCATE) for path in _DEVICES]
    allowed += [(path, _WRITE) for path in _everywhere(access.writes)]
    paths = [
        (os.fsencode(path), rights & known & (-1 if os.path.isdir(path) else _OF_FILES))  # noqa: PTH112
        for path, rights in allowed
        if os.path.exists(path)  # noqa: PTH110
    ]
    one_port = with_ports and access.network is not False
    return LandlockRules(ruleset, paths, [int(access.network)] if one_port else [])


def port_rule(port: int) -> LandlockRules | None:
    """The rule that leaves only this TCP port to connect to; None where Landlock has none such.

    bubblewrap, which shares the network then, is started under it.
    """
    if landlock_version() < 4:
        return None
    return LandlockRules(struct.pack("=QQ", 0, _BIND_AND_CONNECT), [], [port])


def wrapped(argv: Sequence[str], access: Access, cwd: str, *, filtered: bool) -> list[str]:
    """`argv` as an argument of bubblewrap, which gives it a file system of only what it needs."""
    program = _bubblewrap()
    assert program is not None
    return [*_wrapping(program, argv[0], access, cwd, filtered=filtered), *argv]


def _wrapping(
    bubblewrap: str, program: str, access: Access, cwd: str, *, filtered: bool
) -> list[str]:
    words = [bubblewrap, "--die-with-parent", *_NAMESPACES]
    if os.geteuid() == 0:
        # Without one of users: in it, root could not read a file that is another user's alone.
        words += ["--cap-add", "CAP_DAC_OVERRIDE"]
    else:
        words.append("--unshare-user")
    if access.network is False:
        words.append("--unshare-net")
    bound: list[str] = []

    def bind(how: str, path: str) -> None:
        real = os.path.realpath(path)
        if how == "--ro-bind" and any(path.startswith(f"{above}/") for above in bound):
            return
        words.extend((how, real, path))
        bound.append(path)

    for path in _readable(program, access):
        if os.path.islink(path) and path in _SYSTEM:  # noqa: PTH114  (/bin where /usr is merged)
            words += ["--symlink", os.readlink(path), path]  # noqa: PTH115
        elif os.path.exists(path):  # noqa: PTH110
            bind("--ro-bind", path)
    for path in _DEVICES:
        if os.path.exists(path):  # noqa: PTH110
            bind("--dev-bind", path)
    words += ["--dir", cwd]
    for path in _everywhere(access.writes):
        bind("--bind", path)
    # The root is a file system in memory: read-only, or it could be filled.
    words += ["--remount-ro", "/", "--chdir", cwd]
    if filtered:
        words += ["--seccomp", "4"]  # _supervisor.FILTER
    return [*words, "--"]


def _readable(program: str, access: Access) -> list[str]:
    """What is to be readable, the shorter paths first: those above others come before them."""
    named: list[Path | str] = [*access.reads, *_of_program(program)]
    of_network = _SYSTEM_OF_NETWORK if access.network is not False else ()
    library_path = os.environ.get("LD_LIBRARY_PATH", "").split(":")
    libraries = [path for path in library_path if path.startswith("/")]
    return sorted({*_SYSTEM, *of_network, *libraries, *_everywhere(named)}, key=len)


def _everywhere(paths: Iterable[Path | str]) -> list[str]:
    """Each path as it is written and, where links lead elsewhere, as it really is."""
    written = [os.path.abspath(path) for path in paths]  # noqa: PTH100
    return list(dict.fromkeys(p for path in written for p in (path, os.path.realpath(path))))


def _of_program(program: str, *, depth: int = 3) -> list[str]:
    """The files of a program: itself, its interpreter, and the libraries in the folder beside it
    where neither lies in the system's folders (a virtual environment, an unpacked archive).
    """
    found: list[str] = []
    for path in _everywhere([program]):
        if path.startswith(tuple(f"{above}/" for above in _SYSTEM)):
            continue
        prefix = os.path.dirname(os.path.dirname(path))  # noqa: PTH120
        beside = (os.path.join(prefix, name) for name in ("lib", "lib64", "pyvenv.cfg"))  # noqa: PTH118
        found += [path, *(name for name in beside if os.path.exists(name))]  # noqa: PTH110
    interpreter = _interpreter(program) if depth else None
    if interpreter is not None:
        found += _of_program(interpreter, depth=depth - 1)
    return found


def _interpreter(program: str) -> str | None:
    """What the first line of a script names, by way of `env` too; None of anything else."""
    try:
        with open(program, "rb") as file:  # noqa: PTH123
            first = file.readline(256)
    except OSError:
        return None
    words = os.fsdecode(first[2:]).split() if first.startswith(b"#!") else []
    if len(words) > 1 and os.path.basename(words[0]) == "env":  # noqa: PTH119
        return shutil.which(words[-1])
    return words[0] if words else None


@functools.cache
def _bubblewrap() -> str | None:
    return shutil.which("bwrap")
