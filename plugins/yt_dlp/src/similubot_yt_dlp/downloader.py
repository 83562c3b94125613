"""YtDlpDownloader: a link of a site in, a file out."""

import json
import math
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from similubot_core import CountingTracker, StageContext, StageError, render
from similubot_core.process import Access, ProcessStalled, run_process
from similubot_http import safe_name
from similubot_yt_dlp.settings import YtDlpSettings

_PROGRESS, _DONE = "similubot-progress ", "similubot-done "
_AUDIO, _WHOLE = "bestaudio/best", "best/bestvideo/bestaudio"
_REASONS = (
    (re.compile(r"private network"), "the link leads to an address of a private network"),
    (re.compile(r"Unsupported URL"), "yt-dlp does not know this site"),
    (re.compile(r"HTTP Error 403"), "the site refuses it (HTTP 403)"),
    (re.compile(r"HTTP Error (404|410)"), "there is nothing at this address"),
    (re.compile(r"HTTP Error 429"), "the site asks to send less often; try again later"),
    (re.compile(r"DRM"), "it is protected by DRM"),
    (re.compile(r"[Ss]ign in|[Ll]og ?in|cookies|[Pp]rivate video"), "it needs a login"),
    (
        re.compile(r"available in your (country|location)|geo"),
        "it is not available in this country",
    ),
    (re.compile(r"[Uu]navailable|removed|does not exist|deleted"), "it is not there any more"),
    (re.compile(r"timed out|[Tt]imeout"), "the site does not answer"),
    (
        re.compile(r"Requested format is not available"),
        "it has no audio or video that can be downloaded",
    ),
    (re.compile(r"resolve|getaddrinfo|Name or service"), "there is no such host"),
)


class YtDlpDownloader:
    """Downloads by yt-dlp, in a process of its own.

    Args:
        settings: The table [yt-dlp].
        allow_networks: Private networks that links of other people may lead to.
    """

    def __init__(
        self, settings: YtDlpSettings | None = None, allow_networks: Sequence[str] = ()
    ) -> None:
        self._settings = settings or YtDlpSettings()
        self._networks = list(allow_networks)

    def run(self, source: str, context: StageContext) -> Path:
        """Download the link `source` into ``context.folder`` and return the file.

        Raises:
            StageError: With the sentence for the user.
            Cancelled: The token was set.
        """
        limits = [self._settings.max_size, context.max_size]
        max_size = min(filter(None, limits), default=None)
        with context.attach(CountingTracker("yt-dlp Download")) as tracker:
            done: dict[str, object] = {}

            def read(line: str) -> None:
                if line.startswith(_PROGRESS):
                    _show(line.removeprefix(_PROGRESS), tracker)
                elif line.startswith(_DONE) and not done:
                    done.update(_object(line.removeprefix(_DONE)))

            try:
                ended = run_process(
                    self._command(source, context, max_size),
                    cancel=context.cancel,
                    on_line=read,
                    stall_timeout=self._settings.stall_timeout,
                    cwd=context.folder,
                    access=Access(reads=_python(), writes=(context.folder,), network=True),
                )
            except ProcessStalled as error:
                raise StageError(
                    f"The site sent nothing for {render.duration(self._settings.stall_timeout)}, "
                    "so the download was given up; try again later."
                ) from error
            if ended.returncode < 0:
                raise StageError(
                    "Something stopped yt-dlp before it was done; try again.",
                    detail=f"signal {-ended.returncode}",
                )
            if ended.returncode != 0:
                raise StageError(
                    f"I can't download this link: {_reason(ended.stderr_tail)}.",
                    detail=render.sanitize_line(ended.stderr_tail[-2000:], 2000),
                )
            file = self._file(context.folder, max_size)
            title = done.get("title")
            wanted = f"{title}{file.suffix}" if isinstance(title, str) and title else file.name
            file = file.rename(context.folder / safe_name(wanted))
            count = done.get("playlist_count")
            note = ""
            if isinstance(count, int) and count > 1:
                note = f"; the first of {count} items of a playlist"
            tracker.complete(f"Downloaded {file.name}{note}")
        return file

    def _command(self, source: str, context: StageContext, max_size: int | None) -> list[str]:
        networks = self._networks if context.untrusted else None
        usual = _AUDIO if context.audio_only else _WHOLE
        size = [] if max_size is None else ["--max-filesize", str(max_size)]
        return [
            sys.executable, "-I", str(Path(__file__).with_name("_child.py")), json.dumps(networks),
            "--ignore-config", "--no-cache-dir", "--no-color", "--no-mtime", "--no-playlist",
            "--playlist-items", "1", "--match-filters", "!is_live", "--fixup", "never",
            "--ffmpeg-location", "/nonexistent", "--downloader", "native", "--restrict-filenames",
            "--socket-timeout", "20", "--retries", "5", "--fragment-retries", "5",
            "--format", self._settings.format or usual, *size,
            "--output", "media.%(ext)s", "--quiet", "--progress", "--newline",
            "--progress-template", "download:" + _PROGRESS + "%(progress)j",
            "--print", "after_move:" + _DONE + "%(.{title,playlist_count})j",
            "--no-simulate", "--", source,
        ]  # fmt: skip

    def _file(self, folder: Path, max_size: int | None) -> Path:
        found = [
            path
            for path in folder.glob("media.*")
            if path.is_file() and path.suffix not in (".part", ".ytdl")
        ]
        if len(found) == 1:
            return found[0]
        if max_size is not None:
            raise StageError(
                f"The file has more than the {render.size(max_size)} that are allowed, or is a "
                "live stream; choose another one."
            )
        raise StageError("yt-dlp brought no file: a live stream or an empty playlist.")


def _python() -> tuple[Path, ...]:
    """What the child has to read: this Python, and where packages are."""
    paths = [Path(sys.prefix), Path(sys.base_prefix), *map(Path, filter(None, sys.path))]
    return tuple(path for path in dict.fromkeys(paths) if path.exists())


def _object(text: str) -> dict[str, object]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _show(text: str, tracker: CountingTracker) -> None:
    values = _object(text)
    current, total = _bytes(values.get("downloaded_bytes")), _bytes(values.get("total_bytes"))
    if current is not None and (total is None or current <= total):
        tracker.update(current_size=current, total_size=total)


def _bytes(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return int(value) if math.isfinite(value) and value >= 0 else None


def _reason(text: str) -> str:
    """yt-dlp's error as a part of a sentence; links in it are left out."""
    errors = [line for line in text.splitlines() if "ERROR" in line] or text.splitlines()
    said = " ".join(errors[-3:])
    for pattern, reason in _REASONS:
        if pattern.search(said):
            return reason
    return "yt-dlp failed; an update of it may help (pip install -U yt-dlp)"
