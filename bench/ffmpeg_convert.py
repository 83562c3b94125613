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

from harness import print_table, run_interleaved
from similubot_ffmpeg import FFmpegSettings
from similubot_ffmpeg.arguments import convert
from similubot_ffmpeg.program import Program, find_program, version_of
from similubot_testkit.media import make_sound

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


def main(ffmpeg: Path, seconds: float, rounds: int) -> None:
    """Make the sound, run all in turn, print the table."""
    print(f"FFmpeg {version_of(Program(ffmpeg, 'bench'))}, {seconds:g} s of sound")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        mp3 = make_sound(folder / "hour.mp3", seconds, ffmpeg, "-c:a", "libmp3lame", "-b:a", "192k")
        aac = make_sound(folder / "hour.m4a", seconds, ffmpeg, "-c:a", "aac", "-b:a", "128k")
        results = folder / "results"
        results.mkdir()

        def plain(source: Path, bitrate: int | None) -> list[str]:
            arguments = convert(source, bitrate, results / "plain.m4a", final=True)
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
                "plain ffmpeg, encode": plain(mp3, 128),
                "similubot, one piece": ours(mp3, 1, 128),
                "similubot, two parts": ours(mp3, 2, 128),
                "plain ffmpeg, copy": plain(aac, None),
                "similubot, AAC copied": ours(aac, 1, 0),
            },
            rounds,
            clear,
        )
        print_table(runs, "plain ffmpeg, encode")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ffmpeg", type=Path, default=None)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    main(options.ffmpeg or find_program(FFmpegSettings()).path, options.seconds, options.rounds)
