"""One version for all distributions: writes it everywhere, or (`--check`) compares."""

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
CORE = ROOT / "similubot_core/__init__.py"
_OWN = re.compile(r'^((?:__)?version(?:__)? = ")([^"]+)(")$', re.MULTILINE)
_SIBLING = re.compile(r'("similubot-[a-z0-9-]+(?:\[[a-z,]+\])?==)([^"]+)(")')


def files() -> list[Path]:
    """Every file that names the version."""
    return [CORE, ROOT / "pyproject.toml", *sorted(ROOT.glob("plugins/*/pyproject.toml"))]


def named(file: Path) -> set[str]:
    """The versions of ours that a file names: its own, and those of the siblings it requires."""
    text = file.read_text(encoding="utf-8")
    return {match[2] for pattern in (_OWN, _SIBLING) for match in pattern.finditer(text)}


def write(version: str) -> None:
    """Put `version` into every file that names one."""
    for file in files():
        text = file.read_text(encoding="utf-8")
        for pattern in (_OWN, _SIBLING):
            text = pattern.sub(rf"\g<1>{version}\g<3>", text)
        file.write_text(text, encoding="utf-8")


def main() -> int:
    """Write or compare; returns 1 where a file names another version."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("version", help="such as 0.2.0")
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    arguments = parser.parse_args()
    if not re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", arguments.version):
        parser.error(f"{arguments.version} is not a version such as 0.2.0 or 0.2.0rc1.")
    if not arguments.check:
        write(arguments.version)
    wrong = [file for file in files() if named(file) != {arguments.version}]
    for file in wrong:
        print(f"{file.relative_to(ROOT)} names {', '.join(sorted(named(file)))}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
