"""AudioConverter: a media file in, AAC in an .m4a file out, checked before it is called done."""

import logging
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from similubot_core import (
    CancelToken,
    ConversionRequest,
    ProgressCallback,
    SimilubotError,
    StageContext,
    StageError,
)
from similubot_core.files import move_into_place
from similubot_core.jobs import GrowingFile, serve_growing
from similubot_core.process import Access
from similubot_core.render import sanitize_line
from similubot_ffmpeg.conversion import Ahead, Conversion
from similubot_ffmpeg.formats import FORMATS, M4A
from similubot_ffmpeg.media import MediaInfo
from similubot_ffmpeg.plan import check_request
from similubot_ffmpeg.probe import probe
from similubot_ffmpeg.program import find_program
from similubot_ffmpeg.runs import FFmpeg
from similubot_ffmpeg.settings import FFmpegSettings
from similubot_ffmpeg.tracker import FFmpegProgressTracker

logger = logging.getLogger(__name__)

_A_DAY = 86_400.0

SUPPORTED_FORMATS = (
    *("mp4", "m4a", "m4b", "m4v", "mov", "3gp", "mkv", "mka", "webm", "avi", "flv", "ts", "m2ts"),
    *("mts", "mpg", "mpeg", "vob", "wmv", "wma", "asf", "mp3", "aac", "flac", "wav", "w64", "ogg"),
    *("oga", "ogv", "opus", "ac3", "eac3", "dts", "aiff", "aif", "caf", "amr", "ape", "wv", "tta"),
    *("tak", "mpc", "mxf", "au", "rm", "dsf"),
)
"""The endings of names that are taken for media by default, without the dot."""


class AudioConverter:
    """Converts an audio track of a media file to AAC in an .m4a file.

    Tags, chapters and cover art are kept. The methods that return ``(success, value, error)`` do
    not raise for a failed operation: `error` is then the sentence for the user. Any thread may use
    one, and several at once.

    Args:
        default_bitrate: Kilobits per second where none is asked for, 32 to 512.
        supported_formats: Endings of names, with or without the dot, that `is_supported_format`
            takes; None is `SUPPORTED_FORMATS`. What is really in a file is seen on converting.
        temp_dir: The folder for results without an `output_file`; made when it is needed.
        settings: How FFmpeg is run; None is the defaults.
    """

    def __init__(
        self,
        default_bitrate: int = 128,
        supported_formats: Sequence[str] | None = None,
        temp_dir: str | os.PathLike[str] = "./temp",
        *,
        settings: FFmpegSettings | None = None,
    ) -> None:
        self.default_bitrate = default_bitrate
        self.supported_formats = tuple(
            ending.lower().lstrip(".") for ending in supported_formats or SUPPORTED_FORMATS
        )
        self.temp_dir = Path(temp_dir)
        self._settings = settings or FFmpegSettings()

    def is_supported_format(self, path: str | os.PathLike[str]) -> bool:
        """Whether the name's ending is that of a media file. The file is not looked at."""
        return Path(path).suffix.lower().lstrip(".") in self.supported_formats

    def get_media_info(
        self, path: str | os.PathLike[str]
    ) -> tuple[bool, MediaInfo | None, str | None]:
        """What is in a file: ``(True, info, None)`` or ``(False, None, sentence)``."""
        try:
            file = _checked_source(Path(path))
            with _plain_name(file) as plain:
                ffmpeg = self._ffmpeg(Access(reads=(plain,)))
                return True, probe(ffmpeg, plain, file.name, CancelToken()), None
        except (SimilubotError, OSError) as error:
            return False, None, _sentence(error)

    def convert_to_aac(
        self,
        input_file: str | os.PathLike[str],
        bitrate: int | None = None,
        output_file: str | os.PathLike[str] | None = None,
    ) -> tuple[bool, str | None, str | None]:
        """`convert_to_aac_with_progress` without progress."""
        return self.convert_to_aac_with_progress(input_file, bitrate, output_file)

    def convert_to_aac_with_progress(
        self,
        input_file: str | os.PathLike[str],
        bitrate: int | None = None,
        output_file: str | os.PathLike[str] | None = None,
        progress_callback: ProgressCallback | None = None,
    ) -> tuple[bool, str | None, str | None]:
        """Convert a file.

        Args:
            input_file: The media file; it is left as it is.
            bitrate: Kilobits per second, 32 to 512; None is the default, but not more than the
                source has, and copies a track that is AAC already.
            output_file: The result, which must not be there yet; None is the input's name with
                .m4a in `temp_dir`, with a number where that is taken.
            progress_callback: Told of the progress; None is nobody.

        Returns:
            ``(True, path, None)``, or ``(False, None, sentence)`` with no file left.
        """
        callbacks = (progress_callback,) if progress_callback else ()
        try:
            output = None if output_file is None else Path(output_file)
            if output is None:
                self.temp_dir.mkdir(parents=True, exist_ok=True)
            folder = self.temp_dir if output is None else output.parent
            context = StageContext(folder, CancelToken(), callbacks)
            request = ConversionRequest(bitrate)
            return True, str(self._convert(Path(input_file), request, context, output)), None
        except (SimilubotError, OSError) as error:
            return False, None, _sentence(error)

    def run(self, file: Path, request: ConversionRequest, context: StageContext) -> Path:
        """Convert `file` into ``context.folder``, as a job's converter.

        Raises:
            StageError: With the sentence for the user.
            Cancelled: The token was set.
        """
        return self._convert(file, request, context, None)

    def run_growing(
        self, file: GrowingFile, request: ConversionRequest, context: StageContext
    ) -> Path:
        """Convert a file that is still being downloaded: it is encoded as its bytes come, and
        looked at, checked and judged once it is whole. What was encoded is used only where the
        whole file asks for the same.

        Raises:
            StageError: With the sentence for the user.
            Cancelled: The token was set.
        """
        return self._convert(file, request, context, None)

    def _ffmpeg(self, access: Access) -> FFmpeg:
        return FFmpeg(find_program(self._settings).path, self._settings, access)

    def _convert(
        self,
        source: Path | GrowingFile,
        request: ConversionRequest,
        context: StageContext,
        output: Path | None,
    ) -> Path:
        """Convert into the context's folder, under the source's name where `output` is None."""
        with context.attach(FFmpegProgressTracker()) as tracker:
            tracker.update(message=f"Reading {sanitize_line(source.name, 80)}")
            format_ = FORMATS.get(request.format or M4A.name)
            if format_ is None:
                raise StageError(f"There is no format {sanitize_line(str(request.format), 20)}.")
            check_request(request, format_)
            check_request(ConversionRequest(self.default_bitrate))
            if isinstance(source, Path):
                _checked_source(source)
            if output is not None and (output.exists() or output.is_symlink()):
                raise _is_taken(output)
            with _work_folder(context.folder) as work:
                ahead = None
                if isinstance(source, GrowingFile):
                    ahead = self._encode_ahead(source, request, work, context.cancel, tracker)
                    file = _checked_source(source.wait_until_whole(context.cancel))
                else:
                    file = source
                with _plain_name(file) as plain:
                    conversion = Conversion(
                        self._ffmpeg(Access(reads=(plain,), writes=(work,))),
                        plain,
                        file.name,
                        work,
                        context.cancel,
                        tracker,
                        self.default_bitrate,
                        ahead,
                    )
                    result = conversion.run(request)
                context.cancel.raise_if_cancelled()
                ending = f"{' (damaged)' if conversion.damaged else ''}{conversion.suffix}"
                wanted = output or context.folder / _name(file.stem, ending)
                try:
                    target = move_into_place(result, wanted, number=output is None)
                except FileExistsError:
                    raise _is_taken(wanted) from None
            size = target.stat().st_size
            tracker.update(current_size=size, total_size=size)
            tracker.complete(conversion.summary)
            logger.info("Converted %s: %s", sanitize_line(file.name, 80), conversion.summary)
        return target

    def _encode_ahead(
        self,
        source: GrowingFile,
        request: ConversionRequest,
        work: Path,
        cancel: CancelToken,
        tracker: FFmpegProgressTracker,
    ) -> Ahead | None:
        """Encode while the download goes on, which may stall for longer than FFmpeg may hang."""
        patient = replace(self._settings, stall_timeout=_A_DAY)
        program = find_program(self._settings).path
        try:
            with serve_growing(source, cancel) as address:
                access = Access(writes=(work,), network=urlsplit(address).port or False)
                ffmpeg = FFmpeg(program, patient, access)
                conversion = Conversion(
                    ffmpeg,
                    address,
                    source.name,
                    work,
                    cancel,
                    tracker,
                    self.default_bitrate,
                    growing=source,
                )
                return conversion.encode_ahead(request)
        except StageError as error:  # it is here by now under its own name, or no port is free
            logger.info("%s is encoded once it is here: %s", source.name, error)
            return None


def _checked_source(file: Path) -> Path:
    """`file`, if it is a regular file with something in it: a FIFO would block, for one."""
    name = sanitize_line(file.name or str(file), 80)
    try:
        status = file.stat()
    except FileNotFoundError:
        raise StageError(f"There is no file {name}.") from None
    except OSError as error:
        raise StageError(f"{name} cannot be read: {error.strerror}.") from error
    except ValueError:
        raise StageError("A file's name cannot hold a null character.") from None
    if stat.S_ISDIR(status.st_mode):
        raise StageError(f"{name} is a folder; give a media file.")
    if not stat.S_ISREG(status.st_mode):
        raise StageError(f"{name} is not a regular file; give a media file.")
    if status.st_size == 0:
        raise StageError(f"{name} is empty; get the file again.")
    return file


@contextmanager
def _work_folder(parent: Path) -> Iterator[Path]:
    """A hidden folder beside the result, on the same file system; removed whatever happens."""
    try:
        work = Path(tempfile.mkdtemp(prefix=".similubot-", dir=parent)).absolute()
    except OSError as error:
        raise StageError(
            f"The result cannot be written into {parent}: {error.strerror}."
        ) from error
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


@contextmanager
def _plain_name(file: Path) -> Iterator[Path]:
    """The file under a name of one line: FFmpeg prints names, and a line end in one, with text
    after it, would be taken for what FFmpeg says.
    """
    if not any(character < " " for character in str(file.absolute())):
        yield file
        return
    with tempfile.TemporaryDirectory(prefix="similubot-") as folder:
        link = Path(folder) / f"source{sanitize_line(file.suffix, 10)}"
        link.symlink_to(file.absolute())
        yield link


def _name(stem: str, ending: str) -> str:
    """A name for a result, at most 255 bytes long."""
    most = 240 if len(ending) < 10 else 230
    return (os.fsdecode(os.fsencode(stem)[:most]) or "audio") + ending


def _is_taken(output: Path) -> StageError:
    return StageError(f"{output} is there already; choose another name for the result.")


def _sentence(error: SimilubotError | OSError) -> str:
    if isinstance(error, SimilubotError):
        logger.info("%s (%s)", error.message, error.detail)
        return error.message
    logger.info("The conversion failed", exc_info=error)
    return f"{error.strerror or error}: {error.filename}." if error.filename else f"{error}."
