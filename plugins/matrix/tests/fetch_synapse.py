"""Installs the real Synapse into a virtual environment of its own; prints its Python's path.

    python plugins/matrix/tests/fetch_synapse.py .venv/synapse

Prints nothing where it cannot be installed; the tests that want it then say so and are skipped.
"""

import subprocess
import sys
import venv
from pathlib import Path

PACKAGE = "matrix-synapse>=1.140"


def main(folder: Path) -> int:
    python = folder / "bin/python"
    if not (folder / ".done").exists():
        venv.create(folder, with_pip=True, clear=True)
        pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", PACKAGE]
        if subprocess.run([python, *pip], stdout=sys.stderr, check=False).returncode != 0:
            return 0
        (folder / ".done").touch()
    print(python)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
