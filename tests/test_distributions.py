"""Every distribution of the repository is one that a stranger can install, read and report on."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
FOLDERS = [ROOT, *sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
each = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


def project(folder: Path) -> dict[str, object]:
    described: dict[str, object] = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    return described


def test_all_distributions_have_one_version_and_require_their_siblings_in_it() -> None:
    checked = subprocess.run(
        [sys.executable, ROOT / "scripts/version.py", "--check", VERSION],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert checked.returncode == 0, checked.stderr


@each
def test_no_sibling_is_required_in_an_open_range(folder: Path) -> None:
    text = (folder / "pyproject.toml").read_text()
    assert re.findall(r'"similubot-[a-z0-9-]+(?:\[[a-z,]+\])?(?:[<>~!][^"]*)?"', text) == [
        f'"{name}"' for name in [project(folder)["name"]] if f'name = "{name}"' in text
    ]


@each
def test_it_describes_itself(folder: Path) -> None:
    described = project(folder)
    assert str(described["description"]).endswith(".")
    assert described["license"] == "MIT"
    assert set(described["urls"]) == {"Homepage", "Documentation", "Changelog", "Issues"}  # type: ignore[call-overload]
    assert "Typing :: Typed" in described["classifiers"]  # type: ignore[operator]
    assert (folder / "README.md").read_text().startswith("# ")


@each
def test_its_types_are_there_for_others(folder: Path) -> None:
    package = (
        ROOT / "similubot_core" if folder == ROOT else next((folder / "src").glob("similubot_*"))
    )
    assert (package / "py.typed").is_file()


def test_the_lowest_versions_are_listed_for_the_public_checks() -> None:
    listed = subprocess.run(
        [sys.executable, ROOT / "scripts/lowest.py"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout.splitlines()
    assert any(line.startswith("pluggy==") for line in listed)
    assert all(re.fullmatch(r"[a-z0-9._-]+==[0-9][0-9a-z.]*", line) for line in listed)


def test_the_container_installs_every_distribution_that_the_bot_needs() -> None:
    text = (ROOT / "Containerfile").read_text()
    needed, found = ["bot"], set[str]()
    while needed:
        folder = needed.pop()
        found.add(folder)
        wanted = str(project(ROOT / "plugins" / folder)["dependencies"])
        siblings = re.findall(r"similubot-([a-z-]+)", wanted)
        needed += [
            s.replace("-", "_") for s in siblings if s.replace("-", "_") not in (*found, "core")
        ]
    assert found <= set(re.findall(r"/app/plugins/([a-z_]+)", text))


def test_the_compose_file_runs_what_the_containerfile_builds() -> None:
    described = yaml.safe_load((ROOT / "compose.yaml").read_text())
    bot = described["services"]["bot"]
    assert (ROOT / bot["build"]["dockerfile"]).is_file()
    assert bot["volumes"] == ["data:/data"]


def test_the_compose_file_of_the_workers_adds_redis_and_two_workers_to_the_bots() -> None:
    described = yaml.safe_load((ROOT / "compose.workers.yaml").read_text())["services"]
    assert set(described) == {"bot", "redis", "worker"}
    worker = described["worker"]
    assert worker["deploy"]["replicas"] == 2
    assert worker["entrypoint"][:2] == ["similubot", "worker"]
    assert (ROOT / worker["build"]["dockerfile"]).is_file()
    assert "/app/plugins/workers" in (ROOT / "Containerfile").read_text()
    assert "requirepass $$REDIS_PASSWORD" in described["redis"]["command"][-1]
