"""What the core imports: only what lies below, nothing heavy, and nothing that knows a tool."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import similubot_core

CORE = Path(similubot_core.__file__).parent
ROOT = CORE.parent
# A room imports from itself and from those before it; `cli` may import from all of them.
ROOMS = [
    "lazy", "redact", "exit_status", "errors", "cancel", "origin", "progress", "render", "files",
    "process",     "settings", "jobs", "live", "plugins", "sinks", "_track", "cli",
    "__main__",
]  # fmt: skip
PACKAGE = "__init__"  # lazily all of them, and the version
HEAVY = ("discord", "aiohttp", "requests", "rich", "cryptography", "asyncio", "ssl")


def room(path: Path) -> str:
    return path.relative_to(CORE).with_suffix("").parts[0]


def imported(path: Path) -> Iterator[str]:
    """The core's modules that a file imports, also within functions, but not for types alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in for_types:
            continue
        names = []
        if isinstance(node, ast.ImportFrom) and node.module == "similubot_core":
            names = [f"similubot_core.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports name their module in full"
            names = [node.module or ""]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            package, _, rest = name.partition(".")
            if package == "similubot_core":
                yield rest.partition(".")[0]


# What `new-plugin` copies out is a plugin's code, not the core's.
FILES = sorted(p for p in CORE.rglob("*.py") if "templates" not in p.parts)


def test_every_module_is_in_a_room() -> None:
    assert {room(path) for path in FILES} == {*ROOMS, PACKAGE}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(CORE)))
def test_a_module_imports_only_from_its_own_room_and_those_before_it(path: Path) -> None:
    if room(path) == PACKAGE:
        return  # its names are imported when they are used
    allowed = ROOMS[: ROOMS.index(room(path)) + 1]
    for name in imported(path):
        if name != "__version__":
            assert name in allowed, f"{path.relative_to(CORE)} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(CORE)))
def test_a_module_says_in_its_first_line_what_it_is_for(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert docstring
    assert path.read_text(encoding="utf-8").startswith(('"""', 'r"""'))


def test_every_public_name_can_be_imported_and_no_other() -> None:
    for name in similubot_core.__all__:
        assert getattr(similubot_core, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nothing_of_that_name'"):
        similubot_core.nothing_of_that_name  # noqa: B018


def loaded_by(program: str) -> set[str]:
    """The top-level packages that are loaded once the program ran in a fresh interpreter."""
    shown = f"{program}\nimport json, sys\nsys.__stderr__.write(json.dumps(list(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", shown], cwd=ROOT, capture_output=True, text=True, timeout=60,
        check=True,
    )  # fmt: skip
    modules = json.loads(done.stderr.splitlines()[-1])
    return {name.partition(".")[0] for name in modules}


@pytest.mark.parametrize(
    "program",
    [
        "import similubot_core",
        "from similubot_core import *",
        "from similubot_core.cli import main; assert main(['--help']) == 0",
        "from similubot_core.cli import main; assert main([]) == 2",
        "from similubot_core.cli import main; assert main(['--version']) == 0",
        "from similubot_core.cli import main; assert main(['plugins']) == 0",
        "from similubot_core.cli import main; assert main(['convert', '--help']) == 0",
    ],
)
def test_nothing_heavy_is_loaded_with_all_plugins_installed(program: str) -> None:
    assert loaded_by(program).isdisjoint(HEAVY)


def test_settings_are_parsed_only_by_who_has_any() -> None:
    program = "from similubot_core.cli import main; assert main(['--no-plugins', '--help']) == 0"
    assert "msgspec" not in loaded_by(program)


def test_the_core_names_no_tool_no_screen_and_no_host_in_its_imports() -> None:
    own = {"similubot_core", "pluggy", "msgspec", "platformdirs", *sys.stdlib_module_names}
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert {name.partition(".")[0] for name in names} <= own, path.name
