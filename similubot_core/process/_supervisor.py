"""The process that starts every program: one for each process of ours, and single-threaded.

It runs alone (``python -I -S``), so it imports nothing of ours. A process with threads cannot
safely run code between fork and exec; this one can, so limits, the sandbox's rules and the
parent-death signal are in force before the program's first instruction. It outlives us by a
moment, however we end: once its control socket closes, it kills what it started.

A request is four bytes of length, with the descriptors of a status socket, stdout and stderr, and
then a marshalled dict (see `similubot_core.process._children`). On a status socket it takes signal
numbers, one byte each, and answers with records of a letter and an int: ``E`` errno when the
program could not be started, ``X`` and its exit status (negative for a signal) once it has ended.
"""

import ctypes
import errno
import fcntl
import marshal
import os
import resource
import select
import signal
import socket
import struct
import sys

# ruff: noqa: SIM105, PTH123  (contextlib and pathlib take longer to import than all of these)
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

RECORD = struct.Struct("=ci")
PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 22, 24, 38
SECCOMP_MODE_FILTER = 2
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same on every kind of machine
RULE_PATH, RULE_PORT = 1, 2
OWN_PID = b"\x7f\x7f\x7f\x7f"
"""Stands in a filter for the program's process id, which is known only here."""
STATUS, FILTER = 3, 4
"""The descriptors of a child's status socket and of bubblewrap's filter."""
DAC_OVERRIDE = 1
LINUX = sys.platform == "linux"
AUTOGROUP_RETRY_MS = 30
OOM_SCORE = 500
"""Where memory runs out, the kernel ends a tool before it ends the program that started it."""

libc = ctypes.CDLL(None, use_errno=True)


def check(result: int) -> int:
    """The result of a call of the C library; raises OSError when it says that it failed."""
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
    return result


def restrict_by_landlock(rules: "tuple[bytes, list[tuple[bytes, int]], list[int]]") -> None:
    """Apply Landlock to this process: (ruleset attributes, paths with rights, TCP ports)."""
    attributes, paths, ports = rules
    ruleset = check(
        libc.syscall(
            CREATE_RULESET, ctypes.c_char_p(attributes), ctypes.c_size_t(len(attributes)), 0
        )
    )
    for path, rights in paths:
        try:
            beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue  # what is not there cannot be read
        rule = struct.pack("=Qi", rights, beneath)
        check(libc.syscall(ADD_RULE, ruleset, RULE_PATH, ctypes.c_char_p(rule), 0))
        os.close(beneath)
    for port in ports:
        rule = struct.pack("=QQ", 2, port)  # connect
        check(libc.syscall(ADD_RULE, ruleset, RULE_PORT, ctypes.c_char_p(rule), 0))
    check(libc.syscall(RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)


def filter_system_calls(program: bytes) -> None:
    """Apply a seccomp filter to this process."""
    code = ctypes.create_string_buffer(program)
    described = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    check(libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.c_char_p(described), 0, 0))


def drop_capabilities() -> None:
    """Leave root nothing of what makes it root, but that it opens files of any owner."""
    for capability in range(64):
        if capability != DAC_OVERRIDE and libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0:
            break
    header = struct.pack("=Ii", 0x20080522, 0)
    left = struct.pack("=6I", 1 << DAC_OVERRIDE, 1 << DAC_OVERRIDE, 0, 0, 0, 0)
    libc.capset(ctypes.c_char_p(header), ctypes.c_char_p(left))


def set_limits(limits: "dict[int, tuple[int, int]]") -> None:
    """Lower the soft and hard limits of this process to these, never raise them."""
    for number, (soft, hard) in limits.items():
        _, allowed = resource.getrlimit(number)
        if allowed != resource.RLIM_INFINITY:
            soft, hard = min(soft, allowed), min(hard, allowed)
        try:
            resource.setrlimit(number, (soft, hard))
        except (OSError, ValueError):  # macOS knows some limits only by name
            continue


def write_proc(name: str, value: int) -> int:
    """Write a number into a file of /proc; returns 0, or the errno of what stood in the way."""
    try:
        descriptor = os.open(f"/proc/{name}", os.O_WRONLY | os.O_CLOEXEC)
    except OSError as error:
        return error.errno or errno.EIO
    try:
        os.write(descriptor, b"%d" % value)
    except OSError as error:
        return error.errno or errno.EIO
    finally:
        os.close(descriptor)
    return 0


def become(request: "dict[str, Any]", descriptors: "list[int]", supervisor: int) -> None:
    """Turn this process, which was just forked, into the program; returns only if that fails."""
    status = descriptors[0]
    try:
        os.setsid()
        empty = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        # Above 9 first, so that none is overwritten before it is copied. All others close on exec.
        kept = [
            fcntl.fcntl(n, fcntl.F_DUPFD_CLOEXEC, 10) for n in (empty, *descriptors[1:], status)
        ]
        for target, number in enumerate(kept):
            os.dup2(number, target, inheritable=target != STATUS)
        status = STATUS
        for number in range(FILTER, 10):  # what they were before
            try:
                os.close(number)
            except OSError:
                pass
        for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them
            signal.signal(number, signal.SIG_DFL)
        os.setpriority(os.PRIO_PROCESS, 0, request["priority"])
        os.chdir(request["cwd"])
        if LINUX:
            lock_in(request, supervisor)
        else:
            set_limits(request["limits"])
        os.execve(request["argv"][0], request["argv"], request["environ"])  # noqa: S606
    except OSError as error:
        os.write(status, RECORD.pack(b"E", error.errno or errno.EIO))


def lock_in(request: "dict[str, Any]", supervisor: int) -> None:
    """Give up in this process what the program is not to have."""
    write_proc("self/oom_score_adj", OOM_SCORE)
    check(libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0))
    if os.getppid() != supervisor:
        os._exit(1)
    check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    if request["landlock"]:
        restrict_by_landlock(request["landlock"])
    if os.geteuid() == 0 and not request["wrapped"]:  # bubblewrap does, once it needs them no more
        drop_capabilities()
    filtered = request["filter"]
    if request["wrapped"] and filtered:
        # bubblewrap applies it inside; it needs system calls itself that the program must not use.
        memory = os.memfd_create("filter")
        os.write(memory, filtered)
        os.lseek(memory, 0, os.SEEK_SET)
        os.dup2(memory, FILTER)
        os.set_inheritable(FILTER, True)
    set_limits(request["limits"])
    if filtered and not request["wrapped"]:
        filter_system_calls(filtered.replace(OWN_PID, struct.pack("=I", os.getpid())))


class Supervisor:
    """Starts programs and tells how they end."""

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.status: dict[int, socket.socket] = {}  # by process id
        self.owners: dict[int, int] = {}  # the process id, by the status socket's number
        self.ended: set[int] = set()
        self.wrapped: set[int] = set()
        self.to_lower: dict[int, int] = {}
        self.poll = select.poll()
        self.woken, waker = os.pipe()
        for end in (self.woken, waker):
            os.set_blocking(end, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        self.poll.register(self.woken, select.POLLIN)
        self.poll.register(control, select.POLLIN)

    def serve(self) -> None:
        """Work until the control socket closes, then kill what is left."""
        try:
            while True:
                timeout = AUTOGROUP_RETRY_MS if self.to_lower else None
                for number, _ in self.poll.poll(timeout):
                    if number == self.woken:
                        os.read(self.woken, 4096)
                    elif number == self.control.fileno():
                        if not self.take_request():
                            return
                    elif number in self.owners:
                        self.take_signal(self.owners[number])
                self.note_ends()
                self.lower_groups()
        finally:
            for pid in self.status:
                self.kill(pid, signal.SIGKILL)

    def take_request(self) -> bool:
        """Start the next program; False when nobody is left to ask for one."""
        try:
            header, descriptors, _, _ = socket.recv_fds(self.control, 4, 3)
            if not header:
                return False
            for number in descriptors:
                os.set_inheritable(number, False)
            (length,) = struct.unpack("=I", header)
            body = b""
            while len(body) < length:
                piece = self.control.recv(length - len(body))
                if not piece:
                    return False
                body += piece
        except ConnectionError:
            return False
        request = marshal.loads(body)  # noqa: S302  (from our own process)
        supervisor = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            self.answer(socket.socket(fileno=descriptors[0]), b"E", error.errno or errno.EAGAIN)
            for number in descriptors[1:]:
                os.close(number)
            return True
        if pid == 0:
            try:
                become(request, descriptors, supervisor)
            finally:
                os._exit(127)
        for number in descriptors[1:]:
            os.close(number)
        status = socket.socket(fileno=descriptors[0])
        status.setblocking(False)
        self.status[pid] = status
        self.owners[status.fileno()] = pid
        if request["wrapped"]:
            self.wrapped.add(pid)
        if LINUX and request["priority"] > 0:
            self.to_lower[pid] = request["priority"]
        self.poll.register(status, select.POLLIN)
        return True

    def take_signal(self, pid: int) -> None:
        """Pass on the signals that the program's owner sent; an owner who is gone wants its end."""
        try:
            numbers = self.status[pid].recv(64)
        except BlockingIOError:
            return
        except ConnectionError:
            numbers = b""
        for number in numbers:
            self.kill(pid, number)
        if not numbers:
            if pid not in self.ended:
                self.kill(pid, signal.SIGKILL)
            self.forget(pid)

    def kill(self, pid: int, number: int) -> None:
        """Signal a program's process group. The number cannot be another's: it is not reaped."""
        if pid in self.wrapped and number != signal.SIGKILL:
            inner = innermost(pid)
            if inner is not None:
                os.kill(inner, number)
                return
        try:
            os.killpg(pid, number)
        except PermissionError:  # macOS, of a group that has ended
            pass
        except ProcessLookupError:  # it has not yet made its group
            if pid not in self.ended:
                os.kill(pid, number)

    def note_ends(self) -> None:
        """Answer for the programs that have ended."""
        for pid in list(self.status):
            if pid in self.ended:
                continue
            status = exit_status(pid)
            if status is not None:
                self.ended.add(pid)
                if pid in self.wrapped and 128 < status < 160:
                    status = 128 - status  # bubblewrap tells a signal as shells do
                self.to_lower.pop(pid, None)
                self.answer(self.status[pid], b"X", status)

    def forget(self, pid: int) -> None:
        """Reap a program, and let go of its status socket."""
        try:
            os.waitpid(pid, 0)
        except ChildProcessError:  # where waiting without reaping is not to be had
            pass
        status = self.status.pop(pid)
        del self.owners[status.fileno()]
        self.poll.unregister(status)
        status.close()
        self.ended.discard(pid)
        self.wrapped.discard(pid)
        self.to_lower.pop(pid, None)

    @staticmethod
    def answer(status: socket.socket, letter: bytes, value: int) -> None:
        """Send a record, unless its reader is gone."""
        try:
            status.send(RECORD.pack(letter, value))
        except OSError:
            pass

    def lower_groups(self) -> None:
        """Lower the priority of the programs' sessions, which Linux schedules apart (autogroups).

        The kernel takes one such request in a tenth of a second, so some have to be repeated.
        """
        for pid, niceness in list(self.to_lower.items()):
            try:
                if os.getsid(pid) != pid:
                    continue  # it is still in our session
            except OSError:
                del self.to_lower[pid]
                continue
            if write_proc(f"{pid}/autogroup", niceness) != errno.EAGAIN:
                del self.to_lower[pid]


def innermost(pid: int) -> "int | None":
    """The program within bubblewrap: the child of its init, which is its own only child."""
    for _ in range(2):
        try:
            with open(f"/proc/{pid}/task/{pid}/children", "rb") as file:
                pid = int(file.read().split()[0])
        except (OSError, IndexError, ValueError):
            return None
    return pid


def exit_status(pid: int) -> "int | None":
    """How a child ended, None while it runs. It is not reaped yet, so its number stays its own."""
    if not hasattr(os, "waitid"):
        ended, status = os.waitpid(pid, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if ended else None
    found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    if found is None:
        return None
    return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status


if __name__ == "__main__":
    os.set_inheritable(int(sys.argv[1]), False)
    try:
        Supervisor(socket.socket(fileno=int(sys.argv[1]))).serve()
    finally:
        os._exit(0)
