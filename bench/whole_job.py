"""A whole job, from a MEGA link to a Catbox link, beside the three commands one would type.

    pip install async-mega.py
    python bench/whole_job.py [--seconds N] [--rounds N]

All talk to the same loopback servers, which are processes of their own. A job is one process that
is timed as a whole with its children: `similubot convert`, or a shell that runs a download by
async-mega-py, then FFmpeg, then `curl -F`.
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness import Run, Value, cpu, median, memory, process, ratio, run_interleaved
from loopback_mega import serving
from report import Goal, Report, Table, tell
from similubot_core.render import duration
from similubot_ffmpeg import AudioConverter, FFmpegSettings
from similubot_ffmpeg.program import Program, find_program, version_of
from similubot_loopback.catbox_server.process import CatboxProcess
from similubot_loopback.media import make_sound, run_ffmpeg

OURS = "similubot convert"
TYPED = "download, ffmpeg, curl"
BITRATE = 128
LOOP_SECONDS = 20
LINES = {"100 Mbit/s in all": 12_500_000, "no limit": None}

DOWNLOAD = """
import asyncio, sys
import yarl
from mega.api import MegaAPI
from mega.client import MegaNzClient
url, link, folder = sys.argv[1:]
MegaAPI._entrypoint = yarl.URL(url + "/cs")
async def fetch():
    async with MegaNzClient() as client:
        result = await client.download_url(link, folder)
        assert not result.fails, result
asyncio.run(fetch())
"""
SCRIPT = f"""set -e
python=$1 download=$2 url=$3 link=$4 ffmpeg=$5 upload=$6 folder=$7
"$python" -c "$download" "$url" "$link" "$folder"
"$ffmpeg" -hide_banner -nostdin -loglevel error -i "$folder"/* -vn \\
    -c:a aac -b:a {BITRATE}k "$folder/result.m4a"
curl -sS --fail -F reqtype=fileupload -F "fileToUpload=@$folder/result.m4a" "$upload"
"""


def make_media(folder: Path, seconds: int, ffmpeg: Path) -> dict[str, Path]:
    """A video of about 11 MB a minute and a sound file of about 9 MB a minute, both real.

    A few seconds are made, and repeated without encoding them again where that can be.
    """
    picture, sound = folder / "picture.mp4", folder / "sound.wav"
    run_ffmpeg(
        ffmpeg,
        *("-f", "lavfi", "-i", f"testsrc2=s=1280x720:r=10:d={LOOP_SECONDS}"),
        *("-c:v", "mpeg4", "-b:v", "1300k", str(picture)),
    )
    make_sound(sound, LOOP_SECONDS, ffmpeg)
    again = ("-stream_loop", "-1", "-i")
    length = ("-t", str(seconds))
    media = {"a video": folder / "Music Video.mp4", "a sound file": folder / "Song.flac"}
    run_ffmpeg(
        ffmpeg,
        *(*again, str(picture), *again, str(sound), *length, "-map", "0:v", "-map", "1:a"),
        *("-c:v", "copy", "-c:a", "aac", "-b:a", "192k", str(media["a video"])),
    )
    run_ffmpeg(ffmpeg, *again, str(sound), *length, str(media["a sound file"]))
    return media


class Checker:
    """Looks at what a job uploaded: it has to be AAC as long as the source, and to play."""

    def __init__(self, folder: Path, ffmpeg: Path, seconds: float) -> None:
        self._folder = folder
        self._ffmpeg = ffmpeg
        self._seconds = seconds
        self._played: set[str] = set()

    def check(self, name: str) -> None:
        """Check the one file that was uploaded, and remove it; each job's first one is decoded."""
        (file,) = self._folder.iterdir()
        _, info, error = AudioConverter().get_media_info(file)
        assert info is not None, error
        assert info.audio is not None, name
        assert info.audio.codec == "aac", name
        assert abs((info.duration or 0.0) - self._seconds) < 0.5, (name, info.duration)
        assert info.size > 0.8 * BITRATE * 125 * self._seconds, (name, info.size)
        if name not in self._played:
            run_ffmpeg(self._ffmpeg, "-xerror", "-i", str(file), "-f", "null", "-")
            self._played.add(name)
        file.unlink()


def measure_on_line(
    media: Mapping[str, Path],
    folder: Path,
    ffmpeg: Path,
    seconds: int,
    bytes_per_second: int | None,
    rounds: int,
) -> dict[str, dict[str, list[Run]]]:
    """The runs of both by the name of the media, each job in turn."""
    kept, typed = folder / "uploaded", folder / "typed"
    checker = Checker(kept, ffmpeg, seconds)
    typed.mkdir(exist_ok=True)

    def check_and_clear(name: str) -> None:
        checker.check(name)
        for file in typed.iterdir():
            file.unlink()

    with (
        serving(list(media.values()), bytes_per_second=bytes_per_second) as mega,
        CatboxProcess(kept, bytes_per_second=bytes_per_second) as catbox,
    ):
        commands: dict[str, list[str]] = {}
        for name, link in zip(media, mega.links, strict=True):
            settings = {
                "SIMILUBOT_MEGA_BACKEND": "embedded",
                "SIMILUBOT_MEGA_API_URL": mega.url,
                "SIMILUBOT_FFMPEG_PROGRAM": str(ffmpeg),
                "SIMILUBOT_CATBOX_API_URL": catbox.catbox_url,
                "FORCE_COLOR": "1",  # has the bars drawn although stderr is no terminal
            }
            similubot = str(Path(sys.executable).with_name("similubot"))
            commands[f"{OURS}: {name}"] = [
                *("sh", "-c", 'exec env "$@" 2> "$0"', str(folder / "drawn")),
                *(f"{key}={value}" for key, value in settings.items()),
                *(similubot, "convert", link, "--bitrate", str(BITRATE), "--to", "catbox"),
                *("--sink", "terminal"),
            ]
            commands[f"{TYPED}: {name}"] = [
                *("sh", "-c", SCRIPT, "sh", sys.executable, DOWNLOAD, mega.url, link),
                *(str(ffmpeg), catbox.catbox_url, str(typed)),
            ]
        runs = run_interleaved(commands, rounds, check_and_clear, warm_up=False)
    return {name: {who: runs[f"{who}: {name}"] for who in (OURS, TYPED)} for name in media}


def figures(runs: Mapping[str, Sequence[Run]]) -> tuple[tuple[str, ...], ...]:
    """A row of medians for each of the two; in brackets the extremes."""
    rows = []
    for name, done in runs.items():
        seconds = sorted(run.seconds for run in done)
        rows.append(
            (
                name,
                f"{median(done, process):.2f} ({seconds[0]:.2f} to {seconds[-1]:.2f})",
                f"{ratio(runs, name, TYPED, process):.2f}",
                f"{median(done, cpu):.2f}",
                f"{ratio(runs, name, TYPED, cpu):.2f}",
                f"{median(done, memory) / 2**20:.0f}",
                f"{ratio(runs, name, TYPED, memory):.2f}",
            )
        )
    return tuple(rows)


TIMES = "times typed"
COLUMNS = ("", "wall, s", TIMES, "CPU, s", TIMES, "peak memory, MiB", TIMES)
VALUES: Mapping[str, Value] = {"wall time": process, "CPU time": cpu, "peak memory": memory}


def measure(arguments: argparse.Namespace) -> Report:
    """Make the media, run both on both lines, and compare."""
    seconds: int = arguments.seconds
    ffmpeg = find_program(FFmpegSettings()).path
    tables, goals, findings = [], [], []
    with tempfile.TemporaryDirectory(prefix="job-bench-") as name:
        folder = Path(name)
        media = make_media(folder, seconds, ffmpeg)
        sizes = ", ".join(
            f"{what} of {file.stat().st_size / 1e6:.0f} MB ({file.suffix[1:]})"
            for what, file in media.items()
        )
        for line, bytes_per_second in LINES.items():
            found = measure_on_line(
                media, folder, ffmpeg, seconds, bytes_per_second, arguments.rounds
            )
            tables += [
                Table(f"{what}, {line}", COLUMNS, figures(runs)) for what, runs in found.items()
            ]
            goals += [
                Goal(
                    f"{line}: {value_name}, times that of the commands typed, worse of the media",
                    max(ratio(runs, OURS, TYPED, value) for runs in found.values()),
                    1.0,
                )
                for value_name, value in VALUES.items()
            ]
            findings += [
                f"{line}, {what}: {OURS} takes {ratio(runs, OURS, TYPED, process):.2f} times the "
                f"time and {ratio(runs, OURS, TYPED, cpu):.2f} times the CPU of the commands typed."
                for what, runs in found.items()
            ]
    version = version_of(Program(ffmpeg, "bench"))
    return Report(
        "A whole job: MEGA link to Catbox link",
        f"{OURS}, with its bars drawn, beside a shell that runs what one would type: a download "
        f"by async-mega-py, FFmpeg {version}, curl -F. Both sources play {duration(seconds)}: "
        f"{sizes}; both make AAC at {BITRATE} kb/s. Every result is looked at in the loopback "
        "Catbox's folder. The limit holds for all connections of a server together. Medians of "
        f"{arguments.rounds} interleaved rounds; ratios are medians "
        "of those within rounds. Each process is timed as a whole with its children; memory is "
        "the largest of them. Async-mega-py's own command line knows no other server, so its "
        "client is started from a few lines of Python, which takes less time. Megatools is not "
        "measured: it has MEGA's address built in (1.11.0 in Debian 12).",
        tuple(findings),
        tuple(tables),
        goals=tuple(goals),
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How long the media play, and how often all is done."""
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=2)


if __name__ == "__main__":
    tell(__doc__, measure, add_arguments)
