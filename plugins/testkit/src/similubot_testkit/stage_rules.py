"""What every stage owes to its job, as checks that any stage, ours or a stranger's, is put through.

Each check runs the stage for real: a whole job, one that is cancelled, one with too little room.
"""

import contextlib
import hashlib
import io
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from similubot_core import (
    Cancelled,
    ConversionRequest,
    Converter,
    Downloader,
    ProgressInfo,
    ProgressStatus,
    StageContext,
    StageError,
    Uploader,
)
from similubot_core.cancel import CancelToken
from similubot_core.jobs import Job, run_job
from similubot_testkit.rules import assert_progress_keeps_the_rules

WAIT_SECONDS = 60.0
"""How long the check waits for a stage that works; far more than one on a test's data needs."""
CANCEL_SECONDS = 2.0
"""How long a stage may go on after a cancel. On a machine that is late itself the check adds ten
times what it was late."""
UNDER_WAY_SECONDS = 0.3
"""How long a stage is left alone before a cancel, so that it stands in one of its waits."""
LEFT_SECONDS = 10.0
"""How long what is about to end may take to."""
GARBAGE = b"\x00\xff This is no media file.\n" * 40


def assert_downloader_keeps_the_rules(
    downloader: Downloader, source: str, *, stalled: str | None = None
) -> None:
    """Check what a downloader owes to its job.

    It ends with a file in its folder, and tells of it; it prints nothing; it ends within 2 seconds
    after a cancel; it writes no more than `max_size`; whatever goes wrong is a `StageError`; no
    thread, child or temporary file is left.

    Args:
        downloader: The one to check.
        source: What it can fetch.
        stalled: A source that it begins to fetch and that then stands still for a minute, to find
            out whether a cancel gets through; None leaves that out.

    Raises:
        AssertionError: Says what it does not keep to.
    """
    with _laboratory("downloader") as check:
        size = 0
        for _ in range(2):  # what the first leaves, such as a helper for all jobs, is not counted
            with check.nothing_is_left():
                job = Job(source, downloader, _PassOn(), output=check.folder())
                size = check.job_ends_well(job)
        run = _bound(downloader.run, source)
        check.cancelled_beforehand(run)
        limited = StageContext(check.folder(), callbacks=(), max_size=max(1, size // 2))
        tried = check.run(run, limited)
        check.no_stranger(tried)
        assert tried.error is not None, (
            f"max_size: it fetched {size:,} bytes where {max(1, size // 2):,} were allowed; "
            "look at context.max_size"
        )
        if stalled is not None:
            check.cancelled_under_way(_bound(downloader.run, stalled), must_stall=True)


def assert_converter_keeps_the_rules(
    converter: Converter,
    file: Path,
    request: ConversionRequest | None = None,
    *,
    stalled: Path | None = None,
) -> None:
    """Check what a converter owes to its job.

    Besides what `assert_downloader_keeps_the_rules` says: the source is left as it is, the result
    is no larger than `max_size` asks (or there is a `StageError`), and a file that is none of its
    kind gives a `StageError` or a result, and nothing else.

    Args:
        converter: The one to check.
        file: What it can convert.
        request: What is asked of it; None is its default.
        stalled: A file that keeps it busy for a minute, to find out whether a cancel gets through;
            None leaves that out.

    Raises:
        AssertionError: Says what it does not keep to.
    """
    request = request or ConversionRequest()
    with _laboratory("converter") as check, check.stays_as_it_is(file):
        size = 0
        for _ in range(2):
            with check.nothing_is_left():
                job = Job(str(file), None, converter, request, output=check.folder())
                size = check.job_ends_well(job)
        run = _converts(converter, file, request)
        check.cancelled_beforehand(run)
        smaller = ConversionRequest(
            bitrate=request.bitrate, max_size=max(1, size // 2), format=request.format
        )
        tried = check.run(_converts(converter, file, smaller))
        check.no_stranger(tried)
        if tried.error is None and isinstance(tried.result, Path):
            made = tried.result.stat().st_size
            assert made <= max(1, size // 2), (
                f"max_size: it made {made:,} bytes where {max(1, size // 2):,} were asked for; "
                "look at request.max_size, and raise a StageError where it cannot be kept"
            )
        for name, content in (("a file of garbage", GARBAGE), ("an empty file", b"")):
            other = check.folder() / f"odd{file.suffix}"
            other.write_bytes(content)
            check.no_stranger(check.run(_converts(converter, other, request)), name)
        check.cancelled_under_way(
            run if stalled is None else _converts(converter, stalled, request),
            must_stall=stalled is not None,
        )


def assert_uploader_keeps_the_rules(
    uploader: Uploader, file: Path, *, stalled: Uploader | None = None
) -> None:
    """Check what an uploader owes to its job.

    Besides what `assert_downloader_keeps_the_rules` says: it returns a link of one line, and the
    file is left as it is, whatever its name.

    Args:
        uploader: The one to check.
        file: What it can upload.
        stalled: One like it, to a server that takes a while and then stands still for a minute, to
            find out whether a cancel gets through; None leaves that out.

    Raises:
        AssertionError: Says what it does not keep to.
    """
    with _laboratory("uploader") as check, check.stays_as_it_is(file):
        for _ in range(2):
            with check.nothing_is_left():
                check.job_ends_well(Job(str(file), None, _PassOn(), uploader=uploader))
        check.cancelled_beforehand(_bound(uploader.run, file))
        odd = check.folder() / f"% ;'\u202e\u65e5\u672c #?{file.suffix}"
        shutil.copyfile(file, odd)
        with check.stays_as_it_is(odd):
            check.no_stranger(check.run(_bound(uploader.run, odd)), f"the file {odd.name!r}")
        if stalled is not None:
            check.cancelled_under_way(_bound(stalled.run, file), must_stall=True)


Run = Callable[[StageContext], object]


def _bound(run: Callable[..., object], source: object) -> Run:
    return lambda context: run(source, context)


def _converts(converter: Converter, file: Path, request: ConversionRequest) -> Run:
    return lambda context: converter.run(file, request, context)


class _PassOn:
    """The other stage of the check's jobs."""

    def run(self, file: Path, request: ConversionRequest, context: StageContext) -> Path:
        return Path(shutil.copy(file, context.folder))


@dataclass
class _Told:
    """What was told of the operations, by id."""

    seen: dict[str, list[ProgressInfo]] = field(default_factory=dict)
    under_way: threading.Event = field(default_factory=threading.Event)

    def show(self, info: ProgressInfo) -> None:
        self.seen.setdefault(info.id, []).append(info)
        if info.unit != "stages":
            self.under_way.set()

    @property
    def of_the_stage(self) -> list[list[ProgressInfo]]:
        return [seen for seen in self.seen.values() if seen[0].unit != "stages"]


@dataclass
class _Tried:
    """How a run ended."""

    told: _Told
    result: object = None
    error: BaseException | None = None
    printed: str = ""
    ended: threading.Event = field(default_factory=threading.Event)


@contextlib.contextmanager
def _laboratory(kind: str) -> Iterator["_Laboratory"]:
    with tempfile.TemporaryDirectory(prefix="similubot-check-") as folder:
        before = tempfile.tempdir
        temporary = Path(folder) / "tmp"
        temporary.mkdir()
        tempfile.tempdir = str(temporary)
        try:
            yield _Laboratory(kind, Path(folder), temporary)
        finally:
            tempfile.tempdir = before


class _Laboratory:
    """Where one stage is tried: folders, and what is found out about a run."""

    def __init__(self, kind: str, root: Path, temporary: Path) -> None:
        self._kind = kind
        self._root = root
        self._temporary = temporary
        self._folders = 0

    def folder(self) -> Path:
        """A new folder."""
        self._folders += 1
        made = self._root / f"{self._folders}"
        made.mkdir()
        return made

    # -- running it

    def run(self, run: Run, context: StageContext | None = None) -> _Tried:
        """Run it to its end."""
        tried, thread = self._start(run, context)
        assert tried.ended.wait(WAIT_SECONDS), f"it did not end within {WAIT_SECONDS:g} s"
        thread.join()
        return tried

    def _start(
        self, run: Run, context: StageContext | None = None, cancel: CancelToken | None = None
    ) -> tuple[_Tried, threading.Thread]:
        tried = _Tried(_Told())
        token = cancel or CancelToken()
        given = context or StageContext(self.folder(), token, callbacks=(tried.told.show,))

        def target() -> None:
            try:
                tried.result = run(given)
            except BaseException as error:  # noqa: BLE001  (it is what is looked at)
                tried.error = error
            finally:
                tried.ended.set()

        thread = threading.Thread(target=target, name="similubot-check", daemon=True)
        thread.start()
        return tried, thread

    def job_ends_well(self, job: Job) -> int:
        """Run a whole job, which looks at what the stage returns; its result's bytes."""
        told, printed, parent = _Told(), io.StringIO(), self.folder()
        try:
            with contextlib.redirect_stdout(printed):
                result = run_job(job, callbacks=(told.show,), folder=parent)
        except StageError as error:
            raise AssertionError(f"its job failed: {error.message}") from error
        except Exception as error:
            raise AssertionError(
                f"it raised {type(error).__name__} ({error}); what goes wrong is a StageError, "
                "with a sentence for the user"
            ) from error
        assert list(parent.iterdir()) == [], "it left something beside its folder"
        assert not printed.getvalue(), (
            f"it printed {printed.getvalue()[:60]!r} on stdout, where results go; log it instead"
        )
        self._told_all(told)
        ended = [seen[-1].status for seen in told.of_the_stage]
        assert ProgressStatus.COMPLETED in ended, (
            "it told no progress that ended with COMPLETED; attach a tracker with context.attach, "
            "and complete it once the result was checked"
        )
        return result.size

    def _told_all(self, told: _Told) -> None:
        for seen in told.of_the_stage:
            assert_progress_keeps_the_rules(seen)

    # -- what is found out

    def no_stranger(self, tried: _Tried, of: str = "") -> None:
        """An error is one that a job can tell."""
        error = tried.error
        assert error is None or isinstance(error, (StageError, Cancelled)), (
            f"{of and f'of {of} '}it raised {type(error).__name__} ({error}); what goes wrong is a "
            "StageError, with a sentence for the user"
        )
        if isinstance(error, StageError):
            assert error.message.strip(), "its StageError has no sentence for the user"
        self._told_all(tried.told)

    def cancelled_beforehand(self, run: Run) -> None:
        """A job that was cancelled before the stage began."""
        token = CancelToken()
        token.cancel()
        tried, _ = self._start(run, cancel=token)
        self._ends_cancelled(tried, "it was cancelled before it began")

    def cancelled_under_way(self, run: Run, *, must_stall: bool) -> None:
        """A job that is cancelled in the midst of it."""
        token = CancelToken()
        tried, _ = self._start(run, cancel=token)
        deadline = time.monotonic() + WAIT_SECONDS
        while not tried.told.under_way.wait(0.05) and not tried.ended.is_set():
            assert time.monotonic() < deadline, "it told nothing of its beginning"
        if not must_stall:
            token.cancel()
            assert tried.ended.wait(WAIT_SECONDS), "a cancel in the midst of it does not end it"
            self.no_stranger(tried, "a cancel")
            return
        if tried.ended.wait(UNDER_WAY_SECONDS):
            raise AssertionError(f"what should stand still ended: {tried.error or tried.result!r}")
        token.cancel()
        self._ends_cancelled(tried, "what it works on stood still")

    def _ends_cancelled(self, tried: _Tried, when: str) -> None:
        began = time.monotonic()
        if not tried.ended.wait(CANCEL_SECONDS):
            late = time.monotonic() - began - CANCEL_SECONDS
            tried.ended.wait(1.0 + 10 * late)
        assert tried.ended.is_set(), (
            f"cancel: it went on for more than {CANCEL_SECONDS:g} s while {when}; every wait and "
            "read looks at context.cancel, or is cut by context.cancel.on_cancel"
        )
        assert isinstance(tried.error, Cancelled), (
            f"cancel: it ended with {tried.error or tried.result!r} while {when}, not with "
            "Cancelled; call context.cancel.raise_if_cancelled()"
        )
        for seen in tried.told.of_the_stage:
            assert_progress_keeps_the_rules(seen)
            assert seen[-1].status is ProgressStatus.CANCELLED, (
                f"cancel: its operation ended as {seen[-1].status.value}"
            )

    @contextlib.contextmanager
    def stays_as_it_is(self, file: Path) -> Iterator[None]:
        """The block leaves the file alone."""
        before = hashlib.sha256(file.read_bytes()).digest()
        yield
        assert file.is_file(), "it took its source away; it must be left as it is"
        after = hashlib.sha256(file.read_bytes()).digest()
        assert after == before, "it changed its source; it must be left as it is"

    @contextlib.contextmanager
    def nothing_is_left(self) -> Iterator[None]:
        """After the block no thread, child and temporary file is left that was not there before."""
        first_time = not hasattr(self, "_seen_once")
        self._seen_once = True
        before = _threads(), _children()
        yield
        if first_time:
            return
        deadline = time.monotonic() + LEFT_SECONDS
        while left := self._left(*before):
            assert time.monotonic() < deadline, f"left behind: {left}"
            time.sleep(0.05)

    def _left(self, threads: set[str], children: set[str]) -> str:
        found = [f"the thread {name}" for name in sorted(_threads() - threads)]
        found += [f"the child process {child}" for child in sorted(_children() - children)]
        found += [f"the temporary file {path.name}" for path in self._temporary.iterdir()]
        return ", ".join(found)


def _threads() -> set[str]:
    """Those that a program's end waits for."""
    return {
        f"{thread.name} ({thread.ident})" for thread in threading.enumerate() if not thread.daemon
    }


def _children() -> set[str]:
    """The children of this process, where the system tells."""
    found: set[str] = set()
    for listed in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found.update(listed.read_text().split())
    return found
