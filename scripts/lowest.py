"""The oldest versions that our distributions allow, as a requirements file on stdout."""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
_BOUND = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?\s*>=\s*([0-9][^,;\s]*)")


def lowest() -> dict[str, str]:
    """For each package of others that we require with a lower bound, the highest of our bounds."""
    found: dict[str, str] = {}
    for file in [ROOT / "pyproject.toml", *sorted(ROOT.glob("plugins/*/pyproject.toml"))]:
        project = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
        wanted = [*project.get("dependencies", [])]
        for extra in project.get("optional-dependencies", {}).values():
            wanted += extra
        for requirement in wanted:
            if match := _BOUND.match(requirement):
                name, version = match[1].lower(), match[2]
                found[name] = max(found.get(name, version), version, key=_key)
    return found


def _key(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


if __name__ == "__main__":
    # "3.9" is called 3.9.0 where advisories are asked for; a version that is not found is skipped.
    whole = {
        name: ".".join([*version.split("."), "0", "0"][:3]) for name, version in lowest().items()
    }
    sys.stdout.writelines(f"{name}=={version}\n" for name, version in sorted(whole.items()))
