"""Settings: files and environment into a plugin's own dataclass, and errors that name the place."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as settings_of_a_run
from hypothesis import strategies as st

from similubot_core import Settings, SettingsError, UsageError

unhurried = settings_of_a_run(deadline=None, max_examples=60)  # a loaded machine is no failure

SECRET = "S3CRET-t0ken"


@dataclass(frozen=True)
class Example:
    table_name: ClassVar[str] = "example"
    text: str = "default"
    count: Annotated[int, msgspec.Meta(ge=1, le=10)] = 1
    seconds: float = 1.0
    wanted: bool = False
    mode: Literal["fast", "good"] = "fast"
    level: Literal[1, 2] = 1
    folder: Path = Path()
    maybe: int | None = None
    token: str | None = field(default=None, repr=False)
    names: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()
    modes: tuple[Literal["a", "b"], ...] = ()


@dataclass(frozen=True)
class Other:
    table_name: ClassVar[str] = "example_other"
    key: str = ""


@dataclass(frozen=True)
class Dashed:
    table_name: ClassVar[str] = "my-sink"
    key: str = ""


Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        path = tmp_path / "settings.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def from_file(path: Path, **environ: str) -> Example:
    return Settings(path, environ).table(Example)


def from_environment(**environ: str) -> Example:
    return Settings(environ={f"SIMILUBOT_EXAMPLE_{k}": v for k, v in environ.items()}).table(
        Example
    )


# -- where values come from --------------------------------------------------------------------


def test_without_anything_the_defaults_hold() -> None:
    assert Settings(environ={}).table(Example) == Example()


def test_the_environment_is_read_where_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMILUBOT_EXAMPLE_TEXT", "set")
    assert Settings().table(Example).text == "set"


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """A current folder and a user's config folder of the test's own."""
    here, user = tmp_path / "here", tmp_path / "config"
    here.mkdir()
    (user / "similubot").mkdir(parents=True)
    monkeypatch.chdir(here)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(user))
    return {"here": here / "similubot.toml", "user": user / "similubot" / "similubot.toml"}


def test_each_key_comes_from_the_first_place_that_has_it(
    places: dict[str, Path], write: Write
) -> None:
    places["user"].write_text("[example]\ntext='user'\nmode='good'\nseconds=2.0\ncount=2\n")
    places["here"].write_text("[example]\ntext='here'\nseconds=3.0\ncount=3\n")
    config = write("[example]\ntext='config'\ncount=4\n")
    environ = {"SIMILUBOT_EXAMPLE_TEXT": "environment"}
    found = Settings(config, environ, search_default_paths=True).table(Example)
    assert (found.text, found.count, found.seconds, found.mode) == ("environment", 4, 3.0, "good")
    assert found.wanted is False


def test_no_file_is_looked_for_where_it_was_not_asked_for(places: dict[str, Path]) -> None:
    places["here"].write_text("[example]\ntext='here'\n")
    assert Settings(environ={}).table(Example).text == "default"


def test_a_bad_file_disturbs_nobody_who_asks_for_no_settings(write: Write) -> None:
    Settings(write("not toml"), {})


def test_where_nothing_may_be_read_around_the_defaults_hold(
    places: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A user's folder below a plain file cannot be looked into, by root neither.
    (places["here"].parent / "file").write_text("")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(places["here"].parent / "file" / "config"))
    assert Settings(environ={}, search_default_paths=True).table(Example) == Example()


# -- every type --------------------------------------------------------------------------------


def test_every_type_from_a_file(write: Write) -> None:
    path = write(
        "[example]\ntext='x'\ncount=10\nseconds=3\nwanted=true\nmode='good'\nlevel=2\nmaybe=5\n"
        "folder='~/music'\ntoken='t'\nnames=['a','b c']\nnumbers=[1,2]\nmodes=['b']\n"
    )
    assert from_file(path) == Example(
        "x", 10, 3.0, True, "good", 2, Path("~/music").expanduser(), 5, "t",
        ("a", "b c"), (1, 2), ("b",),
    )  # fmt: skip


def test_every_type_from_the_environment() -> None:
    assert from_environment(
        TEXT="x", COUNT="10", SECONDS="3", WANTED="true", MODE="good", LEVEL="2", MAYBE="5",
        FOLDER="~/music", TOKEN="t", NAMES="a, b c,", NUMBERS="1,2", MODES="b",
    ) == Example(
        "x", 10, 3.0, True, "good", 2, Path("~/music").expanduser(), 5, "t",
        ("a", "b c"), (1, 2), ("b",),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "value"), [("1", True), ("0", False), ("True", True), ("false", False)]
)
def test_truth_values_of_the_environment(text: str, value: bool) -> None:
    assert from_environment(WANTED=text).wanted is value


def test_an_empty_variable_is_not_set() -> None:
    assert from_environment(COUNT="") == from_environment()


def test_an_empty_list_can_be_set() -> None:
    assert from_environment(NAMES="").names == ()


def test_text_stays_text_even_if_it_looks_like_something_else() -> None:
    assert from_environment(TEXT="5").text == "5"
    assert from_environment(TOKEN="null").token == "null"


def test_a_tables_name_with_a_dash_has_an_underscore_in_the_environment() -> None:
    assert Settings(environ={"SIMILUBOT_MY_SINK_KEY": "x"}).table(Dashed).key == "x"


def test_two_tables_whose_names_begin_alike_do_not_disturb_each_other() -> None:
    environ = {"SIMILUBOT_EXAMPLE_OTHER_KEY": "x", "SIMILUBOT_EXAMPLE_TEXT": "y"}
    settings = Settings(environ=environ, tables=["example", "example_other"])
    assert settings.table(Example).text == "y"
    assert settings.table(Other).key == "x"


def test_a_secret_is_not_in_the_settings_own_text() -> None:
    assert SECRET not in repr(from_environment(TOKEN=SECRET))


# -- what is wrong is named: the place, the key, what is allowed -------------------------------


def complaint(settings: Settings) -> str:
    """The sentence that the settings are refused with; "" where they are taken."""
    try:
        settings.table(Example)
    except SettingsError as refused:
        return refused.message
    return ""


def error(settings: Settings) -> str:
    with pytest.raises(SettingsError) as caught:
        settings.table(Example)
    assert isinstance(caught.value, UsageError)  # exit status 2
    message = str(caught.value)
    assert SECRET not in message
    assert SECRET not in repr(caught.value.__cause__)
    return message


@pytest.mark.parametrize(
    ("line", "allowed"),
    [
        (f"text = ['{SECRET}']", "Expected `str`, got `array`"),
        (f"count = '{SECRET}'", "Expected `int`, got `str`"),
        ("count = 0", "Expected `int` >= 1"),
        ("count = 11", "Expected `int` <= 10"),
        ("count = 1.5", "Expected `int`, got `float`"),
        ("count = true", "Expected `int`, got `bool`"),
        (f"seconds = '{SECRET}'", "Expected `float`, got `str`"),
        ("seconds = nan", "Expected a number, not NaN"),
        ("wanted = 1", "Expected `bool`, got `int`"),
        (f"mode = '{SECRET}'", "Expected one of fast, good"),
        ("level = 3", "Expected one of 1, 2"),
        ("folder = 5", "Expected the path of a file or a folder"),
        ("folder = '~no-such-user-here/x'", "Expected the path of a file or a folder"),
        (f"maybe = '{SECRET}'", "Expected `int | null`, got `str`"),
        ("token = 5", "Expected `str | null`, got `int`"),
        (f"names = '{SECRET}'", "Expected `array`, got `str`"),
        (f"numbers = [1, '{SECRET}']", "Expected `int`, got `str` - at `$[1]`"),
        (f"modes = ['{SECRET}']", "Expected one of a, b"),
        (f"text = {{ x = '{SECRET}' }}", "Expected `str`, got `object`"),
    ],
)
def test_a_bad_value_of_a_file(write: Write, line: str, allowed: str) -> None:
    path = write(f"[example]\n{line}\n")
    key = line.split(" ")[0]
    assert error(Settings(path, {})) == f"{path}, table [example], key {key}: {allowed}."


@pytest.mark.parametrize(
    ("key", "allowed"),
    [
        ("COUNT", "Expected `int`"),
        ("SECONDS", "Expected `float`"),
        ("WANTED", "Expected `bool`"),
        ("MODE", "Expected one of fast, good"),
        ("MAYBE", "Expected `int | null`"),
        ("NUMBERS", "Expected `int`, got `str` - at `$[0]`"),
        ("MODES", "Expected one of a, b"),
    ],
)
def test_a_bad_value_of_the_environment(key: str, allowed: str) -> None:
    name = f"SIMILUBOT_EXAMPLE_{key}"
    assert error(Settings(environ={name: SECRET})) == f"The environment variable {name}: {allowed}."


@pytest.mark.parametrize("text", ["nan", "NaN", "-nan"])
def test_nan_is_no_number_to_set(text: str) -> None:
    assert "not NaN" in error(Settings(environ={"SIMILUBOT_EXAMPLE_SECONDS": text}))


def test_an_unknown_key_of_a_file(write: Write) -> None:
    path = write(f"[example]\ntxet = '{SECRET}'\n")
    assert error(Settings(path, {})) == (
        f"{path}, table [example]: unknown key txet; allowed are count, folder, level, maybe, "
        "mode, modes, names, numbers, seconds, text, token, wanted."
    )


def test_an_unknown_variable() -> None:
    message = error(Settings(environ={"SIMILUBOT_EXAMPLE_TXET": SECRET}))
    assert message.startswith(
        "The environment: unknown key SIMILUBOT_EXAMPLE_TXET; allowed are SIMILUBOT_EXAMPLE_COUNT, "
    )


def test_a_hostile_key_cannot_move_the_terminals_cursor(write: Write) -> None:
    path = write('[example]\n"a\\u001b[2J\\nb" = 1\n')
    assert "unknown key a [2J b; allowed" in error(Settings(path, {}))


def test_a_key_outside_any_table(write: Write) -> None:
    path = write(f"token = '{SECRET}'\n")
    assert error(Settings(path, {})) == (
        f"{path}: the key token stands outside a table; write it below one, e.g. [mega]."
    )


def test_tables_that_nobody_reads_are_told(write: Write) -> None:
    settings = Settings(write("[exmaple]\ntext='x'\n[example]\n"), {})
    [told] = settings.unknown_tables([Example, Other])
    assert "no installed plugin reads the table [exmaple]" in told
    assert "known are [example], [example_other]" in told
    assert settings.table(Example) == Example()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (f"[example]\ntoken = {SECRET}\n".encode(), "is not valid TOML"),
        (f"[example]\ntoken = '{SECRET}\n".encode(), "at end of document"),
        (b"[example]\ntoken = '\xff\xfe'\n", "no UTF-8"),
        (b"x = " + b"[" * 5000, "is not valid TOML"),
        (b"[example]\ncount = " + b"9" * 5000, "is not valid TOML"),
        (b"\x00\x01\x02", "is not valid TOML"),
    ],
    ids=["bare word", "open string", "not utf-8", "deep", "long number", "binary"],
)
def test_a_file_that_is_no_toml(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    message = error(Settings(path, {}))
    assert message.startswith(f"The settings file {path} is not valid TOML: ")
    assert told in message


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "gone.toml"
    assert error(Settings(path, {})) == f"The settings file {path} is not there."


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    assert error(Settings(tmp_path, {})).endswith("cannot be read: Is a directory.")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read(write: Write) -> None:
    path = write("")
    path.chmod(0)
    assert error(Settings(path, {})).endswith("cannot be read: Permission denied.")


@unhurried
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_file_at_all_gives_settings_or_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.toml"
    path.write_bytes(content)
    message = complaint(Settings(path, {}))
    assert len(message.splitlines()) <= 1


@unhurried
@given(
    st.sampled_from([f.name.upper() for f in fields(Example)]),
    st.text().filter(lambda t: "\0" not in t),
)
def test_any_text_of_the_environment_gives_settings_or_one_sentence_without_it(
    key: str, text: str
) -> None:
    name = f"SIMILUBOT_EXAMPLE_{key}"
    message = complaint(Settings(environ={name: SECRET + text}))
    assert SECRET not in message
    assert not message or message.startswith(f"The environment variable {name}: Expected")
