"""The loopback MEGA as a process of its own, so that its work is not the client's."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Mega:
    """A server that runs.

    Attributes:
        url: Its address, for `SIMILUBOT_MEGA_API_URL`.
        links: The links of the files, then of the generated ones.
        pid: The process's id.
    """

    url: str
    links: tuple[str, ...]
    pid: int


@contextmanager
def serving(
    files: Sequence[Path] = (),
    *,
    generate: Sequence[int] = (),
    bytes_per_second: int | None = None,
    limit: int | None = None,
) -> Iterator[Mega]:
    """Run it for the time of a with block.

    Args:
        files: What it serves.
        generate: Sizes in bytes of further files, which it makes up.
        bytes_per_second: What it sends on all connections together; None is no limit.
        limit: Bytes/s that it sends on each connection; None is no limit.
    """
    argv = [sys.executable, "-m", "similubot_loopback.mega_server", *map(str, files)]
    if generate:
        argv += ["--generate", *map(str, generate)]
    if bytes_per_second:
        argv += ["--bytes-per-second", str(bytes_per_second)]
    if limit:
        argv += ["--limit", str(limit)]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        yield Mega(said["url"], tuple(said["links"]), process.pid)
    finally:
        process.communicate(timeout=30)
