"""No module starts a program but by `similubot_core.process`."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Each with its reason.
EXCEPTIONS = {
    "similubot_core/process/_children.py": "starts the supervisor",
    "similubot_core/process/_supervisor.py": "is the one that starts programs",
    "similubot_core/process/_stop.py": "ends what `watch` started",
    "similubot_core/cli/_watched_command.py": "`watch` runs the user's own command, not locked in",
    "similubot_core/cli/_claim_terminal.py": "becomes the user's own command",
    "plugins/loopback/src/similubot_loopback/catbox_server/process.py": "a server of tests",
    "plugins/testkit/src/similubot_testkit/_reading.py": "a child that may hang, of a test",
    "plugins/loopback/src/similubot_loopback/odd_media.py": "makes tests' media out of nothing",
}
MODULES = {
    "subprocess",
    "_posixsubprocess",
    "pty",
    "multiprocessing",
    "pexpect",
    "ptyprocess",
    "sh",
}
FUNCTIONS = {
    "os": ("system", "popen", "fork", "forkpty", "exec", "spawn", "posix_spawn"),
    "asyncio": ("create_subprocess", "subprocess"),
    "concurrent.futures": ("ProcessPoolExecutor",),
    "concurrent": ("ProcessPoolExecutor",),
}
METHODS = (
    "create_subprocess_exec",
    "create_subprocess_shell",
    "subprocess_exec",
    "subprocess_shell",
)


def ways_to_start_programs(source: str) -> Iterator[str]:
    """The names in a module's source by which it could start a program."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (n.name for n in node.names if n.name.partition(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module.partition(".")[0] in MODULES:
                yield node.module
            begin = FUNCTIONS.get(node.module, ())
            yield from (n.name for n in node.names if n.name.startswith(begin or "\0"))
        elif isinstance(node, ast.Attribute):
            begin = FUNCTIONS.get(ast.unparse(node.value), ())
            if node.attr.startswith(begin or "\0"):
                yield f"{ast.unparse(node.value)}.{node.attr}"
            elif node.attr in (*METHODS, "run_in_subprocess", "ProcessPoolExecutor"):
                yield node.attr


@pytest.mark.parametrize(
    "source",
    [
        "import subprocess",
        "import subprocess as other",
        "from subprocess import Popen",
        "import multiprocessing.pool",
        "import os\nos.system('x')",
        "import os\nos.posix_spawnp('x', [], {})",
        "from os import execvp",
        "import asyncio\nasyncio.create_subprocess_exec('x')",
        "async def f(loop): await loop.subprocess_exec(None, 'x')",
        "from concurrent.futures import ProcessPoolExecutor",
        "from concurrent import futures\nfutures.ProcessPoolExecutor()",
        "def f():\n    import pty",
    ],
)
def test_what_starts_programs_is_recognised(source: str) -> None:
    assert list(ways_to_start_programs(source))


def test_what_starts_none_is_not() -> None:
    harmless = "import os, asyncio\nos.path.join('a')\nasyncio.run(f())\nos.kill(1, 2)\nx.run()"
    assert not list(ways_to_start_programs(harmless))


def test_only_one_place_starts_programs() -> None:
    folders = [ROOT / "similubot_core", *ROOT.glob("plugins/*/src"), *ROOT.glob("examples/*/src")]
    files = [path for folder in folders for path in folder.rglob("*.py")]
    found = {
        str(path.relative_to(ROOT)): ways
        for path in files
        if (ways := sorted(set(ways_to_start_programs(path.read_text(encoding="utf-8")))))
    }
    assert not {name: ways for name, ways in found.items() if name not in EXCEPTIONS}, (
        "use run_process of similubot_core.process"
    )
    assert set(found) == set(EXCEPTIONS), "an exception that is needed no more"
