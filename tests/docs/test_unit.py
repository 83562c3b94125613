"""The guide's systemd unit, judged by systemd itself."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "running-the-bot.md"
MOST_EXPOSED = 3.0


def test_the_unit_is_as_closed_as_the_guide_says(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    page = PAGE.read_text(encoding="utf-8")
    unit = tmp_path / "similubot.service"
    match = re.search(r"^\[Unit\]\n.*?(?=^```)", page, re.DOTALL | re.MULTILINE)
    assert match
    unit.write_text(match[0], encoding="utf-8")
    judged = subprocess.run(
        [program, "security", "--offline=true", "--no-pager", unit],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    if "unrecognized option" in judged.stderr:
        pytest.skip("this systemd-analyze judges no file")
    score = re.search(r"exposure level for similubot\.service: ([\d.]+)", judged.stdout)
    assert score, judged
    assert float(score[1]) <= MOST_EXPOSED
    assert "systemd-analyze security" in page
