"""`similubot demo`: the main job from link to link, as a new user sees it."""

import re
import subprocess
import sys
from pathlib import Path


def test_the_demo_ends_with_a_link_and_keeps_what_it_is_asked_to_keep(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "similubot_core", "demo", "--keep", str(tmp_path / "kept")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/files/\w+\.m4a\n", ended.stdout)
    for operation in ("MEGA Download", "Audio Conversion", "Catbox Upload"):
        assert f"✅ {operation}  100.0%" in ended.stderr
    assert "AAC, 3m 0s" in ended.stderr
    assert {"Demo Clip.mp4", "Demo Clip.m4a"} <= {p.name for p in (tmp_path / "kept").iterdir()}


def test_without_the_plugins_it_says_what_to_install(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "similubot_core", "demo"],
        cwd=tmp_path,
        env={"SIMILUBOT_DISABLE_PLUGINS": "mega", "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 2
    assert "The demo needs the plugins mega, ffmpeg and catbox" in ended.stderr
