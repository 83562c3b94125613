"""Stages: a downloader, a converter and an uploader, and the context that a job gives to each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

if TYPE_CHECKING:  # every plugin imports this module, and `similubot --help` waits for it
    from pathlib import Path

    from similubot_core.cancel import CancelToken
    from similubot_core.jobs.growing import GrowingFile
    from similubot_core.progress.tracker import ProgressCallback, ProgressTracker

STAGES = "stages"
"""The unit of a whole job's operation; those of its stages are its parts."""

TrackerT = TypeVar("TrackerT", bound="ProgressTracker")


def _new_token() -> CancelToken:
    from similubot_core.cancel import CancelToken

    return CancelToken()


@dataclass(frozen=True, slots=True)
class StageContext:
    """What a stage gets from its job.

    Attributes:
        folder: A folder of the job's own: the stage writes nowhere else. The job removes it.
        cancel: The job's cancel token; obeyed within 2 seconds.
        callbacks: They get every state; `attach` adds them to a tracker.
        parent: The job that the stage's operations are parts of; None where there is no job.
        weight: The share of the stage in its job, as `ProgressTracker.child` takes it.
        offer: A downloader may call it, once, with the file that it fetches, to have it converted
            as it grows. None when nobody would take it.
        max_size: Bytes that a downloader may write at most; None is no limit. A job ends one that
            writes more.
        untrusted: Whether the source comes from somebody else than who runs the program, as in the
            bot: no private address is then connected to.
        audio_only: Whether nothing but the audio of what is fetched will be used; a downloader that
            can choose then fetches no video.
    """

    folder: Path
    cancel: CancelToken = field(default_factory=_new_token)
    callbacks: tuple[ProgressCallback, ...] = ()
    offer: Callable[[GrowingFile], object] | None = None
    parent: ProgressTracker | None = None
    weight: float | None = None
    max_size: int | None = None
    untrusted: bool = False
    audio_only: bool = False

    def attach(self, tracker: TrackerT) -> TrackerT:
        """Make `tracker` a part of this job, whose callbacks then get its states; returns it, for
        ``with context.attach(…)``.
        """
        if self.parent is not None:
            return self.parent.adopt(tracker, self.weight)
        for callback in self.callbacks:
            tracker.add_callback(callback)
        return tracker


def standalone_context(
    parent: str | Path, callbacks: Iterable[ProgressCallback | None] = ()
) -> StageContext:
    """A context with a new folder of its own below `parent`, for a stage used without a job.

    The caller owns the folder. None among `callbacks` is left out.

    Raises:
        StageError: The folder cannot be made.
    """
    import tempfile
    from pathlib import Path

    from similubot_core.errors import StageError

    try:
        Path(parent).mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="similubot-", dir=parent))
    except OSError as error:
        raise StageError(f"No folder can be made in {parent}: {error.strerror}.") from error
    return StageContext(folder, callbacks=tuple(c for c in callbacks if c is not None))


@dataclass(frozen=True, slots=True)
class ConversionRequest:
    """What is asked of a converter.

    Attributes:
        bitrate: Kilobits per second; None is the converter's default.
        max_size: Bytes that the result may have at most, such as the uploader's limit; None is no
            limit. The converter lowers the bitrate to the highest that fits.
        fill: Whether `max_size` is there to be used: without a bitrate asked for, the highest that
            fits is chosen instead of the default, though not more than the source has.
        format: The name of the format, one of those that the converter's descriptor lists; None is
            its default.
        track: Which audio track: its number as text, counted from 1, or a language such as "eng";
            None lets the converter choose.
        clip: The part to take, as seconds from the beginning: where it starts, and where it ends or
            None for the end of the source. None is the whole.
        keep_damaged: Whether what can be read of a damaged source is wanted as a result, rather
            than a `DamagedError`.
    """

    bitrate: int | None = None
    max_size: int | None = None
    fill: bool = False
    format: str | None = None
    track: str | None = None
    clip: tuple[float, float | None] | None = None
    keep_damaged: bool = False


class Downloader(Protocol):
    """Fetches a source."""

    def run(self, source: str, context: StageContext) -> Path:
        """Fetch `source` into ``context.folder`` and return the file.

        Raises:
            StageError: With the sentence for the user.
            Cancelled: The token was set.
        """


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What is known of a source before it is fetched.

    Attributes:
        name: Its file name; text from outside. "" where that is not known.
        size: Its bytes; None where they are not known.
    """

    name: str = ""
    size: int | None = None


@runtime_checkable
class DescribingDownloader(Downloader, Protocol):
    """A downloader that can say what it is going to fetch; a downloader need not be one."""

    def describe(self, source: str, context: StageContext) -> SourceInfo:
        """Ask for the name and size of `source`, without fetching it.

        Raises:
            StageError: It cannot be fetched, for good; with the sentence for the user.
            Cancelled: The token was set.
        """


class LinkChecker(Protocol):
    """Looks whether the file behind an uploader's link is there."""

    def run(self, link: str, file: Path, context: StageContext) -> str:
        """Fetch a little of `link` and compare it with `file`, which was uploaded. Takes bounded
        time, whatever the host does.

        Returns:
            Why it cannot be seen whether the file is there, for people, such as "files.example
            answered HTTP 403"; "" where it is there.

        Raises:
            StageError: It is not there, or is another file; with the sentence for the user.
            Cancelled: The token was set.
        """


class Converter(Protocol):
    """Makes another file of a file."""

    def run(self, file: Path, request: ConversionRequest, context: StageContext) -> Path:
        """Convert `file`, which is left as it is, into ``context.folder``; return the new file.

        Raises:
            StageError: With the sentence for the user.
            Cancelled: The token was set.
        """


@runtime_checkable
class GrowingConverter(Converter, Protocol):
    """A converter that can begin before it has all of the source; a converter need not be one."""

    def run_growing(
        self, file: GrowingFile, request: ConversionRequest, context: StageContext
    ) -> Path:
        """Convert a file that is still being downloaded, as `run` does.

        It reads what is here by `similubot_core.jobs.serve_growing`, and what it has made counts
        only once ``file.wait_until_whole`` has returned, since a download may turn out to be
        damaged. What that raises it lets through.

        Raises:
            StageError: With the sentence for the user.
            Cancelled: The token was set.
        """


class Uploader(Protocol):
    """Brings a file to where people can fetch it."""

    def run(self, file: Path, context: StageContext) -> str:
        """Upload `file`, which is left as it is; return the link (or the path) to it.

        Raises:
            StageError: With the sentence for the user.
            Cancelled: The token was set.
        """
