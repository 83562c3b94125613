"""Wheels of two strangers' plugins, each with one stage of every kind, to stand beside ours.

`trumpet` does things of its own, and has a downloader that cannot be made. `harp` also does what
ours do: it takes plain links, and makes mp3.
"""

from pathlib import Path

from .trap_wheels import write_wheel

_STAGES = """
import pathlib, shutil
from similubot_core import (
    ConverterSpec, CountingTracker, DownloaderSpec, OutputFormat, UploaderSpec, hookimpl
)

NAME = __name__.removeprefix("stranger_").capitalize()

class Fetches:
    def run(self, source, context):
        with context.attach(CountingTracker(f"{NAME} Download")) as tracker:
            target = context.folder / "fetched.wav"
            target.write_bytes(pathlib.Path(__file__).with_name("sound.wav").read_bytes())
            tracker.complete("Fetched.")
            return target

class Converts:
    def run(self, file, request, context):
        with context.attach(CountingTracker(f"{NAME} Conversion")) as tracker:
            target = context.folder / f"{file.stem}.{request.format}"
            target.write_bytes(f"{request.format} by {NAME}".encode())
            tracker.complete("Converted.")
            return target

class Keeps:
    def run(self, file, context):
        with context.attach(CountingTracker(f"{NAME} Upload")) as tracker:
            shelf = pathlib.Path(__file__).with_name(f"shelf_of_{NAME.lower()}")
            shelf.mkdir(exist_ok=True)
            shutil.copy(file, shelf)
            tracker.complete("Kept.")
            return f"https://{NAME.lower()}.example/{file.name}"

def stages(accepts, example, *formats):
    return [
        DownloaderSpec(
            f"{NAME.lower()}-fetch", f"links that {NAME} knows", lambda settings: Fetches(),
            accepts, operation=f"{NAME} Download", example=example,
        ),
        ConverterSpec(
            f"{NAME.lower()}-press", f"files of {NAME}", lambda settings: Converts(),
            operation=f"{NAME} Conversion", formats=formats,
        ),
        UploaderSpec(
            f"{NAME.lower()}-shelf", f"the shelf of {NAME}", lambda settings, target: Keeps(),
            operation=f"{NAME} Upload",
        ),
    ]
"""

_TRUMPET = f"""{_STAGES}
@hookimpl
def similubot_stages():
    return stages(
        lambda source: source.startswith("https://trumpet.example/"),
        "https://trumpet.example/1",
        OutputFormat("brass", ".brass"),
    ) + [DownloaderSpec("bent", "nothing", lambda settings: 1 / 0, lambda source: False)]
"""

_HARP = f"""{_STAGES}
@hookimpl
def similubot_stages():
    return stages(
        lambda source: source.startswith("https://"),
        "https://harp.example/1.mp3",
        OutputFormat("strings", ".strings"),
        OutputFormat("mp3", ".mp3", (32, 320)),
    )
"""


def write_strangers(folder: Path) -> list[Path]:
    """Write the wheels into `folder`."""
    return [
        write_wheel(folder, "stranger-trumpet", _TRUMPET, "trumpet"),
        write_wheel(folder, "stranger-harp", _HARP, "harp"),
    ]
