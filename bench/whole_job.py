"""A whole job, from a MEGA link to a Catbox link, beside the three commands one would type.

    pip install async-mega.py
    python bench/whole_job.py [--rounds N] [--cases WORD …]

All talk to the same loopback servers, which are processes of their own. A job is one process that
is timed as a whole with its children: `similubot convert`, or a shell that runs a download by
async-mega-py, then FFmpeg, then `curl -F`. The shell notes how long each of the three takes, for
the limit by arithmetic: the slowest of them alone, where FFmpeg has all processors.
"""

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import Run, Value, cpu, median, memory, process, ratio, run_interleaved
from loopback_mega import serving
from report import Goal, Report, Table, tell
from similubot_ffmpeg import AudioConverter, FFmpegSettings
from similubot_ffmpeg.program import Program, find_program, version_of
from similubot_loopback.catbox_server.process import CatboxProcess
from similubot_loopback.media import make_sound, run_ffmpeg

OURS = "similubot convert"
TYPED = "download, ffmpeg, curl"
ARITHMETIC = "the slowest of these alone"
BITRATE = 128
LOOP_SECONDS = 20
MINUTES, HALF_AN_HOUR = 300, 1800
ON_A_LINE = 12_500_000


@dataclass(frozen=True)
class Case:
    """What is converted, over which line.

    Attributes:
        name: Of the case; the words that `--cases` may name are in it.
        media: The source's name in `make_media`.
        bytes_per_second: That each server sends or takes in all; None is no limit.
        limit: The goal: times what the commands typed take.
    """

    name: str
    media: str
    bytes_per_second: int | None
    limit: float


CASES = (
    Case("5 minutes of video at 100 Mbit/s", "video", ON_A_LINE, 0.65),
    Case("5 minutes of sound at 100 Mbit/s", "sound", ON_A_LINE, 0.65),
    Case("30 minutes of video at 100 Mbit/s", "long video", ON_A_LINE, 0.55),
    Case("5 minutes of video without a limit", "video", None, 0.65),
    Case("5 minutes of sound without a limit", "sound", None, 0.65),
)

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
date +%s.%N >> "$folder.times"
"$python" -c "$download" "$url" "$link" "$folder"
date +%s.%N >> "$folder.times"
"$ffmpeg" -hide_banner -nostdin -loglevel error -i "$folder"/* -vn \\
    -c:a aac -b:a {BITRATE}k "$folder/result.m4a"
date +%s.%N >> "$folder.times"
curl -sS --fail -F reqtype=fileupload -F "fileToUpload=@$folder/result.m4a" "$upload"
date +%s.%N >> "$folder.times"
"""


def make_media(folder: Path, names: set[str], ffmpeg: Path) -> dict[str, Path]:
    """Of these: a video of about 11 MB a minute and a sound file of about 4 MB a minute, which play
    5 minutes, and a video of half an hour in 100 MB.

    A few seconds are made, and repeated without encoding them again where that can be.
    """
    sound = make_sound(folder / "sound.wav", LOOP_SECONDS, ffmpeg)
    again = ("-stream_loop", "-1", "-i")
    kinds = {
        "video": ("1280x720", "1300k", MINUTES),
        "long video": ("640x360", "250k", HALF_AN_HOUR),
    }
    media = {}
    for name, (points, bitrate, seconds) in kinds.items():
        if name not in names:
            continue
        picture = folder / f"{name}.picture.mp4"
        run_ffmpeg(
            ffmpeg,
            *("-f", "lavfi", "-i", f"testsrc2=s={points}:r=10:d={LOOP_SECONDS}"),
            *("-c:v", "mpeg4", "-b:v", bitrate, str(picture)),
        )
        media[name] = folder / f"Music {name}.mp4"
        run_ffmpeg(
            ffmpeg,
            *(*again, str(picture), *again, str(sound), "-t", str(seconds)),
            *("-map", "0:v", "-map", "1:a", "-c:v", "copy"),
            *("-c:a", "aac", "-b:a", "192k", str(media[name])),
        )
    if "sound" in names:
        media["sound"] = folder / "Song.flac"
        run_ffmpeg(ffmpeg, *again, str(sound), "-t", str(MINUTES), str(media["sound"]))
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


@dataclass(frozen=True)
class Found:
    """What was measured of a case.

    Attributes:
        case: The case.
        runs: The runs of both.
        stages: The seconds that download, FFmpeg and upload took when typed, for each round.
    """

    case: Case
    runs: Mapping[str, Sequence[Run]]
    stages: Sequence[tuple[float, float, float]]

    @property
    def arithmetic(self) -> float:
        """Seconds of the slowest stage alone, the encoder on all processors."""
        processors = len(os.sched_getaffinity(0))
        downloads, encodes, uploads = zip(*self.stages, strict=True)
        median_of = statistics.median
        return float(max(median_of(downloads), median_of(encodes) / processors, median_of(uploads)))

    def times_typed(self, value: Value) -> float:
        """How many times what the commands typed take."""
        return ratio(self.runs, OURS, TYPED, value)


def measure_case(case: Case, media: Path, folder: Path, ffmpeg: Path, rounds: int) -> Found:
    """Run both in turn."""
    kept, typed = folder / "uploaded", folder / "typed"
    times = folder / "typed.times"
    seconds = HALF_AN_HOUR if case.media.startswith("long") else MINUTES
    checker = Checker(kept, ffmpeg, seconds)
    typed.mkdir(exist_ok=True)
    times.unlink(missing_ok=True)

    def check_and_clear(name: str) -> None:
        checker.check(name)
        for file in typed.iterdir():
            file.unlink()

    pace = case.bytes_per_second
    with (
        serving([media], bytes_per_second=pace) as mega,
        CatboxProcess(kept, bytes_per_second=pace) as catbox,
    ):
        settings = {
            "SIMILUBOT_MEGA_BACKEND": "embedded",
            "SIMILUBOT_MEGA_API_URL": mega.url,
            "SIMILUBOT_FFMPEG_PROGRAM": str(ffmpeg),
            "SIMILUBOT_CATBOX_API_URL": catbox.catbox_url,
            "FORCE_COLOR": "1",  # has the bars drawn although stderr is no terminal
        }
        (link,) = mega.links
        commands = {
            OURS: [
                *("sh", "-c", 'exec env "$@" 2> "$0"', str(folder / "drawn")),
                *(f"{key}={value}" for key, value in settings.items()),
                *(str(Path(sys.executable).with_name("similubot")), "convert", link),
                *("--bitrate", str(BITRATE), "--to", "catbox", "--sink", "terminal"),
            ],
            TYPED: [
                *("sh", "-c", SCRIPT, "sh", sys.executable, DOWNLOAD, mega.url, link),
                *(str(ffmpeg), catbox.catbox_url, str(typed)),
            ],
        }
        runs = run_interleaved(commands, rounds, check_and_clear, warm_up=False)
    moments = [float(line) for line in times.read_text().split()]
    each = [moments[first : first + 4] for first in range(0, len(moments), 4)]
    stages = [(down - begin, made - down, up - made) for begin, down, made, up in each]
    return Found(case, runs, stages)


def figures(found: Found) -> tuple[tuple[str, ...], ...]:
    """A row of medians for each of the two, in brackets the extremes; and the limit."""
    rows = []
    for name, done in found.runs.items():
        seconds = sorted(run.seconds for run in done)
        rows.append(
            (
                name,
                f"{median(done, process):.2f} ({seconds[0]:.2f} to {seconds[-1]:.2f})",
                f"{ratio(found.runs, name, TYPED, process):.2f}",
                f"{median(done, cpu):.2f}",
                f"{ratio(found.runs, name, TYPED, cpu):.2f}",
                f"{median(done, memory) / 2**20:.0f}",
                f"{ratio(found.runs, name, TYPED, memory):.2f}",
            )
        )
    share = found.arithmetic / median(found.runs[TYPED], process)
    rows.append((ARITHMETIC, f"{found.arithmetic:.2f}", f"{share:.2f}", "", "", "", ""))
    return tuple(rows)


TIMES = "times typed"
COLUMNS = ("", "wall, s", TIMES, "CPU, s", TIMES, "peak memory, MiB", TIMES)


def measure(arguments: argparse.Namespace) -> Report:
    """Make the media, run both on both lines, and compare."""
    words: list[str] = arguments.cases
    cases = [case for case in CASES if all(word in case.name for word in words)]
    ffmpeg = find_program(FFmpegSettings()).path
    with tempfile.TemporaryDirectory(prefix="job-bench-") as name:
        folder = Path(name)
        media = make_media(folder, {case.media for case in cases}, ffmpeg)
        sizes = ", ".join(
            f"{what} of {file.stat().st_size / 1e6:.0f} MB ({file.suffix[1:]})"
            for what, file in media.items()
        )
        found = [
            measure_case(case, media[case.media], folder, ffmpeg, arguments.rounds)
            for case in cases
        ]
    version = version_of(Program(ffmpeg, "bench"))
    return Report(
        "A whole job: MEGA link to Catbox link",
        f"{OURS}, with its bars drawn, beside a shell that runs what one would type: a download "
        f"by async-mega-py, FFmpeg {version}, curl -F. Sources: {sizes}; both make AAC at "
        f"{BITRATE} kb/s. The video's index lies at its end. Every result is looked at in the "
        "loopback Catbox's folder. The limit holds for all connections of a server together. "
        f"Medians of {arguments.rounds} interleaved rounds; ratios are medians of those within "
        "rounds. Each process is timed as a whole with its children; memory is the largest of "
        f"them. '{ARITHMETIC}' is the slowest of the three stages as typed, FFmpeg's divided by "
        "the number of processors. Async-mega-py's own command line knows no other server, so its "
        "client is started from a few lines of Python, which takes less time. Megatools is not "
        "measured: it has MEGA's address built in (1.11.0 in Debian 12).",
        tuple(
            f"{one.case.name}: {OURS} takes {one.times_typed(process):.2f} times the time and "
            f"{one.times_typed(cpu):.2f} times the CPU of the commands typed."
            for one in found
        ),
        tuple(Table(one.case.name, COLUMNS, figures(one)) for one in found),
        goals=(
            *(
                Goal(
                    f"A whole job, {one.case.name}: time, times that of the commands typed",
                    one.times_typed(process),
                    one.case.limit,
                )
                for one in found
            ),
            *(
                Goal(
                    f"A whole job, {one.case.name}: CPU, times that of the commands typed",
                    one.times_typed(cpu),
                    1.05,
                )
                for one in found
            ),
        ),
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How often all is done, and which cases."""
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--cases", nargs="*", default=[], help="words that the names of the cases have in them"
    )


if __name__ == "__main__":
    tell(__doc__, measure, add_arguments)
