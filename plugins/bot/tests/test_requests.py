"""What may be requested, with third parties' plugins."""

import contextlib
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from similubot_bot.access import Requester
from similubot_bot.jobs.reading import read
from similubot_bot.jobs.records import JobRequest
from similubot_bot.jobs.requests import (
    AttachedFile,
    accepted,
    make_requests,
    operations_of,
    upload_targets,
    vocabulary,
)
from similubot_bot.settings import BotSettings
from similubot_core import (
    ConversionRequest,
    ConverterSpec,
    DownloaderSpec,
    Settings,
    StageContext,
    UploaderSpec,
    UsageError,
)
from similubot_core.plugins.specs import AnySpec, Plugins


class Nothing:
    def run(self, source: str | Path, context: StageContext) -> Path:
        raise NotImplementedError


def downloader(settings: Settings) -> Nothing:
    return Nothing()


def raises(source: str) -> bool:
    raise RuntimeError(source)


def uploader(settings: Settings, target: str | None) -> "Upload":
    return Upload()


class Convert:
    def run(self, file: Path, request: ConversionRequest, context: StageContext) -> Path:
        raise NotImplementedError


class Upload:
    def run(self, file: Path, context: StageContext) -> str:
        raise NotImplementedError


PLUGINS = Plugins(
    specs=(
        DownloaderSpec("bad", "breaks", downloader, raises),
        DownloaderSpec(
            "tube", "links of tube.example", downloader, lambda s: s.startswith("https://tube.")
        ),
        UploaderSpec("catbox", "a host", uploader),
        UploaderSpec("mine", "my own host", uploader),
    )
)
SETTINGS = BotSettings(targets=("mine=72h",))
TARGETS = upload_targets(PLUGINS, Settings(environ={}), SETTINGS)
LINK = "https://tube.example/watch"


def made(text: str, *files: AttachedFile) -> list[JobRequest]:
    reading = read(text, vocabulary(PLUGINS, TARGETS))
    return make_requests(
        PLUGINS, SETTINGS, Requester(1), 2, reading, files, default_target=TARGETS[0]
    )


def test_a_third_partys_downloader_and_uploader_are_accepted() -> None:
    (request,) = made(f"{LINK} mine")
    assert (request.source, request.to) == (LINK, "mine")
    (request,) = made(f"<{LINK}>")
    assert (request.source, request.to) == (LINK, "catbox")


def test_a_target_is_accepted_only_where_the_settings_name_it() -> None:
    (request,) = made(f"{LINK} mine=72h")
    assert request.to == "mine=72h"
    with pytest.raises(UsageError, match=r"upload to .mine=1h.\..*Choose one of catbox, mine"):
        made(f"{LINK} mine=1h")


def test_an_uploader_that_needs_a_target_cannot_be_named_without_one() -> None:
    def needs_target(settings: Settings, target: str | None) -> Upload:
        if target is None:
            raise UsageError("Name the folder.")
        return Upload()

    specs = (*PLUGINS.specs, UploaderSpec("folder", "a folder", needs_target))
    found = upload_targets(Plugins(specs=specs), Settings(environ={}), SETTINGS)
    assert found == ("catbox", "mine=72h", "mine", "discord")
    wrong = BotSettings(to="folder")
    with pytest.raises(UsageError, match="Name the folder"):
        upload_targets(Plugins(specs=specs), Settings(environ={}), wrong)


@pytest.mark.parametrize("text", ["", "  ", "<>", "hello"])
def test_without_a_link_the_answer_shows_how_to_ask(text: str) -> None:
    with pytest.raises(UsageError, match="Give a link, attach a file, or reply"):
        made(text)


def test_what_no_downloader_accepts_is_named_by_its_host_alone() -> None:
    with pytest.raises(UsageError, match=r"can't download from x.example. Supported: breaks; link"):
        made("https://x.example/secret?key=1")


def test_each_link_and_each_file_makes_a_job() -> None:
    files = [AttachedFile("https://cdn/x", "x.mp3", 5), AttachedFile("https://cdn/y", "y.mp3", 6)]
    found = made(f"{LINK} {LINK}2 96", *files)
    assert [(r.kind, r.name, r.bitrate) for r in found] == [
        ("link", LINK, 96),
        ("link", f"{LINK}2", 96),
        ("attachment", "x.mp3", 96),
        ("attachment", "y.mp3", 96),
    ]


def operations(
    kind: Literal["link", "attachment"], to: str, *more: AnySpec, format_: str | None = None
) -> list[str]:
    tube = DownloaderSpec("tube", "", downloader, LINK.startswith, operation="Tube Download")
    converter = ConverterSpec("aac", "", lambda settings: Convert(), operation="Conversion")
    place = UploaderSpec("mine", "", uploader, operation="My Upload")
    plugins = Plugins(specs=(tube, converter, place, *more))
    request = JobRequest(1, None, 2, LINK, kind, "x", None, to, format_)
    return list(operations_of(plugins, Settings(environ={}), request))


def test_the_operations_to_come_are_those_that_the_plugins_name() -> None:
    assert operations("link", "mine=72h") == ["Tube Download", "Conversion", "My Upload"]
    assert operations("attachment", "mine") == ["Discord Download", "Conversion", "My Upload"]


def test_nothing_is_foretold_where_one_plugin_does_not_name_its_operation() -> None:
    assert operations("link", "silent", UploaderSpec("silent", "", uploader)) == []


def test_the_operations_to_come_are_those_of_the_stages_that_will_be_chosen() -> None:
    others = (
        DownloaderSpec("all", "", downloader, lambda s: True, operation="Any", fallback=1),
        ConverterSpec("a-flac", "", lambda s: Convert(), ".flac", operation="Pressing"),
        ConverterSpec("z-aac", "", lambda s: Convert(), ".m4a", operation="AAC"),
    )
    assert operations("link", "mine", *others) == ["Tube Download", "AAC", "My Upload"]
    chosen = operations("link", "mine", *others, format_="a-flac")
    assert chosen == ["Tube Download", "Pressing", "My Upload"]


@given(st.text(max_size=300))
def test_no_text_is_accepted_that_no_downloader_accepts(text: str) -> None:
    with contextlib.suppress(UsageError):
        assert all(accepted(PLUGINS, request.source) for request in made(text))
