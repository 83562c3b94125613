"""What the plugin registers, that it is light, and what it asks of the settings."""

import subprocess
import sys

import pytest

import similubot_catbox
from similubot_core import Settings, SettingsError, UsageError

SPECS = {spec.name: spec for spec in similubot_catbox.similubot_stages()}


def test_it_registers_two_uploaders_and_a_tracker() -> None:
    assert set(SPECS) == {"catbox", "litterbox"}
    assert [spec.name for spec in similubot_catbox.similubot_trackers()] == ["upload"]
    tracker = similubot_catbox.similubot_trackers()[0].factory()
    assert isinstance(tracker, similubot_catbox.UploadProgressTracker)


def test_a_converter_can_be_asked_for_a_size_that_fits() -> None:
    assert SPECS["catbox"].max_size == 200_000_000
    assert SPECS["litterbox"].max_size == 1_000_000_000


def test_the_public_names_come_from_the_package_itself() -> None:
    for name in similubot_catbox.__all__:
        assert getattr(similubot_catbox, name).__name__ == name
    with pytest.raises(AttributeError):
        similubot_catbox.__getattr__("Nothing")


def test_importing_and_asking_it_loads_nothing_heavy() -> None:
    program = (
        "import sys, similubot_catbox as plugin\n"
        "plugin.similubot_stages(); plugin.similubot_trackers()\n"
        "print(*sorted({'discord', 'aiohttp', 'requests', 'urllib3', 'rich', 'cryptography'}"
        " & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (run.stdout.strip(), run.returncode) == ("", 0)


def test_the_factories_make_uploaders() -> None:
    settings = Settings(environ={"SIMILUBOT_CATBOX_USERHASH": "5ecre7"})
    made = SPECS["catbox"].factory(settings, None)
    assert isinstance(made, similubot_catbox.CatboxUploader)
    assert isinstance(
        SPECS["litterbox"].factory(settings, "24h"), similubot_catbox.LitterboxUploader
    )


@pytest.mark.parametrize(
    ("name", "target", "said"),
    [
        ("catbox", "x", "--to catbox takes nothing after its name"),
        ("litterbox", "2h", "Litterbox keeps files for 1h, 12h, 24h, 72h, not for '2h'"),
        ("litterbox", "", "not for ''"),
    ],
)
def test_a_target_that_is_not_taken_is_wrong_usage(name: str, target: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        SPECS[name].factory(Settings(environ={}), target)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SIMILUBOT_CATBOX_API_URL", "catbox.moe"),
        ("SIMILUBOT_CATBOX_LITTERBOX_TIME", "2h"),
        ("SIMILUBOT_CATBOX_LITTERBOX_WHEN_TOO_LARGE", "perhaps"),
        ("SIMILUBOT_CATBOX_USER_HASH", "5ecre7"),
    ],
)
def test_a_bad_setting_is_told_without_a_secret(variable: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        SPECS["catbox"].factory(Settings(environ={variable: value}), None)
    assert "5ecre7" not in str(caught.value)


def test_doctor_says_whether_there_is_an_account_and_not_which() -> None:
    check = SPECS["catbox"].check
    assert check is not None
    (with_hash,) = check(Settings(environ={"SIMILUBOT_CATBOX_USERHASH": "5ecre7"}))
    (without,) = check(Settings(environ={}))
    assert with_hash.ok
    assert "5ecre7" not in repr(with_hash)
    assert "anonymous" in without.detail
