"""The uploader is put through the checks of every uploader."""

from pathlib import Path

from similubot_catbox import CatboxUploader
from similubot_catbox.settings import CatboxSettings
from similubot_loopback.catbox_server import LoopbackCatbox
from similubot_loopback.catbox_server.faults import Stall
from similubot_testkit.stage_rules import assert_uploader_keeps_the_rules


def test_it_keeps_the_rules(clip: Path, tmp_path: Path) -> None:
    with LoopbackCatbox(tmp_path / "there") as there, LoopbackCatbox(tmp_path / "other") as other:
        other.script(Stall())
        uploader, stalled = (
            CatboxUploader(settings=CatboxSettings(api_url=server.catbox_url))
            for server in (there, other)
        )
        assert_uploader_keeps_the_rules(uploader, clip, stalled=stalled)
