"""What the plugin registers, how light that is, and what doctor says."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import similubot_mega
from similubot_core import Settings, SettingsError, StageContext
from similubot_loopback.mega_server import LoopbackMega
from similubot_mega import MegaDownloader, MegaSettings
from similubot_mega.checks import check

LINK = f"https://mega.nz/file/AbCdEfGh#{'A' * 43}"


def test_the_trackers_read_mega_get_and_megatools() -> None:
    programs = {spec.name: spec.programs for spec in similubot_mega.similubot_trackers()}
    assert programs == {
        "mega": ("mega-get",),
        "megatools": ("megatools", "megadl", "megaget"),
    }


def test_the_downloader_takes_mega_links_and_no_others() -> None:
    (spec,) = similubot_mega.similubot_stages()
    assert spec.accepts(LINK)
    assert spec.accepts("https://mega.nz/file/AbCdEfGh")
    assert not spec.accepts("https://example.com/file/AbCdEfGh")
    assert not spec.accepts("clip.mp4")


def test_the_downloader_is_made_from_the_settings(server: LoopbackMega, tmp_path: Path) -> None:
    (spec,) = similubot_mega.similubot_stages()
    downloader = spec.factory(Settings(environ={"SIMILUBOT_MEGA_API_URL": server.url}))
    file = downloader.run(server.add_file("a.mp3", b"abc"), StageContext(tmp_path))
    assert file.read_bytes() == b"abc"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("BACKEND", "curl"),
        ("CONNECTIONS", "0"),
        ("CONNECTIONS", "17"),
        ("STALL_TIMEOUT", "0"),
        ("MAX_SIZE", "0"),
        ("MAX_SIZE", "many"),
        ("SPEED", "1"),
    ],
)
def test_a_bad_setting_is_an_error_that_names_it(key: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"SIMILUBOT_MEGA_{key}|unknown key"):
        Settings(environ={f"SIMILUBOT_MEGA_{key}": value}).table(MegaSettings)


def test_finding_the_plugin_imports_nothing_heavy() -> None:
    code = """
import sys, similubot_mega
similubot_mega.similubot_trackers()
similubot_mega.similubot_stages()[0].accepts("https://mega.nz/x")
heavy = {"requests", "urllib3", "cryptography", "aiohttp", "discord", "rich", "asyncio", "ssl"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_public_names_are_there_and_others_are_not() -> None:
    for name in similubot_mega.__all__:
        assert getattr(similubot_mega, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = similubot_mega.nonsense


def settings(**values: str) -> Settings:
    return Settings(environ={f"SIMILUBOT_MEGA_{key.upper()}": v for key, v in values.items()})


def test_doctor_is_content_without_megacmd(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (one,) = check(settings())
    assert one.ok
    assert "embedded client is used" in one.detail
    assert check(settings(backend="embedded"))[0].ok


def test_doctor_misses_megacmd_where_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (one,) = check(settings(backend="megacmd"))
    assert not one.ok
    assert 'backend = "auto"' in one.cure


def test_doctor_names_megacmd_and_another_api(
    install_mega_get: Callable[[str], Path],
) -> None:
    program = install_mega_get("pass")
    megacmd, api = check(settings(api_url="http://127.0.0.1:1"))
    assert megacmd.ok
    assert str(program) in megacmd.detail
    assert "http://127.0.0.1:1" in api.detail


def test_a_downloader_without_settings_has_the_defaults() -> None:
    assert MegaDownloader().is_available()
