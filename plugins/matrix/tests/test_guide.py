"""The page "Write a sink for a messenger" shows this sink as it is."""

from __future__ import annotations

import ast
import re
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/plugins/messenger.md").read_text(encoding="utf-8")
SOURCES = sorted((ROOT / "plugins/matrix/src/similubot_matrix").glob("*.py"))
CHECK = ROOT / "plugins/testkit/tests/test_live_sink_rules.py"
BLOCKS = re.findall(r"^```py\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.splitlines()[0][:40])
def test_what_the_page_shows_stands_in_the_source(block: str) -> None:
    sources = [path.read_text(encoding="utf-8") for path in (*SOURCES, CHECK)]
    forms = (block, textwrap.indent(block, "    "))
    assert any(form in source for source in sources for form in forms)


def test_the_page_shows_every_method_of_the_target() -> None:
    tree = ast.parse((SOURCES[0].parent / "target.py").read_text(encoding="utf-8"))
    target = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "RoomTarget")
    names = {n.name for n in target.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)}
    shown = {name for name in names if f"def {name}(" in PAGE}
    assert names - shown == {"_send"}
