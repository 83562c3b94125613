"""Compare the readers of a file's length with what FFmpeg decodes of it, as a table.

    python plugins/ffmpeg/tests/compare_readers.py FFMPEG FOLDER…

Of every file in the folders that FFmpeg decodes something of: which length mutagen and tinytag
(where they are installed) and FFmpeg name, and the verdict. Prints a line for each reader: how
often it names a length, how often that is within 0.1 s of what is there, and how often it names
more than is there; then each file on which a reader is off.
"""

import contextlib
import importlib
import sys
import tempfile
from pathlib import Path

from similubot_core import ConversionRequest, DamagedError, StageContext, StageError
from similubot_ffmpeg import AudioConverter, FFmpegSettings
from similubot_loopback.odd_media import decoded_seconds

NEAR = 0.1
LOST = 0.5


def by_mutagen(file: Path) -> float | None:
    """Seconds, or None."""
    read = importlib.import_module("mutagen").File(file)
    return None if read is None else getattr(read.info, "length", None)


def by_tinytag(file: Path) -> float | None:
    """Seconds, or None."""
    length: float | None = importlib.import_module("tinytag").TinyTag.get(file).duration
    return length


READERS = {"mutagen": by_mutagen, "tinytag": by_tinytag}


def compare(program: Path, files: list[Path]) -> list[tuple[Path, float, dict[str, float | None]]]:
    """Of each file that can be decoded: what is there, and what each reader says."""
    converter = AudioConverter(settings=FFmpegSettings(program=str(program)))
    rows = []
    for file in files:
        is_there = decoded_seconds(file, program)
        if not is_there:
            continue
        said: dict[str, float | None] = {}
        for name, reader in READERS.items():
            said[name] = None
            with contextlib.suppress(Exception):  # theirs are of many kinds
                said[name] = reader(file)
        _, info, _ = converter.get_media_info(file)
        said["FFmpeg's header"] = info.duration if info else None
        with tempfile.TemporaryDirectory() as folder:
            try:
                result = converter.run(file, ConversionRequest(64), StageContext(Path(folder)))
                said["the verdict"] = decoded_seconds(result, program)
            except (DamagedError, StageError):
                said["the verdict"] = None
        rows.append((file, is_there, said))
    return rows


def main(program: Path, folders: list[Path]) -> None:
    """Print both tables."""
    files = sorted({file for folder in folders for file in folder.rglob("*") if file.is_file()})
    rows = compare(program, files)
    print(f"{len(files)} files, of which FFmpeg decodes something of {len(rows)}\n")
    print(
        "| Reader | Names a length | Right within 0.1 s | More than is there |\n|---|---|---|---|"
    )
    for name in rows[0][2]:
        said = [(there, of[name]) for _, there, of in rows]
        known = [(there, length) for there, length in said if length]
        right = sum(abs(length - there) <= NEAR for there, length in known)
        more = sum(length - there > LOST for there, length in known)
        print(f"| {name} | {len(known)} | {right} | {more} |")
    print(
        "\n| File | Decoded | "
        + " | ".join(rows[0][2])
        + " |\n|---|---|"
        + "---|" * len(rows[0][2])
    )
    for file, there, of in rows:
        if any(length is None or abs(length - there) > LOST for length in of.values()):
            cells = ("" if length is None else f"{length:.2f}" for length in of.values())
            print(f"| {file.name} | {there:.2f} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute(), [Path(folder) for folder in sys.argv[2:]])
