"""Empty environments to install wheels into with pip."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONSTRAINTS = ROOT / "constraints.txt"


def run(
    *command: str | Path, cwd: Path | None = None, ok: bool = True, **environ: str
) -> "subprocess.CompletedProcess[str]":
    """Run a command with nothing of this process's Python settings; fails with what it said."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "SIMILUBOT_"))}
    ran = subprocess.run(
        command,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
        env={**inherited, **environ},
        stdin=subprocess.DEVNULL,
    )
    if ok:
        assert ran.returncode == 0, f"{command}: {ran.stdout}{ran.stderr}"
    return ran


@dataclass(frozen=True)
class Environment:
    """A virtual environment with nothing in it but what a test installs."""

    folder: Path
    wheels: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def install(self, *what: str | Path, constrained: bool = True) -> None:
        pins = ("--constraint", CONSTRAINTS) if constrained else ()
        self.pip("install", "--find-links", self.wheels, *pins, *what)

    def pip(self, *arguments: str | Path) -> None:
        quiet = ("--quiet", "--disable-pip-version-check")
        run(sys.executable, "-m", "pip", "--python", self.python, *arguments[:1], *quiet,
            *arguments[1:])  # fmt: skip

    def similubot(
        self, *arguments: str | Path, cwd: Path | None = None, ok: bool = True, **environ: str
    ) -> "subprocess.CompletedProcess[str]":
        return run(self.folder / "bin" / "similubot", *arguments, cwd=cwd, ok=ok, **environ)

    def plugins(self, **environ: str) -> dict[str, list[dict[str, str]]]:
        """What `similubot plugins --json` says, by name."""
        command = (self.folder / "bin" / "similubot", "plugins", "--json")
        found: dict[str, list[dict[str, str]]] = {}
        for record in json.loads(run(*command, cwd=None, ok=True, **environ).stdout):
            found.setdefault(record["name"], []).append(record)
        return found
