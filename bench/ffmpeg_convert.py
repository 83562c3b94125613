"""A whole conversion by similubot-ffmpeg beside plain FFmpeg with the same arguments.

    python bench/ffmpeg_convert.py [--ffmpeg PATH] [--seconds N] [--rounds N]

An hour of stereo sound (mp3, 192 kb/s) is encoded to AAC at 128 kb/s: by plain FFmpeg, by the
converter in one piece, and by it in two parts; and an hour of AAC is copied. Each runs in a process
of its own. "work" is the conversion alone (reading the source, encoding, checking the result) by
Python's clock; "process" has the start of Python and its imports in it.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from harness import comparison, ratio, run_interleaved, work
from long_sound import make_long_sound
from report import Goal, Report, tell
from similubot_ffmpeg import FFmpegSettings
from similubot_ffmpeg.arguments import convert
from similubot_ffmpeg.media import AudioTrack
from similubot_ffmpeg.program import Program, find_program, version_of

PROGRAM = """
import sys, time
from similubot_ffmpeg import AudioConverter, FFmpegSettings
program, threads, source, bitrate, folder = sys.argv[1:]
settings = FFmpegSettings(program=program, threads=int(threads))
converter = AudioConverter(temp_dir=folder, settings=settings)
began = time.perf_counter()
ok, path, error = converter.convert_to_aac_with_progress(
    source, int(bitrate) or None, progress_callback=lambda info: None
)
assert ok, error
print(time.perf_counter() - began)
"""


PLAIN, PLAIN_COPY = "plain ffmpeg", "plain ffmpeg copying"
ONE, TWO, COPIED = "similubot, one piece", "similubot, two parts", "similubot, AAC copied"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--ffmpeg", type=Path, default=None)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--rounds", type=int, default=3)


def measure(arguments: argparse.Namespace) -> Report:
    """Make the sound and run all in turn."""
    ffmpeg = arguments.ffmpeg or find_program(FFmpegSettings()).path
    seconds, rounds = arguments.seconds, arguments.rounds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        mp3 = make_long_sound(
            folder / "hour.mp3", seconds, ffmpeg, "-c:a", "libmp3lame", "-b:a", "192k"
        )
        aac = make_long_sound(folder / "hour.m4a", seconds, ffmpeg, "-c:a", "aac", "-b:a", "128k")
        results = folder / "results"
        results.mkdir()

        def plain(source: Path, bitrate: int | None) -> list[str]:
            track = AudioTrack("", 44_100, "stereo", None)
            result = results / "plain.m4a"
            arguments = convert(source, "mp3", track, bitrate, result, final=True)
            options = ("-hide_banner", "-y", "-progress", "pipe:1", "-nostats")
            # A session of its own, as the converter gives its FFmpegs: Linux shares processors out
            # among sessions, so on a busy machine the two would differ otherwise.
            return ["setsid", "-w", str(ffmpeg), *options, "-loglevel", "error", *arguments]

        def ours(source: Path, threads: int, bitrate: int) -> list[str]:
            words = (str(ffmpeg), str(threads), str(source), str(bitrate), str(results))
            return [sys.executable, "-c", PROGRAM, *words]

        def clear(name: str) -> None:
            shutil.rmtree(results)
            results.mkdir()

        runs = run_interleaved(
            {
                PLAIN: plain(mp3, 128),
                ONE: ours(mp3, 1, 128),
                TWO: ours(mp3, 2, 128),
                PLAIN_COPY: plain(aac, None),
                COPIED: ours(aac, 1, 0),
            },
            rounds,
            clear,
            warm_up=False,
        )
    return Report(
        "Conversion",
        f"{seconds:g} s of stereo sound (mp3, 192 kb/s) encoded to AAC at 128 kb/s by FFmpeg "
        f"{version_of(Program(ffmpeg, 'bench'))}, and as much AAC copied; {rounds} interleaved "
        "rounds, each run in a fresh process. Plain FFmpeg gets the very same arguments. Work is "
        "the conversion with the check of its result, for plain FFmpeg the whole process.",
        (),
        (
            comparison({name: runs[name] for name in (PLAIN, ONE, TWO)}, PLAIN, "Encoded"),
            comparison({name: runs[name] for name in (PLAIN_COPY, COPIED)}, PLAIN_COPY, "Copied"),
        ),
        goals=(
            *(
                Goal(
                    f"Conversion, {name}: time, times plain FFmpeg's encoding",
                    ratio(runs, name, PLAIN, work),
                    limit,
                )
                for name, limit in ((ONE, 1.03), (TWO, 0.65), (COPIED, 0.1))
            ),
            Goal(
                "Conversion, what reading the source and checking the copy cost: time, times plain "
                "FFmpeg's encoding",
                ratio(runs, COPIED, PLAIN, work) - ratio(runs, PLAIN_COPY, PLAIN, work),
                0.05,
            ),
        ),
    )


if __name__ == "__main__":
    tell(__doc__, measure, add_arguments)
