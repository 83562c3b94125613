"""A MEGA server on a loopback port: the public API and the data, with faults on demand.

It speaks the part of MEGA's protocol that public links need (API commands `g` and `f`, encrypted
data by ranges). Files are encrypted to disk once and sent from there, so a file of any size costs
no memory. Run it as a process of its own for measurements: `python -m
similubot_loopback.mega_server FILE… [--limit N] [--bytes-per-second N] [--generate SIZE…]` prints
one JSON object (`url`, `links`) and serves until its stdin ends; it then prints its counters.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import secrets
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from similubot_loopback.bandwidth import Bandwidth
from similubot_loopback.mega_server.crypto import (
    b64,
    encrypt_attributes,
    encrypt_file,
    encrypt_to_zeros,
    wrap_key,
)
from similubot_loopback.mega_server.faults import (
    ApiFault,
    DataFault,
    DataFaultKind,
    Planned,
    hashcash_challenge,
    hashcash_is_right,
)
from similubot_loopback.mega_server.http import MegaHttpServer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self


@dataclass(frozen=True)
class StoredFile:
    """One encrypted file on the server's disk."""

    path: Path
    size: int
    attributes: str


@dataclass(frozen=True)
class PublicFolder:
    """A shared folder: its link, and links into it. All of them hold the secret key."""

    link: str = field(repr=False)
    handles: Mapping[str, str]
    """Handle of each node by its path in the folder, for example `album/song.mp3`."""

    def link_to(self, path: str) -> str:
        """Return the link that chooses one file or folder of this folder."""
        kind = "file" if PurePosixPath(path).suffix else "folder"
        return f"{self.link}/{kind}/{self.handles[path]}"


@dataclass
class Counters:
    """What was asked for and sent since the start."""

    bytes_served: int = 0
    """Bytes of files that reached the other side (of a connection cut by RST, those that the
    other side had taken by then)."""
    api_requests: int = 0
    data_requests: int = 0
    open_downloads: int = 0
    peak_downloads: int = 0
    """The most data answers that were under way at one time."""


class LoopbackMega:
    """A MEGA server on a free port of 127.0.0.1, in threads of this process.

    Use it as a context manager; `url` is what `SIMILUBOT_MEGA_API_URL` wants. Every method may be
    called from any thread, also while clients download. Leaving it cuts all connections, ends all
    threads and removes the encrypted files.
    """

    def __init__(self, *, limit: int | None = None, bytes_per_second: int | None = None) -> None:
        """Prepare a server.

        Args:
            limit: Bytes/s of data sent on each connection at most; None is no limit.
            bytes_per_second: Bytes/s of data sent on all connections together at most; None is no
                limit.
        """
        self.limit = limit
        self.line = Bandwidth(bytes_per_second) if bytes_per_second else None
        self.counters = Counters()
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._folder = tempfile.TemporaryDirectory(prefix="loopback-mega-")
        self._public: dict[str, StoredFile] = {}
        self._nodes: dict[str, dict[str, StoredFile]] = {}
        self._listings: dict[str, list[dict[str, object]]] = {}
        self._addresses: dict[str, StoredFile] = {}
        self._api_faults: list[Planned[ApiFault]] = []
        self._data_faults: list[Planned[DataFault]] = []
        self._challenges: set[str] = set()
        self._hashcash: int | None = None
        self._http = MegaHttpServer(self)

    @property
    def url(self) -> str:
        """The API's base address, what comes before `/cs`."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.closing.set()
        self._http.shutdown()
        self._thread.join()
        self._http.cut_all()
        self._http.server_close()
        self._folder.cleanup()

    # What is on the server

    def add_file(self, name: str, content: bytes | Path) -> str:
        """Encrypt and publish a file; return its public link, which holds the key.

        `name` is stored as it is, however hostile. A Path is read in pieces, whatever its size.
        """
        return self._publish(*self._store(name, content))

    def add_generated_file(self, name: str, size: int) -> str:
        """Publish a file of `size` bytes that needs no disk; return its public link.

        Encrypted it is all zeros, which lie in a file of holes; its content is the key stream, so
        it looks random to whoever decrypts it.
        """
        path = self._new_path()
        with path.open("wb") as file:
            file.truncate(size)
        done = encrypt_to_zeros(size, name)
        return self._publish(StoredFile(path, done.size, done.attributes), done.key)

    def _publish(self, stored: StoredFile, key: bytes) -> str:
        handle = _new_handle()
        with self._lock:
            self._public[handle] = stored
        return f"https://mega.nz/file/{handle}#{b64(key)}"

    def add_folder(self, name: str, files: Mapping[str, bytes | Path]) -> PublicFolder:
        """Publish a folder of files, given by their paths in it (`a/b.mp3` makes a folder `a`)."""
        folder_key = secrets.token_bytes(16)
        public, root = _new_handle(), _new_handle()
        nodes: list[dict[str, object]] = []
        handles: dict[str, str] = {}
        contents: dict[str, StoredFile] = {}

        def node(handle: str, parent: str, kind: int, key: bytes, attributes: str) -> None:
            wrapped = f"{root}:{wrap_key(key, folder_key)}"
            nodes.append(
                {"h": handle, "p": parent, "u": "loopback000", "t": kind, "a": attributes}
                | {"k": wrapped, "ts": int(time.time())}
            )

        def folder(handle: str, parent: str, folder_name: str) -> None:
            key = secrets.token_bytes(16)
            node(handle, parent, 1, key, encrypt_attributes(folder_name, key))

        folder(root, _new_handle(), name)
        for path, content in files.items():
            parent = root
            for above in reversed(PurePosixPath(path).parents[:-1]):
                if str(above) not in handles:
                    handles[str(above)] = _new_handle()
                    folder(handles[str(above)], parent, above.name)
                parent = handles[str(above)]
            stored, key = self._store(PurePosixPath(path).name, content)
            handles[path] = _new_handle()
            contents[handles[path]] = stored
            node(handles[path], parent, 0, key, stored.attributes)
            nodes[-1]["s"] = stored.size
        with self._lock:
            self._nodes[public] = contents
            self._listings[public] = nodes
        return PublicFolder(f"https://mega.nz/folder/{public}#{b64(folder_key)}", handles)

    def _store(self, name: str, content: bytes | Path) -> tuple[StoredFile, bytes]:
        path = self._new_path()
        with contextlib.ExitStack() as files:
            source = (
                files.enter_context(content.open("rb"))
                if isinstance(content, Path)
                else io.BytesIO(content)
            )
            done = encrypt_file(source, files.enter_context(path.open("wb")), name)
        return StoredFile(path, done.size, done.attributes), done.key

    def _new_path(self) -> Path:
        return Path(self._folder.name) / secrets.token_hex(8)

    # Faults

    def fail_api(
        self,
        code: int | None = None,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        times: int | None = 1,
    ) -> None:
        """Let the next `times` API requests (None: all) fail with MEGA's `code` or a status."""
        with self._lock:
            self._api_faults.append(Planned(ApiFault(code, status, dict(headers or {})), times))

    def ask_for_hashcash(self, easiness: int | None) -> None:
        """Answer 402 to API requests without proof of work (easiness 0 to 255; None: stop)."""
        with self._lock:
            self._hashcash = easiness

    def fail_data(
        self,
        kind: DataFaultKind,
        *,
        at: int | None = None,
        status: int = 500,
        headers: Mapping[str, str] | None = None,
        times: int | None = 1,
        skip: int = 0,
    ) -> None:
        """Let the next `times` requests (None: all) for the byte `at` of a file fail as `kind`.

        The first `skip` such requests are let pass.
        """
        with self._lock:
            self._data_faults.append(
                Planned(DataFault(kind, at, status, dict(headers or {})), times, skip)
            )

    def cut_connections(self) -> None:
        """Cut all connections that are open now, in the middle of what they are sending."""
        self._http.cut_all()

    def heal(self) -> None:
        """Forget all faults."""
        with self._lock:
            self._api_faults.clear()
            self._data_faults.clear()
            self._hashcash = None

    def wait_until_idle(self, seconds: float = 5.0) -> None:
        """Wait until no data answer is under way, so that the counters are final.

        Raises:
            TimeoutError: One still is after so many seconds.
        """
        deadline = time.monotonic() + seconds
        while self.counters.open_downloads:
            if time.monotonic() > deadline:
                raise TimeoutError("a download is still under way")
            self.closing.wait(0.002)

    # What the HTTP side asks

    def take_api_fault(self) -> ApiFault | None:
        """Return the fault that this API request meets, and count it as met."""
        with self._lock:
            self.counters.api_requests += 1
            for planned in self._api_faults:
                if planned.strike():
                    return planned.fault
            return None

    def take_data_fault(self, first: int, last: int) -> DataFault | None:
        """Return the fault that a request for these bytes meets, and count it as met."""
        with self._lock:
            for planned in self._data_faults:
                if planned.fault.strikes(first, last) and planned.strike():
                    return planned.fault
            return None

    def challenge(self, answer: str | None) -> str | None:
        """Return the proof of work still wanted before an answer, or None when there is none."""
        with self._lock:
            easiness = self._hashcash
            known = [c for c in self._challenges if answer and c.split(":")[3] in answer]
        if easiness is None:
            return None
        if answer and known and hashcash_is_right(known[0], answer):
            return None
        wanted = hashcash_challenge(easiness, int(time.time()))
        with self._lock:
            self._challenges.add(wanted)
        return wanted

    def answer(self, command: object, folder: str | None) -> object:
        """Answer one API command: an object, or MEGA's error number."""
        if not isinstance(command, dict):
            return -2
        if command.get("a") == "f" and folder is not None:
            listing = self._listings.get(folder)
            return -9 if listing is None else {"f": listing, "ok": [], "s": [], "u": [], "sn": "x"}
        if command.get("a") != "g":
            return -2
        with self._lock:
            if isinstance(public := command.get("p"), str):
                stored = self._public.get(public)
            elif folder is not None and isinstance(node := command.get("n"), str):
                stored = self._nodes.get(folder, {}).get(node)
            else:
                return -2
            if stored is None:
                return -9
            reply: dict[str, object] = {"s": stored.size, "at": stored.attributes, "msd": 1}
            if command.get("g") == 1:
                token = secrets.token_urlsafe(18)
                self._addresses[token] = stored
                reply["g"] = f"{self.url}/dl/{token}"
            return reply

    def stored(self, token: str) -> StoredFile | None:
        """Return the file behind a download address, None when the address is dead."""
        with self._lock:
            return self._addresses.get(token)

    def expire(self, token: str | None = None) -> None:
        """Let one download address die, or (None) all that were given out."""
        with self._lock:
            if token is None:
                self._addresses.clear()
            else:
                self._addresses.pop(token, None)

    def began(self) -> None:
        """Count a data answer that begins."""
        with self._lock:
            self.counters.data_requests += 1
            self.counters.open_downloads += 1
            self.counters.peak_downloads = max(
                self.counters.peak_downloads, self.counters.open_downloads
            )

    def sent(self, count: int) -> None:
        """Count bytes that were sent; below 0 for those that never reached the other side."""
        with self._lock:
            self.counters.bytes_served += count

    def ended(self) -> None:
        """Count a data answer that ended."""
        with self._lock:
            self.counters.open_downloads -= 1


def _new_handle() -> str:
    return b64(secrets.token_bytes(6))


def main(argv: list[str] | None = None) -> int:
    """Serve files as a process of its own until stdin ends; prints links, then counters."""
    parser = argparse.ArgumentParser(prog="python -m similubot_loopback.mega_server")
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--limit", type=int, help="bytes/s on each connection")
    parser.add_argument("--bytes-per-second", type=int, help="bytes/s on all of them together")
    parser.add_argument(
        "--generate", type=int, nargs="+", default=(), metavar="SIZE", help="files of so many bytes"
    )
    arguments = parser.parse_args(argv)
    with LoopbackMega(limit=arguments.limit, bytes_per_second=arguments.bytes_per_second) as server:
        links = [server.add_file(path.name, path) for path in arguments.files]
        links += [server.add_generated_file(f"{size}.bin", size) for size in arguments.generate]
        sys.stdout.write(json.dumps({"url": server.url, "links": links}) + "\n")
        sys.stdout.flush()
        sys.stdin.read()
        sys.stdout.write(json.dumps(asdict(server.counters)) + "\n")
    return 0
