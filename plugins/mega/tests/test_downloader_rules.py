"""The downloader is put through the checks of every downloader."""

import os

from similubot_loopback.mega_server import LoopbackMega
from similubot_mega import MegaDownloader, MegaSettings
from similubot_testkit.stage_rules import assert_downloader_keeps_the_rules

MB = 1_000_000


def test_it_keeps_the_rules() -> None:
    with LoopbackMega() as server:
        server.fail_data("stall", at=3 * MB, times=None)  # which the small file does not have
        small, large = (server.add_file("a.mp3", os.urandom(size)) for size in (MB // 2, 4 * MB))
        settings = MegaSettings(api_url=server.url, backend="embedded", stall_timeout=60)
        assert_downloader_keeps_the_rules(MegaDownloader(settings=settings), small, stalled=large)
