"""Every trap as an installed distribution, together with good plugins, in one environment."""

import json
import sys
from pathlib import Path

import pytest

from .environments import Environment, run
from .trap_wheels import TRAPS, write_traps

GOOD = {"yt-dlp", "slack", "chatty"}


@pytest.fixture(scope="module")
def trapped(authors_environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that pip installed all traps into; PYTHONPATH makes it a part of the environment."""
    wheels = write_traps(tmp_path_factory.mktemp("traps"))
    folder = tmp_path_factory.mktemp("installed")
    quiet = ("--quiet", "--disable-pip-version-check", "--no-deps", "--no-index")
    run(sys.executable, "-m", "pip", "install", *quiet, "--target", folder, *wheels)
    return folder


@pytest.fixture(scope="module")
def found(authors_environment: Environment, trapped: Path) -> dict[str, list[dict[str, str]]]:
    """What one call of `similubot plugins --json` says."""
    return authors_environment.plugins(PYTHONPATH=str(trapped))


@pytest.mark.parametrize("trap", sorted(TRAPS))
def test_a_trap_is_named_with_its_distribution_version_and_cause(
    trap: str, found: dict[str, list[dict[str, str]]]
) -> None:
    (record,) = found[trap]
    assert record["status"] == "broken"
    assert record["distribution"] == f"trap-{trap}"
    assert record["version"] == "1.2.3"
    assert TRAPS[trap][1] in record["reason"]
    assert "\n" not in record["reason"]


@pytest.mark.parametrize("name", sorted(GOOD))
def test_the_good_plugins_work_beside_them(
    name: str, found: dict[str, list[dict[str, str]]]
) -> None:
    assert [record["status"] for record in found[name]] == ["ok"]


def test_a_plugin_for_a_newer_core_is_reported_as_incompatible(
    found: dict[str, list[dict[str, str]]],
) -> None:
    (record,) = found["newer"]
    assert record["status"] == "incompatible"
    assert "similubot-core>=99" in record["reason"]


def test_two_distributions_under_one_entry_point_name_are_both_named_and_neither_is_used(
    found: dict[str, list[dict[str, str]]],
) -> None:
    assert [record["status"] for record in found["same"]] == ["duplicate", "duplicate"]
    for record in found["same"]:
        assert "trap-same-one" in record["reason"]
        assert "trap-same-two" in record["reason"]


def test_two_sinks_of_one_name_are_both_named_and_neither_is_used(
    authors_environment: Environment, trapped: Path, found: dict[str, list[dict[str, str]]]
) -> None:
    for name in ("twin-one", "twin-two"):
        (record,) = found[name]
        assert record["status"] == "duplicate"
        assert "trap-twin-one" in record["reason"]
        assert "trap-twin-two" in record["reason"]
    used = authors_environment.similubot(
        *("watch", "--sink", "twin", "--", "true"), PYTHONPATH=str(trapped), ok=False
    )
    assert used.returncode == 2
    assert "neither is used" in used.stderr


def test_nothing_else_was_found(found: dict[str, list[dict[str, str]]]) -> None:
    by_others = {name for name in found if name.startswith("my-")}  # test_ten_minutes.py
    assert set(found) - by_others == {*TRAPS, *GOOD, "newer", "same", "twin-one", "twin-two"}


def test_the_table_for_people_names_each_of_them_too(
    authors_environment: Environment, trapped: Path
) -> None:
    told = authors_environment.similubot("plugins", PYTHONPATH=str(trapped)).stdout
    for trap, (_, cause) in TRAPS.items():
        assert f"trap-{trap}" in told
        assert cause in told


def test_what_a_plugin_prints_on_import_is_not_among_the_results(
    authors_environment: Environment, trapped: Path
) -> None:
    ran = authors_environment.similubot("plugins", "--json", PYTHONPATH=str(trapped))
    json.loads(ran.stdout)
    assert "hello from an import" in ran.stderr


def test_a_plugin_that_is_disabled_by_either_name_is_not_imported(
    authors_environment: Environment, trapped: Path
) -> None:
    for name in ("chatty", "raises", "trap-raises", "Trap_Raises"):
        ran = authors_environment.similubot(
            "plugins", "--json", PYTHONPATH=str(trapped), SIMILUBOT_DISABLE_PLUGINS=name
        )
        by_name = {record["name"]: record for record in json.loads(ran.stdout)}
        assert by_name["chatty" if name == "chatty" else "raises"]["status"] == "disabled"
        assert ("hello from an import" in ran.stderr) == (name != "chatty")


def test_a_real_command_works_among_all_of_them(
    authors_environment: Environment, trapped: Path, tmp_path: Path
) -> None:
    script = tmp_path / "yt-dlp"
    script.write_text(
        "#!/bin/sh\necho '[download]  50.0% of   10.00MiB at    2.00MiB/s ETA 00:02'\n"
    )
    script.chmod(0o755)
    ran = authors_environment.similubot(
        *("watch", "--sink", "json=stderr", "--", script), PYTHONPATH=str(trapped)
    )
    events = [json.loads(line) for line in ran.stderr.splitlines() if line.startswith("{")]
    assert [event["percentage"] for event in events] == [0, 50, 100]
