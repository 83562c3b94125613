"""Which stages a job gets where several plugins bring one of a kind."""

from dataclasses import replace
from pathlib import Path

import pytest

from similubot_core import (
    CommandContext,
    ConversionRequest,
    ConverterSpec,
    DownloaderSpec,
    OutputFormat,
    Settings,
    UsageError,
)
from similubot_core.cli.doctor import plugin_checks
from similubot_core.plugins.choice import choose_downloader, choose_format, undecided
from similubot_core.plugins.planning import plan_job
from similubot_core.plugins.specs import AnySpec, Plugins


class Stage:
    """Any stage; no test here runs it."""

    def run(self, *arguments: object) -> Path:
        raise NotImplementedError


def downloader(name: str, *starts: str, fallback: int = 0, example: str = "") -> DownloaderSpec:
    return DownloaderSpec(
        name, f"links of {name}", lambda settings: Stage(),
        lambda source: source.startswith(starts), fallback=fallback, example=example,
    )  # fmt: skip


MEGA = downloader("mega", "https://mega.nz/", example="https://mega.nz/file/x#y")
PLAIN = downloader("plain", "https://", fallback=1)
SITES = downloader("sites", "https://", fallback=2)
GENERIC = downloader("any", "https://")  # its author knows no `fallback`

MANY = ConverterSpec(
    "many", "many formats", lambda settings: Stage(),
    formats=(
        OutputFormat("m4a", ".m4a", (32, 512)),
        OutputFormat("mp3", ".mp3", (32, 320)),
        OutputFormat("opus", ".opus", (6, 510), other_suffixes=(".ogg",)),
        OutputFormat("flac", ".flac"),
        OutputFormat("original", copies=True),
    ),
    options=("track", "clip"),
)  # fmt: skip
OPUS = ConverterSpec("opus", "Opus", lambda settings: Stage(), ".opus", (6, 256))
VORBIS = ConverterSpec("vorbis", "Vorbis", lambda settings: Stage(), ".oga", (45, 500))


def downloader_for(source: str, *specs: AnySpec, **more: object) -> str | None:
    chosen = choose_downloader(Plugins(specs=specs), source, **more)  # type: ignore[arg-type]
    return None if chosen is None else chosen.name


def converter_for(*specs: AnySpec, **more: object) -> tuple[str, str]:
    chosen = choose_format(Plugins(specs=specs), **more)  # type: ignore[arg-type]
    return chosen.converter.name, chosen.format.name


def refused_for(*specs: AnySpec, **more: object) -> str:
    with pytest.raises(UsageError) as caught:
        choose_format(Plugins(specs=specs), **more)  # type: ignore[arg-type]
    return caught.value.message


# -- downloaders -------------------------------------------------------------------------------


def test_a_downloader_of_certain_hosts_comes_before_those_of_any() -> None:
    everything = (SITES, PLAIN, MEGA, GENERIC)
    assert downloader_for("https://mega.nz/file/x", *everything) == "mega"
    assert downloader_for("https://a.example/x", SITES, PLAIN) == "plain"
    assert downloader_for("https://a.example/x", SITES, GENERIC) == "any"
    assert downloader_for("ftp://a.example/x", *everything) is None


def test_from_overrides_every_order() -> None:
    assert downloader_for("https://mega.nz/file/x", MEGA, SITES, name="sites") == "sites"
    with pytest.raises(
        UsageError, match=r"^The downloader mega can't download https://a.example/x"
    ):
        downloader_for("https://a.example/x#key", MEGA, name="mega")
    with pytest.raises(UsageError, match=r"^There is no downloader 'mgea'; did you mean 'mega'\?"):
        downloader_for("https://mega.nz/file/x", MEGA, name="mgea")


def test_two_of_one_level_stop_only_the_links_that_both_accept() -> None:
    other = replace(MEGA, name="other-mega")
    assert downloader_for("https://a.example/x", MEGA, other, PLAIN) == "plain"
    with pytest.raises(UsageError, match=r"--from mega.*\[core\] of similubot\.toml"):
        downloader_for("https://mega.nz/file/x", MEGA, other, PLAIN)
    assert downloader_for("https://mega.nz/x", MEGA, other, prefer=("other-mega",)) == "other-mega"


# -- converters --------------------------------------------------------------------------------


def test_the_format_is_what_is_typed_else_the_outputs_ending_else_the_setting_else_aac() -> None:
    assert converter_for(OPUS, MANY) == ("many", "m4a")
    assert converter_for(OPUS, MANY, default="mp3") == ("many", "mp3")
    assert converter_for(OPUS, MANY, default="mp3", suffix=".FLAC") == ("many", "flac")
    assert converter_for(MANY, name="opus", suffix=".ogg", default="mp3") == ("many", "opus")
    assert converter_for(MANY, name=".MP3") == ("many", "mp3")
    assert converter_for(VORBIS, name="oga") == ("vorbis", "vorbis")


def test_a_single_converter_that_makes_no_aac_is_taken_all_the_same() -> None:
    assert converter_for(OPUS) == ("opus", "opus")
    assert "choose with --format. Supported: opus, vorbis." in refused_for(OPUS, VORBIS)


def test_an_ending_that_contradicts_the_format_is_an_error() -> None:
    assert refused_for(MANY, name="mp3", suffix=".m4a") == (
        "A .m4a file cannot be mp3; name the output *.mp3, or leave out --format."
    )
    assert refused_for(MANY, suffix=".mp9").startswith("No installed converter makes .mp9 files. S")
    assert converter_for(MANY, name="original", suffix=".mka") == ("many", "original")


def test_two_converters_of_one_format_stop_only_that_format() -> None:
    assert converter_for(OPUS, MANY, name="mp3") == ("many", "mp3")
    assert 'prefer = ["many"]' in refused_for(OPUS, MANY, name="opus")
    assert converter_for(OPUS, MANY, name="opus", prefer=("opus",)) == ("opus", "opus")


def test_a_format_that_nobody_makes_gets_the_nearest() -> None:
    assert refused_for(MANY, name="flca") == (
        "There is no format 'flca'; did you mean 'flac'? Supported: m4a, mp3, opus, flac, original."
    )


# -- what is undecided -------------------------------------------------------------------------


def test_what_nothing_decides_is_listed_once_each() -> None:
    specs = (MEGA, replace(MEGA, name="other-mega"), PLAIN, SITES, OPUS, MANY)
    told = undecided(Plugins(specs=specs))
    assert len(told) == 2
    assert "links such as https://mega.nz/file/x#y: mega and other-mega" in told[0]
    assert "Several converters make opus: many and opus." in told[1]
    assert undecided(Plugins(specs=specs), prefer=("opus", "mega")) == []


def test_two_downloaders_that_meet_at_many_links_are_listed_once() -> None:
    plain = replace(PLAIN, example="https://host.invalid/song.mp3")
    (told,) = undecided(Plugins(specs=(plain, replace(GENERIC, example="https://any.example/1"))))
    assert "any and plain" in told


def test_doctor_says_how_to_decide_and_what_is_preferred_in_vain() -> None:
    settings = Settings(environ={"SIMILUBOT_CORE_PREFER": "vorbsi"})
    first, second = plugin_checks(CommandContext(Plugins(specs=(OPUS, MANY)), settings))
    assert (first.ok, first.detail) == (False, "Several converters make opus: many and opus.")
    assert first.cure.startswith("Choose one with prefer = ")
    assert "'vorbsi'" in second.detail


# -- what a request may hold -------------------------------------------------------------------


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "clip.wav").write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def request_for(environ: dict[str, str] | None = None, **more: object) -> ConversionRequest:
    settings = Settings(environ=environ or {})
    job = plan_job(Plugins(specs=(MANY, OPUS)), settings, "clip.wav", **more)  # type: ignore[arg-type]
    return job.request


def test_the_request_carries_what_was_chosen(here: Path) -> None:
    assert request_for().format == "m4a"
    assert request_for(output=here / "x.mp3").format == "mp3"
    assert request_for({"SIMILUBOT_CONVERT_FORMAT": "flac"}).format == "flac"
    request = request_for(track="eng", clip=(70.0, 150.0), format="mp3", bitrate=320)
    assert request == ConversionRequest(320, format="mp3", track="eng", clip=(70.0, 150.0))


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"keep_damaged": True}, "The converter many takes no --keep-damaged; leave it out."),
        ({"clip": (5.0, 5.0)}, "A clip must end after its start; write it as 1:10-2:30."),
        ({"bitrate": 128, "format": "flac"}, "The format flac has no bitrate to choose; "),
        ({"bitrate": 400, "format": "mp3"}, "The format mp3 takes 32 to 320 kb/s; 400 is outside"),
    ],
)
def test_what_a_converter_would_ignore_is_refused(
    here: Path, asked: dict[str, object], sentence: str
) -> None:
    with pytest.raises(UsageError) as caught:
        request_for(**asked)  # type: ignore[arg-type]
    assert caught.value.message.startswith(sentence)
