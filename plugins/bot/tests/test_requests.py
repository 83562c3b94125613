"""What may be requested, with third parties' plugins."""

import contextlib
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from similubot_bot.access import Requester
from similubot_bot.jobs.attachment import safe_name
from similubot_bot.jobs.records import JobRequest
from similubot_bot.jobs.requests import (
    AttachedFile,
    accepted,
    first_link,
    operations_of,
    read_request,
    upload_targets,
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
from similubot_core.plugins.specs import Plugins


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


def read(link: str | None, to: str | None = None, file: AttachedFile | None = None) -> JobRequest:
    return read_request(PLUGINS, SETTINGS, TARGETS, Requester(1), 2, link=link, file=file, to=to)


def chosen(link: str | None, to: str | None = None) -> tuple[str, str]:
    request = read(link, to)
    return request.source, request.to


def test_a_third_partys_downloader_and_uploader_are_accepted() -> None:
    assert chosen(LINK, to="mine") == (LINK, "mine")
    assert chosen(f"<{LINK}>") == (LINK, "catbox")


def test_a_target_is_accepted_only_where_the_settings_name_it() -> None:
    assert chosen(LINK, to="mine=72h") == (LINK, "mine=72h")
    with pytest.raises(UsageError, match="can't upload to 'mine=1h'; choose one of catbox, mine"):
        chosen(LINK, to="mine=1h")


def test_an_uploader_that_needs_a_target_cannot_be_named_without_one() -> None:
    def needs_target(settings: Settings, target: str | None) -> Upload:
        if target is None:
            raise UsageError("Name the folder.")
        return Upload()

    specs = (*PLUGINS.specs, UploaderSpec("folder", "a folder", needs_target))
    found = upload_targets(Plugins(specs=specs), Settings(environ={}), SETTINGS)
    assert found == ("catbox", "mine=72h", "mine")
    wrong = BotSettings(to="folder")
    with pytest.raises(UsageError, match="Name the folder"):
        upload_targets(Plugins(specs=specs), Settings(environ={}), wrong)


@pytest.mark.parametrize("link", [None, "", "  ", "<>"])
def test_without_a_link_the_answer_shows_how_to_ask(link: str | None) -> None:
    with pytest.raises(UsageError, match="Give a link or attach a file"):
        chosen(link)


def test_a_link_and_a_file_are_too_much() -> None:
    file = AttachedFile("https://cdn/x", "x.mp3", 5)
    with pytest.raises(UsageError, match="not both"):
        read(LINK, file=file)
    made = read("96", file=file)
    assert (made.kind, made.bitrate, made.name) == ("attachment", 96, "x.mp3")


def test_the_first_supported_link_is_found_in_a_text() -> None:
    text = f"see https://other.example/ and (<{LINK}>), and {LINK}2"
    assert first_link(PLUGINS, text) == LINK
    assert first_link(PLUGINS, "no link at all") is None


def operations(kind: Literal["link", "attachment"], to: str, *more: UploaderSpec) -> list[str]:
    tube = DownloaderSpec("tube", "", downloader, LINK.startswith, operation="Tube Download")
    converter = ConverterSpec("aac", "", lambda settings: Convert(), operation="Conversion")
    place = UploaderSpec("mine", "", uploader, operation="My Upload")
    plugins = Plugins(specs=(tube, converter, place, *more))
    return list(operations_of(plugins, JobRequest(1, None, 2, LINK, kind, "x", None, to)))


def test_the_operations_to_come_are_those_that_the_plugins_name() -> None:
    assert operations("link", "mine=72h") == ["Tube Download", "Conversion", "My Upload"]
    assert operations("attachment", "mine") == ["Discord Download", "Conversion", "My Upload"]


def test_nothing_is_foretold_where_one_plugin_does_not_name_its_operation() -> None:
    assert operations("link", "silent", UploaderSpec("silent", "", uploader)) == []


@given(st.text(max_size=300))
def test_no_text_is_accepted_that_no_downloader_accepts(text: str) -> None:
    source = None
    with contextlib.suppress(UsageError):
        source, _ = chosen(text)
    assert source is None or accepted(PLUGINS, source)


@given(st.text(max_size=400))
def test_an_attachments_name_is_always_one_plain_name_of_a_file(name: str) -> None:
    made = safe_name(name)
    assert made == Path(made).name
    assert made not in ("", ".", "..")
    assert not made.startswith(".")
    assert len(made.encode()) <= 150
    assert made.isprintable()
