"""The documented hooks are the live ones: names, signatures, results, examples."""

import ast
import doctest
import inspect
import re
from pathlib import Path

import pytest

from similubot_core.plugins import hookspecs
from similubot_core.plugins.manager import HOOKS

ROOT = Path(__file__).parents[2]
HOOKS_PAGE = ROOT / "docs/reference/hooks.md"
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("plugins/*/README.md")])


def live_hooks() -> dict[str, inspect.Signature]:
    return {
        name: inspect.signature(value)
        for name, value in vars(hookspecs).items()
        if hasattr(value, f"{hookspecs.PROJECT}_spec")
    }


def documented(text: str) -> list[ast.FunctionDef]:
    """Every definition of a hook in the Python blocks of a page."""
    found = []
    for block in re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("similubot_"):
                found.append(node)
    return found


def test_the_hooks_page_has_every_hook_with_its_live_signature() -> None:
    page = {node.name: node for node in documented(HOOKS_PAGE.read_text(encoding="utf-8"))}
    live = live_hooks()
    source = inspect.getsource(hookspecs)
    written = dict(re.findall(r"def (similubot_\w+)\(\) -> ([^:]+):", source))
    assert set(page) == set(live) == set(HOOKS)
    for name, signature in live.items():
        node = page[name]
        assert [a.arg for a in node.args.args] == list(signature.parameters)
        assert node.returns is not None
        shown = ast.unparse(node.returns)
        assert shown == written[name], name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_hook_in_an_example_has_the_live_parameters(page: Path) -> None:
    live = live_hooks()
    for node in documented(page.read_text(encoding="utf-8")):
        assert node.name in live
        assert [a.arg for a in node.args.args] in ([*live[node.name].parameters], ["self"])


def test_the_core_itself_implements_every_hook_but_extensions() -> None:
    from similubot_core.cli import _builtin as builtin

    assert set(HOOKS) - {"similubot_extensions"} == {
        name for name in vars(builtin) if name in HOOKS
    }


@pytest.mark.parametrize("hook", sorted(HOOKS))
def test_the_example_in_a_hooks_docstring_runs(hook: str) -> None:
    function = getattr(hookspecs, hook)
    (case,) = doctest.DocTestFinder().find(function, hook, globs={})
    assert case.examples
    results = doctest.DocTestRunner().run(case)
    assert results.failed == 0
