"""A third party's downloader and uploader, installed beside the bot, work without a change."""

from collections.abc import Callable
from pathlib import Path

from .conftest import BotProcess, fields, final_answer, title

MODULE = """
import pathlib, shutil
from similubot_core import (
    DownloaderSpec, ProgressTracker, StageContext, UploaderSpec, hookimpl
)

class Tracker(ProgressTracker):
    def parse_output(self, text):
        return False

class Fetches:
    def run(self, source, context):
        with context.attach(Tracker("Tube Download")) as tracker:
            target = context.folder / "tube.wav"
            shutil.copy(pathlib.Path(__file__).with_name("sound.wav"), target)
            tracker.complete("Fetched.")
            return target

class Keeps:
    def run(self, file, context):
        with context.attach(Tracker("Shelf Upload")) as tracker:
            shelf = pathlib.Path(__file__).with_name("shelf")
            shelf.mkdir(exist_ok=True)
            shutil.copy(file, shelf)
            tracker.complete("Kept.")
            return f"https://shelf.example/{file.name}"

@hookimpl
def similubot_stages():
    return [
        DownloaderSpec("tube", "links of tube.example", lambda settings: Fetches(),
                       lambda source: source.startswith("https://tube.example/")),
        UploaderSpec("shelf", "a shelf", lambda settings, target: Keeps()),
    ]
"""


def install(site: Path, sound: Path) -> None:
    """What pip would leave behind for a distribution `tube` with one module."""
    site.mkdir()
    (site / "tube_plugin.py").write_text(MODULE)
    (site / "sound.wav").write_bytes(sound.read_bytes())
    info = site / "tube-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tube\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[similubot]\ntube = tube_plugin\n")


def test_a_strangers_downloader_and_uploader_are_used(
    bot: BotProcess, make_sound: Callable[[float], Path], tmp_path: Path
) -> None:
    site = tmp_path / "site"
    install(site, make_sound(1))
    bot.more_environ = {"PYTHONPATH": str(site)}
    bot.start()
    bot.discord.type_message("!convert https://tube.example/watch?v=1 96 shelf")
    answer = final_answer(bot)
    assert title(answer) == "✅ Conversion Complete"
    assert fields(answer)["Download Link"] == "https://shelf.example/tube.m4a"
    assert (site / "shelf" / "tube.m4a").stat().st_size > 0
