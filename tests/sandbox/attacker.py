"""A stand-in for a taken-over FFmpeg: tries what it should not be able to, and says what it could.

`test_attacker.py` fills in the first lines, makes it executable and names it as FFmpeg.
"""

# ruff: noqa: PTH101, PTH104, PTH108, PTH123, PTH208, PTH211  (it stands alone)
import ctypes
import errno
import json
import os
import resource
import socket
import sys
import time
from collections.abc import Callable

PLACES: dict[str, str] = {}  # filled in
PORTS: dict[str, int] = {}  # filled in
BOT = 0  # filled in
MARK = "s3cret-mark"

libc = ctypes.CDLL(None, use_errno=True)
# The only folder that it may write.
OWN = os.environ.get("TMPDIR", "")
found: list[str] = []


def attempt(what: str, function: Callable[[], object]) -> None:
    try:
        if function() is False:
            return
    except BaseException:
        return
    found.append(what)


def read(path: str) -> Callable[[], object]:
    return lambda: bool(open(path, "rb").read(1)) or False


def write(path: str) -> Callable[[], object]:
    def write_and_remove() -> None:
        with open(path, "wb") as file:
            file.write(b"x")
        os.unlink(path)

    return write_and_remove


def call(number: int, *arguments: object) -> bool:
    return bool(libc.syscall(number, *arguments) >= 0)


def udp() -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        return sender.sendto(MARK.encode(), ("127.0.0.1", PORTS["udp"])) > 0


def unix(address: str) -> Callable[[], object]:
    def connect() -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.connect(address)

    return connect


def rename_back_and_forth(path: str) -> None:
    os.rename(path, path + "2")
    os.rename(path + "2", path)


def mount() -> bool:
    mounted = libc.mount(b"none", OWN.encode(), b"tmpfs", 0, None) == 0
    if mounted:
        libc.umount2(OWN.encode(), 2)
    return bool(mounted)


def fill_memory() -> bool:
    """Take 3 GB, in pieces, by every way there is; True when they were to be had."""
    taken, pieces = 0, []
    while taken < 3 << 30:
        pieces.append(bytearray(64 << 20))
        taken += 64 << 20
    return True


def fill_hidden_memory() -> bool:
    """Memory that no limit of an address space counts, by files that have no name."""
    file = os.memfd_create("x")
    return os.write(file, b"x" * (1 << 20)) > 0


def fork_bomb() -> bool:
    """Twenty processes; each ends at once."""
    for _ in range(20):
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
    return True


def private_files() -> bool:
    """Whether an environment of another process can be read that holds the mark."""
    for pid in os.listdir("/proc"):
        if pid.isdigit() and int(pid) != os.getpid():
            try:
                with open(f"/proc/{pid}/environ", "rb") as file:
                    if MARK.encode() in file.read():
                        return True
            except OSError:
                continue
    return False


def run_tries() -> None:
    attempt("read a token in its environment", lambda: MARK in str(os.environ))
    attempt("read a token in /proc", private_files)
    attempt("read the memory of the bot", read(f"/proc/{BOT}/mem"))
    attempt("list the bot's files", lambda: os.listdir(f"/proc/{BOT}/fd"))
    attempt("read jobs.db", read(PLACES["database"]))
    attempt("read a file at home", read(PLACES["home"] + "/diary"))
    attempt("read /etc/shadow", read("/etc/shadow"))
    attempt("read another job's file", read(PLACES["other"]))
    attempt("write beside the output", write(PLACES["folder"] + "/beside"))
    attempt("write at home", write(PLACES["home"] + "/new"))
    attempt("write into the input", lambda: os.close(os.open(PLACES["input"], os.O_WRONLY)))
    attempt("write into /tmp", write("/tmp/similubot-attacker"))
    attempt("write into /dev/shm", write("/dev/shm/similubot-attacker"))
    attempt("write into /", write("/similubot-attacker"))
    attempt("cut jobs.db", lambda: os.truncate(PLACES["database"], 5))
    attempt("change the mode of jobs.db", lambda: os.chmod(PLACES["database"], 0o777))
    attempt("change the times of jobs.db", lambda: os.utime(PLACES["database"]))
    attempt("rename jobs.db", lambda: rename_back_and_forth(PLACES["database"]))
    attempt("remove the other job's file", lambda: os.unlink(PLACES["other"]))
    attempt(
        "connect by TCP to the bot's port",
        lambda: socket.create_connection(("127.0.0.1", PORTS["tcp"]), 2),
    )
    attempt("send by UDP", udp)
    attempt("listen on a port", lambda: socket.create_server(("127.0.0.1", 0)))
    attempt("connect to a service's socket", unix(PLACES["socket"]))
    attempt("connect to an abstract socket", unix("\0" + PLACES["abstract"]))
    attempt("trace the bot", lambda: libc.ptrace(0x4206, BOT, 0, 0) == 0)
    attempt(
        "read the bot's memory by a call",
        lambda: (
            os.strerror(ctypes.get_errno())
            if libc.process_vm_readv(BOT, None, 0, None, 0, 0) == 0
            else False
        ),
    )
    attempt("signal the bot", lambda: os.kill(BOT, 0))
    attempt(
        "change the bot's limits",
        lambda: resource.prlimit(
            BOT, resource.RLIMIT_CORE, resource.getrlimit(resource.RLIMIT_CORE)
        ),
    )
    attempt(
        "change the bot's priority",
        lambda: os.setpriority(os.PRIO_PROCESS, BOT, os.getpriority(os.PRIO_PROCESS, BOT)),
    )
    attempt("leave a link to jobs.db", lambda: os.symlink(PLACES["database"], OWN + "/link"))
    attempt("leave a hard link to jobs.db", lambda: os.link(PLACES["database"], OWN + "/hard"))
    attempt("leave a device", lambda: os.mknod(OWN + "/device", 0o20666, os.makedev(1, 1)))
    attempt("inherit a descriptor", lambda: bool([n for n in range(3, 64) if is_open(n)]))
    attempt("take a terminal", lambda: os.open("/dev/tty", os.O_RDWR))
    attempt("gain privileges by a setuid program", lambda: libc.prctl(39, 0, 0, 0, 0) == 0)
    attempt("leave a core dump", lambda: resource.getrlimit(resource.RLIMIT_CORE)[0] != 0)
    attempt("mount", mount)
    attempt("make namespaces", lambda: libc.unshare(0x10000000) == 0)
    attempt("ask the kernel for keys", lambda: call(250, 0, -3, 0))
    attempt("use io_uring", lambda: call(425, 1, ctypes.create_string_buffer(120)))
    attempt(
        "load a program into the kernel",
        lambda: (
            call(321, 5, ctypes.create_string_buffer(120), 120)
            or ctypes.get_errno() not in (errno.EPERM, errno.EACCES)
        ),
    )
    attempt("take 3 GB of memory", fill_memory)
    attempt("take memory that is not counted", fill_hidden_memory)
    attempt("start programs without end", fork_bomb)


def is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def fill_disk() -> None:
    """Fill the folder that it may write, with files each of which is allowed."""
    number = 0
    while True:
        with open(f"{OWN}/fill{number}", "wb") as file:
            file.write(b"x" * (8 << 20))
        number += 1
        time.sleep(0.005)


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] == "--fill":
        fill_disk()
    run_tries()
    print("FOUND " + json.dumps(found), file=sys.stderr, flush=True)
    sys.exit(1)
