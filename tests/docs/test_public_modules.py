"""Distributions outside of the core import from it only what docs/reference/public.md names."""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/reference/public.md"
PUBLIC = set(re.findall(r"`(similubot_core[\w.]*)`", PAGE.read_text(encoding="utf-8")))
FILES = sorted([*ROOT.glob("plugins/*/src/**/*.py"), *ROOT.glob("examples/*/src/**/*.py")])


def imported(path: Path) -> Iterator[tuple[str, str]]:
    """Each module of the core that a file imports from, with the name that it takes."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("similubot_core"):
            for alias in node.names:
                module = f"{node.module}.{alias.name}"
                is_module = (ROOT / module.replace(".", "/")).with_suffix(".py").exists()
                yield (module, "") if is_module else (node.module or "", alias.name)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("similubot_core"):
                    yield alias.name, ""


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_public_modules_are_imported(path: Path) -> None:
    for module, name in imported(path):
        assert module in PUBLIC, f"{module} is not public"
        assert not name.startswith("_"), f"{module}.{name} is not public"


@pytest.mark.parametrize("module", sorted(PUBLIC))
def test_what_is_public_is_there(module: str) -> None:
    assert importlib.import_module(module).__doc__
