"""From FFmpeg's exit status and words to one sentence for the user."""

import re
import signal

from similubot_core import DamagedError, StageError, StorageError
from similubot_core.render import duration, sanitize_line
from similubot_ffmpeg.runs import Run

# The words stand at the end of a line or after a component's name, so that a file's name or a tag
# that holds them is not taken for them. 4.2.2 to 9.0.2 say the same words; exit statuses differ.
_DISK_FULL = re.compile(r": No space left on device$")
_TOO_LARGE = re.compile(r": File too large$")
_NO_SUCH = re.compile(r": No such file or directory$")
_DENIED = re.compile(r": Permission denied$")
_NO_SUPPORT = re.compile(r"Error while opening decoder\b.*: Not yet implemented in FFmpeg, ")
_NO_TRACK = re.compile(r"^(?:\[\w+#\d+ @ 0x[0-9a-f]+\] )?Stream map '[^']*' matches no streams\.")
_NO_ENCODER = re.compile(r"Unknown encoder '\w+'$|: Encoder not found$")
_NO_INDEX = re.compile(r"\] moov atom not found$")
_LOW_SCORE = re.compile(r"\] Format [\w,]+ detected only with low score of \d+, misdetection")
_NOT_ALLOWED = re.compile(r"\] Format not on whitelist '")
_STOPPED = re.compile(r"^Exiting normally, received signal (\d+)\.")
ENCRYPTIONS = {
    "drms": "Apple's FairPlay",
    "aavd": "Audible's encryption",
    "enca": "Common Encryption (CENC)",
}
"""What the four characters mean by which MPEG-4 files name encrypted audio."""

_BAD_LAYOUT = re.compile(r"\] Unsupported channel layout")


def cannot_read(name: str, run: Run) -> StageError:
    """The error for a source that FFmpeg cannot open."""
    name = sanitize_line(name, 80)
    if _said(_NO_SUCH, run):
        message = f"There is no file {name}."
    elif _said(_DENIED, run):
        message = f"{name} may not be read: permission denied."
    elif _said(_NOT_ALLOWED, run):
        message = (
            f"{name} is not an audio or video file. Playlists and other files that only name media "
            "are not followed; give the media file itself."
        )
    elif _said(_NO_INDEX, run) and not _said(_LOW_SCORE, run):
        message = (
            f"{name} is damaged: its index is missing, which comes last in many MPEG-4 files, so "
            "the download or the recording was cut off. Get the whole file."
        )
    elif run.returncode < 0:
        message = crashed(name, run)
    else:
        message = f"{name} is not an audio or video file that can be read, or it is damaged."
    return StageError(message, detail=run.detail)


def no_audio(name: str) -> StageError:
    """The error for a source without an audio track."""
    return StageError(
        f"{sanitize_line(name, 80)} has no audio track, so there is nothing to convert."
    )


def no_decodable_audio(name: str, run: Run) -> StageError:
    """The error for an audio track of which nothing can be decoded."""
    return StageError(
        f"{sanitize_line(name, 80)} holds no audio that can be decoded: it is damaged, or empty.",
        detail=run.detail,
    )


def cannot_copy(name: str, codec: str) -> StageError:
    """The error for a track that cannot be copied as it is."""
    return StageError(
        f"The audio of {sanitize_line(name, 80)} ({sanitize_line(codec, 20)}) cannot be copied as "
        "it is; choose another --format."
    )


def clip_is_empty(name: str, begin: float) -> StageError:
    """The error for a part that begins after the end of the source."""
    return StageError(
        f"{sanitize_line(name, 80)} has no audio from {_exact(begin)} on; choose another --clip."
    )


def encrypted(name: str, encryption: str, detail: str = "") -> StageError:
    """The error for a track that cannot be decoded since it is encrypted.

    Args:
        name: The source's name.
        encryption: The name of what it is encrypted with.
        detail: What the run that met it says, for the log.
    """
    return StageError(
        f"{sanitize_line(name, 80)} is protected by {encryption}, so its audio cannot be read; get "
        "it without copy protection.",
        detail=detail,
    )


def failed(name: str, run: Run) -> StageError:
    """The error for a conversion that FFmpeg itself calls failed, or that wrote nothing."""
    name = sanitize_line(name, 80)
    if _said(_DISK_FULL, run):
        sentence = "The disk is full, so the result could not be written; make room and try again."
        return StorageError(sentence, full=True, detail=run.detail)
    if _too_large(run):
        message = "The result is larger than a file may be here; ask for a lower bitrate."
    elif _said(_NO_ENCODER, run):
        message = (
            f"This FFmpeg was built without an {_encoded_format(run)} encoder; install a full one, "
            "or name another in the key program of the table [ffmpeg]."
        )
    elif _said(_NO_TRACK, run):
        return no_audio(name)
    elif _said(_NO_SUPPORT, run):
        message = f"The audio of {name} is of a kind that this FFmpeg cannot decode."
    elif _said(_BAD_LAYOUT, run):
        message = f"The channels of {name} have an order that AAC does not know."
    elif run.returncode < 0:
        message = crashed(name, run)
    elif _said(_STOPPED, run):
        message = f"FFmpeg was stopped from outside before {name} was converted; try again."
    elif not run.out_time:
        return no_decodable_audio(name, run)
    else:
        message = (
            f"FFmpeg could not convert {name} to its end, only {_exact(run.out_time)} of it; it is "
            "damaged, or this FFmpeg cannot read it."
        )
    return StageError(message, detail=run.detail)


def damaged(name: str, damage: str, run: Run) -> DamagedError:
    """The error for a source of which only a part could be converted.

    Args:
        name: The source's name.
        damage: What is missing, without its end.
        run: The run that said so.
    """
    return DamagedError(
        f"{sanitize_line(name, 80)} is damaged: {damage}. Get the whole file, or keep what there "
        "is of it.",
        detail=run.detail,
    )


def broken_result(name: str, why: str, run: Run) -> StageError:
    """The error for an exit status of 0 and a result that is not right."""
    return StageError(
        f"FFmpeg reported success for {sanitize_line(name, 80)}, but the result is wrong: {why}. "
        "Try again, or with another version of FFmpeg.",
        detail=run.detail,
    )


def disk_is_full(run: Run) -> bool:
    """Whether a run failed because nothing more could be written."""
    return _said(_DISK_FULL, run) or _too_large(run)


def _encoded_format(run: Run) -> str:
    """What an encoder that is missing makes."""
    names = {"libmp3lame": "MP3", "libopus": "Opus"}
    return next((names[n] for line in run.lines for n in names if f"'{n}'" in line), "AAC")


def was_stopped(run: Run) -> bool:
    """Whether FFmpeg crashed or was ended from outside."""
    return run.returncode < 0 or _said(_STOPPED, run)


def _too_large(run: Run) -> bool:
    return _said(_TOO_LARGE, run) or run.returncode == -signal.SIGXFSZ


def crashed(name: str, run: Run) -> str:
    """The sentence for an FFmpeg that a signal ended."""
    return (
        f"FFmpeg crashed on {name} (signal {-run.returncode}); another version may read it, see "
        "`similubot doctor`."
    )


def _exact(seconds: float) -> str:
    """Seconds for people, exact enough for two near lengths to differ."""
    return f"{seconds:.1f}s" if seconds < 60 else duration(seconds)


def _said(pattern: re.Pattern[str], run: Run) -> bool:
    return any(pattern.search(line) for line in run.lines)
