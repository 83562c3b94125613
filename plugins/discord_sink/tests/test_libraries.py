"""Two libraries that are the module `discord` break each other; doctor says so."""

from pathlib import Path

import pytest

from similubot_core import Settings
from similubot_discord_sink import similubot_sinks


def checks() -> list[tuple[bool, str, str]]:
    (spec,) = similubot_sinks()
    assert spec.check is not None
    return [(c.ok, c.detail, c.cure) for c in spec.check(Settings(environ={})) if not c.ok]


def test_py_cord_beside_discord_py_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks() == []
    (tmp_path / "py_cord-2.8.1.dist-info").mkdir()
    described = "Metadata-Version: 2.1\nName: py-cord\nVersion: 2.8.1\n"
    (tmp_path / "py_cord-2.8.1.dist-info/METADATA").write_text(described)
    monkeypatch.syspath_prepend(tmp_path)
    ((_, detail, cure),) = checks()
    assert "py-cord 2.8.1 is installed beside it" in detail
    assert "environment of its own" in cure
