"""Every tracker of every plugin is put through the six rules, by the testkit's one check."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from similubot_catbox import UploadProgressTracker
from similubot_core import CountingTracker, ProgressTracker, TrackerSpec
from similubot_core.plugins.manager import load_plugins
from similubot_ffmpeg import FFmpegProgressTracker
from similubot_testkit.rules import assert_tracker_keeps_the_rules

INSTALLED = load_plugins().all(TrackerSpec)

SAMPLES: dict[str, Sequence[str]] = {
    "mega": [
        "TRANSFERRING ||####................||(97/683 KB:  14.29 %) \x00",
        "TRANSFERRING ||####################||(683/683 KB: 100.00 %) \x00",
        "TRANSFERRING ||####################||(683/683 KB: 100.00 %) \x00",
        "Download finished: ./failed cancelled completed.mp4",
    ],
    "megatools": [
        "big.bin: 6.67% - 25.4\xa0MiB (26669518 bytes) of 381.5\xa0MiB (21.1\xa0MiB/s)",
        "big.bin: 100.00% - 381.5\xa0MiB (400000000 bytes) of 381.5\xa0MiB (21.1\xa0MiB/s)",
        "Downloaded big.bin",
    ],
    "ffmpeg": [
        "  Duration: 00:10:00.00, start: 0.000000, bitrate: 328 kb/s",
        "size=    2304KiB time=00:02:32.20 bitrate= 124.0kbits/s speed=  38x    ",
        "size=       0kB time=-577014:32:22.77 bitrate=  -0.0kbits/s speed=N/A",
        "size=N/A time=00:08:20.82 bitrate=N/A speed=1e+03x",
        "size=    9502KiB time=00:10:00.00 bitrate= 129.7kbits/s speed=49.5x elapsed=0:00:12.11",
        "out_time_us=600000000\nspeed=   0x\nprogress=end\n",
    ],
}


@pytest.mark.parametrize("spec", INSTALLED, ids=lambda spec: spec.name)
def test_a_registered_tracker_keeps_the_rules(spec: TrackerSpec) -> None:
    assert_tracker_keeps_the_rules(spec.factory, SAMPLES.get(spec.name, ()))


OTHERS: dict[str, Callable[[], ProgressTracker]] = {
    "upload": lambda: UploadProgressTracker("Catbox", 1000),
    "upload of unknown size": lambda: UploadProgressTracker("Catbox"),
    "counting": lambda: CountingTracker("Copy"),
    "ffmpeg of known duration": lambda: FFmpegProgressTracker(600.0),
}


@pytest.mark.parametrize("make", OTHERS.values(), ids=OTHERS)
def test_a_tracker_that_counts_keeps_the_rules(make: Callable[[], ProgressTracker]) -> None:
    assert_tracker_keeps_the_rules(make)


def test_no_plugin_in_the_house_has_a_tracker_that_is_not_checked() -> None:
    """Every subclass of ProgressTracker in the code is registered, or named above."""
    root = Path(__file__).parent.parent
    sources = [*root.glob("similubot_core/*.py"), *root.glob("plugins/*/src/*/*.py")]
    classes = {
        line.split("(")[0].removeprefix("class ")
        for source in sources
        for line in source.read_text(encoding="utf-8").splitlines()
        if line.startswith("class ") and "(ProgressTracker)" in line
    }
    makers = [*(spec.factory for spec in INSTALLED), *OTHERS.values()]
    checked = {type(make()).__name__ for make in makers}
    assert classes <= checked
