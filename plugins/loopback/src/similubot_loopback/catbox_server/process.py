"""The loopback Catbox in a process of its own, so that its work and memory are not the client's."""

import argparse
import mmap
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from similubot_loopback.catbox_server.faults import Fault
from similubot_loopback.catbox_server.server import LoopbackCatbox, ReceivedRequest

_COUNTER_BYTES = 8


class Addresses(msgspec.Struct, frozen=True):
    """Where the server listens; the same names as `LoopbackCatbox` has."""

    catbox_url: str
    litterbox_url: str
    files_url: str


class Order(msgspec.Struct, frozen=True):
    """A line for the process; its answer is what was received so far."""

    script: tuple[Fault, ...] = ()
    forget: bool = False


class CatboxProcess:
    """`LoopbackCatbox` run by another Python process; a context manager.

    Faults go to it, and what it received comes back, over its standard input and output. The
    number of bytes read lies in memory that both share, so that reading it costs the server
    nothing and is never late.

    Args:
        folder: Where the files go; made when missing.
        certificate: Paths of a PEM certificate chain and its key; with it the server speaks TLS.
        parse: False drops each body unread by any parser, to measure a client's throughput.
        receive_buffer: As for `LoopbackCatbox`.
        bytes_per_second: Bytes/s read of all bodies together at most; None is no limit.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        certificate: tuple[Path, Path] | None = None,
        parse: bool = True,
        receive_buffer: int | None = None,
        bytes_per_second: int | None = None,
    ) -> None:
        self._counter_file = tempfile.NamedTemporaryFile(prefix="similubot-counter-")  # noqa: SIM115
        self._counter_file.write(bytes(_COUNTER_BYTES))
        self._counter_file.flush()
        self._counter = mmap.mmap(self._counter_file.fileno(), _COUNTER_BYTES)
        argv = [sys.executable, "-m", "similubot_loopback.catbox_server.process"]
        argv += ["--folder", str(folder), "--counter", self._counter_file.name]
        if certificate is not None:
            argv += ["--certificate", *map(str, certificate)]
        if not parse:
            argv.append("--drop")
        if receive_buffer is not None:
            argv += ["--receive-buffer", str(receive_buffer)]
        if bytes_per_second is not None:
            argv += ["--bytes-per-second", str(bytes_per_second)]
        self._argv = argv
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        addresses = msgspec.json.decode(self._line(), type=Addresses)
        self.catbox_url = addresses.catbox_url
        self.litterbox_url = addresses.litterbox_url
        self.files_url = addresses.files_url
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def bytes_read(self) -> int:
        """Bytes of bodies read so far, of all requests together."""
        return int.from_bytes(self._counter[:_COUNTER_BYTES], sys.byteorder)

    def script(self, *faults: Fault) -> None:
        """Have the next uploads meet these faults, one each; they hold once this returns."""
        self._ask(Order(faults))

    @property
    def requests(self) -> tuple[ReceivedRequest, ...]:
        """The POSTs dealt with so far, failed ones too."""
        return msgspec.json.decode(self._ask(Order()), type=tuple[ReceivedRequest, ...])

    def forget(self) -> None:
        """Drop what is scripted and what was received, but for the files."""
        self._ask(Order(forget=True))

    def wait_until(self, condition: Callable[[Self], bool], seconds: float = 10.0) -> bool:
        """Wait until `condition` holds, looking a hundred times a second; False if it never did."""
        end = time.monotonic() + seconds
        while not (held := condition(self)) and time.monotonic() < end:
            time.sleep(0.01)
        return held

    def close(self) -> None:
        """End the process and wait for it; harmless when called again."""
        if self._counter_file.closed:
            return
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
        self._counter.close()
        self._counter_file.close()

    def _ask(self, order: Order) -> bytes:
        assert self._process.stdin is not None
        with self._lock:
            self._process.stdin.write(msgspec.json.encode(order) + b"\n")
            self._process.stdin.flush()
            return self._line()

    def _line(self) -> bytes:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the loopback Catbox's process ended unexpectedly")
        return line


def main() -> None:
    """Serve until standard input ends; each line of it is an `Order`."""
    parser = argparse.ArgumentParser(prog="python -m similubot_loopback.catbox_server.process")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--counter", type=Path, required=True)
    parser.add_argument("--certificate", type=Path, nargs=2)
    parser.add_argument("--drop", action="store_true")
    parser.add_argument("--receive-buffer", type=int)
    parser.add_argument("--bytes-per-second", type=int)
    arguments = parser.parse_args()
    with arguments.counter.open("r+b") as file:
        counter = mmap.mmap(file.fileno(), _COUNTER_BYTES)

    def count(read: int) -> None:
        counter[:_COUNTER_BYTES] = read.to_bytes(_COUNTER_BYTES, sys.byteorder)

    server = LoopbackCatbox(
        arguments.folder,
        certificate=tuple(arguments.certificate) if arguments.certificate else None,
        parse=not arguments.drop,
        receive_buffer=arguments.receive_buffer,
        bytes_per_second=arguments.bytes_per_second,
        on_read=count,
    )
    out = sys.stdout.buffer
    with server:
        urls = Addresses(server.catbox_url, server.litterbox_url, server.files_url)
        out.write(msgspec.json.encode(urls) + b"\n")
        out.flush()
        for line in sys.stdin.buffer:
            order = msgspec.json.decode(line, type=Order)
            if order.forget:
                server.forget()
            server.script(*order.script)
            out.write(msgspec.json.encode(server.requests) + b"\n")
            out.flush()


if __name__ == "__main__":
    main()
