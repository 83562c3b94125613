"""The download by MEGAcmd: runs mega-get, and says what its texts and exit codes mean.

Read from MEGAcmd 2.5.2's sources and replayed in the tests; the program itself is in no package
registry, so no test runs the real one.
"""

import contextlib
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from similubot_core.cancel import CancelToken
from similubot_core.errors import Cancelled, StageError
from similubot_core.process import (
    Access,
    ProcessResult,
    ProgramMissing,
    SandboxUnavailable,
    run_process,
)
from similubot_core.render import duration
from similubot_mega.api import RemoteFile, over_quota
from similubot_mega.links import MegaLink
from similubot_mega.tracker import MegaProgressTracker

PROGRAM = "mega-get"

TOLD_SECONDS = 10.0
"""After this long without a sign of life, the progress says so."""

_POLL_SECONDS = 0.5
_TRY_AGAIN_IN = re.compile(r"try again in ([\w ]{1,60})", re.IGNORECASE)
_NOTHING_TO_DO = re.compile(r"\(0/0 [KMGT]?B:")


class MegacmdFailed(StageError):  # noqa: N818
    """MEGAcmd failed. `ours` tells whether the embedded client would fail for the same reason."""

    def __init__(self, message: str, *, ours: bool, detail: str = "") -> None:
        super().__init__(message, detail=detail)
        self.ours = ours


# Exit codes of mega-get (2.5.2), and whether the embedded client would fail just so.
_SENTENCES: dict[int, tuple[str, bool]] = {
    2: ("MEGAcmd does not know what to do with this link; copy it again.", True),
    9: ("MEGA has nothing at this link: it was removed, or the link is misspelt.", True),
    13: ("The key of this MEGA link is missing or wrong; copy the whole link again.", True),
    16: ("MEGA has blocked this file or its owner's account; ask for another source.", True),
    20: ("MEGAcmd could not write the file; free some disk space.", True),
    51: ("MEGAcmd does not take the folder to download into; use the embedded backend.", False),
    55: ("MEGAcmd does not take the folder to download into; use the embedded backend.", False),
    56: ("MEGAcmd may not write into the folder; check who may write there.", False),
    57: ("MEGAcmd wants a login for this link; copy the whole link again.", False),
    254: ("MEGAcmd's server could not be started; run mega-cmd-server to see why.", False),
}


def find_program() -> str | None:
    """The path of mega-get, None when MEGAcmd is not installed."""
    return shutil.which(PROGRAM)


def download_by_megacmd(
    link: MegaLink,
    remote: RemoteFile,
    folder: Path,
    tracker: MegaProgressTracker,
    cancel: CancelToken,
    stall_timeout: float,
    clock: Callable[[], float] = time.monotonic,
) -> Path:
    """Run mega-get for a file link into `folder`, which is empty; return the file.

    Its own name for the file may be another than ours, so it is what lies in the folder.

    Args:
        link: The link. mega-get takes it with its key as an argument, which other users of the
            machine can see in the list of processes; MEGAcmd offers no other way.
        remote: What is expected.
        folder: Empty, of the job's own: MEGAcmd skips or renames where a target exists.
        tracker: Gets what is printed.
        cancel: Stops mega-get within 2 seconds.
        stall_timeout: Seconds without a new line or a new byte in the folder.
        clock: Returns seconds that only grow.

    Raises:
        MegacmdFailed: With the sentence for the user.
        Cancelled: The token was set.
    """
    program = find_program()
    if program is None:
        raise MegacmdFailed(
            "MEGAcmd is not installed; install it, or use the embedded backend.", ours=False
        )
    watch = _Watch(folder, tracker, stall_timeout, clock)
    inner = CancelToken()
    with cancel.on_cancel(inner.cancel), watch.running(inner):
        try:
            result = run_process(
                [program, link.secret_url, str(folder)],
                on_line=watch.line,
                cancel=inner,
                # The download is done by MEGAcmd's own server, which mega-get finds, and starts,
                # in the user's home folder.
                access=Access(locked_in=False),
            )
        except Cancelled:
            cancel.raise_if_cancelled()
            raise MegacmdFailed(
                f"MEGAcmd brought nothing for {duration(stall_timeout)}, as it does when MEGA's "
                "transfer quota is used up; try again in some hours.",
                ours=False,
            ) from None
        except (ProgramMissing, SandboxUnavailable) as error:
            raise MegacmdFailed(error.message, ours=False) from error
    return _checked(result, link, remote, folder)


def _checked(result: ProcessResult, link: MegaLink, remote: RemoteFile, folder: Path) -> Path:
    """Find the file; exit code 0 alone means nothing, since it is 0 over quota too."""
    said = _without_key(f"{result.stdout_tail}\n{result.stderr_tail}", link)[-2000:]
    detail = f"mega-get exit {result.returncode}: {said}"
    if result.returncode != 0:
        sentence, ours = _SENTENCES.get(
            result.returncode,
            (f"MEGAcmd failed (exit {result.returncode}); use the embedded backend.", False),
        )
        raise MegacmdFailed(sentence, ours=ours, detail=detail)
    files = [path for path in folder.iterdir() if path.is_file() and not path.is_symlink()]
    if len(files) == 1 and files[0].stat().st_size == remote.size:
        return files[0]
    if "Transfer not started" in said or "quota" in said.lower():
        when = _TRY_AGAIN_IN.search(said)
        sentence = over_quota(None).message
        if when:
            sentence = sentence.replace("in some hours", f"in {when[1].strip()}")
        raise MegacmdFailed(sentence, ours=True, detail=detail)
    raise MegacmdFailed(
        "MEGAcmd said that it was done, but the file is not there in full; "
        "use the embedded backend.",
        ours=False,
        detail=detail,
    )


def _without_key(text: str, link: MegaLink) -> str:
    return text.replace(link.secret_url, link.shown).replace(link.secret_url.partition("#")[2], "…")


class _Watch:
    """Tells a stall: no new line from mega-get and no new byte in the folder.

    MEGAcmd prints a line every 0.1 % only, so a slow download of a large file says nothing for
    minutes while its file grows.
    """

    def __init__(
        self,
        folder: Path,
        tracker: MegaProgressTracker,
        stall_timeout: float,
        clock: Callable[[], float],
    ) -> None:
        self._folder = folder
        self._tracker = tracker
        self._stall_timeout = stall_timeout
        self._clock = clock
        self._last = clock()
        self._bytes = 0

    def line(self, line: str) -> None:
        """Take a line that mega-get printed."""
        self._last = self._clock()
        # Printed over quota as 100 % of nothing; an empty file needs no bar.
        if not _NOTHING_TO_DO.search(line):
            self._tracker.parse_output(line)

    @contextlib.contextmanager
    def running(self, process: CancelToken) -> Iterator[None]:
        """Watch while the block runs; on a stall, set `process`."""
        done = threading.Event()

        def watch() -> None:
            while not done.wait(_POLL_SECONDS):
                if self._silence() > self._stall_timeout:
                    process.cancel()
                    return

        watcher = threading.Thread(target=watch, name="mega-get-watch")
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()

    def _silence(self) -> float:
        """Seconds without a sign of life; the progress mentions a long silence."""
        size = _size_of(self._folder)
        now = self._clock()
        if size != self._bytes:
            self._bytes, self._last = size, now
        silent = now - self._last
        if silent > TOLD_SECONDS:
            self._tracker.update(message=f"MEGAcmd has brought nothing for {duration(silent)}…")
        return silent


def _size_of(folder: Path) -> int:
    """Bytes in all files of a folder; files that vanish meanwhile count as nothing."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            total += path.lstat().st_size
    return total
