"""The Unix socket by which `similubot bot ctl` reaches a running bot."""

import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from similubot_core import SimilubotError, UsageError

NAME = "ctl.sock"
LIMIT = 64 * 1024
ANSWER_SECONDS = 60.0


class ControlServer:
    """Serves the socket in the bot's folder, which only its owner can enter.

    Args:
        folder: The bot's data folder.
        run: Does what a line of words says; returns what was done.
    """

    def __init__(self, folder: Path, run: Callable[[Sequence[str]], Awaitable[str]]) -> None:
        self._folder = folder
        self._run = run
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Begin to serve; a socket that a crash left is replaced."""
        path = self._folder / NAME
        path.unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX)
        with _short_path(self._folder) as short:
            listening.bind(str(short / NAME))
        path.chmod(0o600)
        self._server = await asyncio.start_unix_server(self._serve, sock=listening, limit=LIMIT)

    async def stop(self) -> None:
        """Serve nothing more."""
        if self._server is not None:
            self._server.close()
            (self._folder / NAME).unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, ValueError, asyncio.LimitOverrunError):
            words = json.loads(await reader.readline())
            try:
                if not isinstance(words, list) or not all(isinstance(w, str) for w in words):
                    raise UsageError("Send a list of words.")
                answer = {"done": await self._run(words)}
            except SimilubotError as error:
                answer = {"error": error.message}
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        writer.close()


def send(folder: Path, words: Sequence[str]) -> str:
    """Have the bot that works in a folder do something; returns what was done.

    Raises:
        UsageError: No bot runs there, or it refuses; says why.
    """
    try:
        with socket.socket(socket.AF_UNIX) as client, _short_path(folder) as short:
            client.settimeout(ANSWER_SECONDS)
            client.connect(str(short / NAME))
            client.sendall(json.dumps(list(words)).encode() + b"\n")
            with client.makefile("rb") as file:
                answer = json.loads(file.readline())
    except (OSError, ValueError) as error:
        raise UsageError(f"No bot is running in {folder}; start it first.") from error
    if "error" in answer:
        raise UsageError(str(answer["error"]))
    return str(answer["done"])


@contextmanager
def _short_path(folder: Path) -> Iterator[Path]:
    """The folder by a short name: the path of a socket may have 107 bytes only."""
    if len(os.fsencode(folder)) < 90 or not Path("/proc/self/fd").is_dir():
        yield folder
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield Path(f"/proc/self/fd/{handle}")
    finally:
        os.close(handle)
