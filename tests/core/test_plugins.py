"""Discovery: every way a plugin can be broken, as real distributions beside good ones."""

import importlib.metadata
import json
import re
import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from similubot_core import CommandSpec, PluginError, SinkSpec, TrackerSpec, UsageError, __version__
from similubot_core.plugins import _installed as installed
from similubot_core.plugins import manager
from similubot_core.plugins._fits import excludes
from similubot_core.plugins.manager import load_from_environment, load_plugins


class Place(Protocol):
    """The `Place` of conftest.py, as far as it is used here."""

    folder: Path
    work: Path

    def distribution(
        self, name: str, source: str | None, *, points: str | None = None,
        metadata: str | bytes | None = None, version: str = "1.0",
    ) -> None: ...  # fmt: skip
    def run(self, *arguments: str, env: dict[str, str] | None = None) -> "Completed": ...


class Completed(Protocol):
    returncode: int
    stdout: str
    stderr: str


HEADER = """
from similubot_core import CommandSpec, SinkSpec, TrackerSpec, hookimpl
def nothing(*arguments): return 0
def command(name): return CommandSpec(name, "a command", nothing, nothing)
def sink(name): return SinkSpec(name, "a sink", nothing)
"""


def with_hook(body: str, hook: str = "similubot_commands") -> str:
    return f"{HEADER}\n@hookimpl\ndef {hook}():\n    {body}\n"


GOOD = f"""{HEADER}
def run(arguments, context):
    print("the good plugin works")
    return 0

@hookimpl
def similubot_commands():
    return [CommandSpec("good", "works", nothing, run)]

@hookimpl
def similubot_sinks():
    return [sink("good")]
"""

# name: (source of the module, lines of the entry points or None, status, what the reason says)
TRAPS: dict[str, tuple[str | None, str | None, str, str]] = {
    "needs-a-module": (
        "import no_such_module_here", None,
        "broken", r"^It needs the module no_such_module_here, which is not installed; install it",
    ),
    "raises": (
        "raise RuntimeError('at import\\n\\x1b[2J')", None,
        "broken", r"^Its import failed: RuntimeError: at import \[2J; update or uninstall it\.$",
    ),
    "has-a-syntax-error": (
        "def (", None, "broken", r"^Its import failed: SyntaxError: .*; update or uninstall it\.$",
    ),
    "exits": (
        "import sys; sys.exit('bye')", None, "broken", r"^Its import failed: SystemExit: bye; ",
    ),
    "raises-beyond-exception": (
        "class Skipped(BaseException): pass\nraise Skipped('not today')", None,
        "broken", r"^Its import failed: Skipped: not today; ",
    ),
    "prints": (
        "import sys; print('hello from the import'); sys.stdout.write('more')\n"
        + with_hook("print('and from the hook'); return [command('prints')]"),
        None, "ok", "^$",
    ),
    "names-no-attribute": (
        "", "names-no-attribute = names_no_attribute:gone",
        "broken", r"^Its import failed: AttributeError: .*'gone'.*; update",
    ),
    "names-no-module": (
        None, "names-no-module = there_is_no_such_module",
        "broken", r"^It needs the module there_is_no_such_module, which is not installed",
    ),
    "names-nonsense": (
        "", "names-nonsense = (what is this?)",
        "broken", r"^Its import failed: ImportError: its entry point .* names no module",
    ),
    "is-a-class": (
        f"{HEADER}\nclass Plugin:\n    @hookimpl\n    def similubot_commands(self): return []",
        "is-a-class = is_a_class:Plugin",
        "broken", r"^Its entry point names a class; name the module, or an instance\.$",
    ),
    "is-an-instance": (
        f"{HEADER}\nclass Plugin:\n    @hookimpl\n    def similubot_commands(self):\n"
        "        return [command('instance')]\nplugin = Plugin()",
        "is-an-instance = is_an_instance:plugin", "ok", "^$",
    ),
    "is-none": ("x = None", "is-none = is_none:x", "broken", r"^It implements no hook; "),
    "is-async": (
        f"{HEADER}\n@hookimpl\nasync def similubot_commands(): return []", None,
        "broken", r"^Its similubot_commands is an `async def`; make it a plain function\.$",
    ),
    "misspells": (
        with_hook("return []", "similubot_comands"), None,
        "broken", r"^There is no hook similubot_comands; there are similubot_trackers, ",
    ),
    "marks-for-another-project": (
        "import pluggy\nhookimpl = pluggy.HookimplMarker('similibot')\n"
        "@hookimpl\ndef similubot_commands(): return []", None,
        "broken", r"^It implements no hook; mark its functions with `from similubot_core import ",
    ),
    "forgets-the-mark": (
        "def similubot_commands(): return []", None, "broken", r"^It implements no hook; mark ",
    ),
    "takes-arguments": (
        f"{HEADER}\n@hookimpl\ndef similubot_commands(manager): return []", None,
        "broken", r"manager.*; the hooks take no arguments\.$",
    ),
    "raises-in-its-hook": (
        with_hook("raise KeyError('x')"), None,
        "broken", r"^Its similubot_commands raised KeyError: 'x'\.$",
    ),
    "exits-in-its-hook": (
        with_hook("raise SystemExit(3)"), None,
        "broken", r"^Its similubot_commands raised SystemExit: 3\.$",
    ),
    "yields": (
        with_hook("yield command('x')"), None,
        "broken", r"^Its similubot_commands returned generator; return a list of CommandSpec\.$",
    ),
    "returns-none": (
        with_hook("pass"), None,
        "broken", r"^Its similubot_commands returned NoneType; return a list of CommandSpec\.$",
    ),
    "returns-text": (
        with_hook("return 'commands'"), None, "broken", r"returned str; return a list",
    ),
    "returns-a-dict": (
        with_hook("return {'x': command('x')}"), None, "broken", r"returned dict; return a list",
    ),
    "returns-a-coroutine": (
        f"{HEADER}\nasync def later(): return []\n@hookimpl\ndef similubot_commands():"
        " return later()", None,
        "broken", r"returned coroutine; return a list",
    ),
    "returns-another-kind": (
        with_hook("return [sink('x')]"), None,
        "broken", r"^Its similubot_commands returned a SinkSpec; return CommandSpec\.$",
    ),
    "has-a-bad-name": (
        with_hook("return [command('No Spaces\\n')]"), None,
        "broken", r"^Its similubot_commands has the name 'No Spaces\\n'; use lower-case letters, ",
    ),
    "has-a-name-that-is-no-text": (
        with_hook("return [command(None)]"), None, "broken", r"has the name None; use lower-case",
    ),
    "has-a-factory-that-is-none": (
        with_hook("return [SinkSpec('x', 'a sink', 5)]", "similubot_sinks"), None,
        "broken", r"^Its similubot_sinks has 'x', whose factory is not a function\.$",
    ),
    "has-programs-that-are-one-text": (
        with_hook("return [TrackerSpec('x', 'x', nothing, 'rsync')]", "similubot_trackers"), None,
        "broken", r"has 'x', whose programs is not a tuple of names\.$",
    ),
    "has-settings-that-are-none": (
        with_hook("return [SinkSpec('x', 'x', nothing, settings=dict)]", "similubot_sinks"), None,
        "broken", r"has 'x', whose settings is not a dataclass with a table_name, or None\.$",
    ),
    "has-a-name-twice": (
        with_hook("return [command('twice'), command('twice')]"), None,
        "duplicate", r"^Two commands are called 'twice', of has-a-name-twice \(has-a-name-twice "
        r"1\.0\); neither is used: report it to its authors\.$",
    ),
    "shares-one": (
        with_hook("return [command('shared'), command('one')]"), None,
        "duplicate", r"^Two commands are called 'shared', of shares-one \(shares-one 1\.0\) and "
        r"shares-two \(shares-two 1\.0\); neither is used: put one of the plugins into ",
    ),
    "shares-two": (
        with_hook("return [command('shared'), command('two')]"), None,
        "duplicate", r"^Two commands are called 'shared', of shares-one .* and shares-two ",
    ),
    "wants-the-cores-command": (
        with_hook("return [command('plugins'), command('own')]"), None,
        "duplicate", r"^Two commands are called 'plugins', of core .* and wants-the-cores-command "
        r".*; the core's is used: ",
    ),
    "is-registered-again": (
        None, "is-registered-again = good",
        "broken", r"^Its entry point names what another plugin registered already; ",
    ),
    "core": (
        with_hook("return []"), None,
        "broken", r"^The name core is taken by SimiluBot itself; name the entry point differently",
    ),
    "implements-a-hook-twice": (
        f"{HEADER}\n@hookimpl(specname='similubot_commands')\ndef a(): return [command('first')]\n"
        "@hookimpl(specname='similubot_commands')\ndef b(): return [command('second')]", None,
        "ok", "^$",
    ),
    "has-an-optional-hook": (
        with_hook("return [command('optional')]")
        + "@hookimpl(optionalhook=True)\ndef similubot_of_the_future(x): return 1", None,
        "ok", "^$",
    ),
}  # fmt: skip


NEWER = """Metadata-Version: 2.1
Name: is-newer
Version: 1.0
Requires-Dist: rich>=13
Requires-Dist: similubot_core (>=7.1,<7.2)
"""


def build(place: Place) -> None:
    place.distribution("is-newer", "raise SystemExit('it must not be imported')", metadata=NEWER)
    place.distribution("good", GOOD)
    for name, (source, points, _, _) in TRAPS.items():
        place.distribution(name, source, points=points)
    place.distribution("same-a", with_hook("return []"), points="same = same_a")
    place.distribution("same-b", with_hook("return []"), points="same = same_b")
    place.distribution("no-metadata", with_hook("return [command('nometa')]"), metadata="")
    place.distribution("bad-metadata", with_hook("return [command('badmeta')]"), metadata=b"\xff")
    place.distribution("bad-points", "", points="this line says nothing\n\n= \n")
    (place.folder / "bad_bytes-1.0.dist-info").mkdir()
    (place.folder / "bad_bytes-1.0.dist-info" / "entry_points.txt").write_bytes(b"[\xff\x00]\n=")
    place.distribution("zz-last", with_hook("return [command('last')]"))


@pytest.fixture(scope="module")
def full(new_place: Callable[[], Place]) -> Place:
    """One environment with every trap and the good plugins."""
    place = new_place()
    build(place)
    return place


@pytest.fixture(scope="module")
def listed(full: Place) -> dict[str, dict[str, str]]:
    """What one call of `similubot plugins --json` says of each."""
    done = full.run("plugins", "--json")
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert "never awaited" not in done.stderr
    records = json.loads(done.stdout)  # so nothing that a plugin printed is among it
    return {f"{r['name']} {r['distribution']}": r for r in records}


@pytest.mark.parametrize("name", TRAPS)
def test_each_trap_is_named_with_its_cause(listed: dict[str, dict[str, str]], name: str) -> None:
    _, _, status, reason = TRAPS[name]
    record = listed[f"{name} {name}"]
    assert (record["version"], record["status"]) == ("1.0", status)
    assert re.search(reason, record["reason"]), record["reason"]
    assert len(record["reason"].splitlines()) <= 1
    assert "\x1b" not in record["reason"]


def test_the_good_ones_are_ok_in_the_same_call(listed: dict[str, dict[str, str]]) -> None:
    for name in ("good", "zz-last"):
        assert listed[f"{name} {name}"] == {
            "name": name, "distribution": name, "version": "1.0", "status": "ok", "reason": "",
        }  # fmt: skip


def test_a_plugin_for_another_version_of_the_core_is_incompatible_and_not_imported(
    listed: dict[str, dict[str, str]],
) -> None:
    record = listed["is-newer is-newer"]
    assert record["status"] == "incompatible"
    assert record["reason"] == (
        f"It asks for similubot-core>=7.1,<7.2, and this is {__version__}; install the versions of "
        "both that fit."
    )


@pytest.mark.parametrize(
    ("asked", "fits"),
    [
        ("", True), ("==0.2.10", True), ("==0.2.9", False), ("==0.2", False), (">=0.2", True),
        (">=0.2,<0.3", True), (">=0.1,<0.2", False), ("<0.2.10", False), ("<=0.2.10", True),
        (">0.2.9", True), (">0.2.10", False), ("!=0.2.10", False), ("!=0.2.1", True),
        ("~=0.2.3", True), ("~=0.2", True), ("~=0.1.3", False), ("~=0.2.11", False),
        ("==0.2.*", True), (">=1.0rc1", True), (">=9;python_version<'3'", True), ("===x", True),
    ],
)  # fmt: skip
def test_a_version_fits_unless_it_is_plainly_excluded(asked: str, fits: bool) -> None:
    assert excludes(asked, "0.2.10") is not fits


def test_two_distributions_with_one_entry_point_name_are_both_named_and_neither_is_used(
    listed: dict[str, dict[str, str]],
) -> None:
    for name in ("same-a", "same-b"):
        record = listed[f"same {name}"]
        assert record["status"] == "duplicate"
        assert record["reason"].startswith("same (same-a 1.0) and same (same-b 1.0) have one name;")


def test_metadata_that_is_missing_or_broken_hides_no_plugin(
    listed: dict[str, dict[str, str]],
) -> None:
    for name in ("no-metadata", "bad-metadata"):
        record = listed[f"{name} "]
        assert (record["status"], record["version"]) == ("ok", "")


def test_every_plugin_is_told_of_once(listed: dict[str, dict[str, str]]) -> None:
    wanted = {f"{name} {name}" for name in (*TRAPS, "good", "is-newer", "zz-last")}
    wanted |= {"same same-a", "same same-b", "no-metadata ", "bad-metadata "}
    assert set(listed) == wanted


def test_the_commands_of_the_good_ones_work_beside_the_traps(full: Place) -> None:
    done = full.run("good")
    assert (done.returncode, done.stdout) == (0, "the good plugin works\n")
    for name in ("one", "two", "own", "instance", "first", "second", "optional", "last", "prints"):
        assert full.run(name).returncode == 0, name


def test_a_name_that_two_claim_says_so_when_it_is_typed(full: Place) -> None:
    done = full.run("shared")
    assert done.returncode == 2
    assert "Two commands are called 'shared', of shares-one" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_table_for_people_shows_the_same(full: Place) -> None:
    lines = full.run("plugins").stdout.splitlines()
    assert lines[0].split() == ["PLUGIN", "DISTRIBUTION", "VERSION", "STATUS"]
    row = next(n for n, line in enumerate(lines) if line.startswith("needs-a-module "))
    assert lines[row].split() == ["needs-a-module", "needs-a-module", "1.0", "broken"]
    assert lines[row + 1].startswith("    It needs the module no_such_module_here")
    assert any(line.startswith("sinks: ") and "good" in line for line in lines)


def test_help_works_beside_the_traps(full: Place) -> None:
    done = full.run("--help")
    assert done.returncode == 0
    assert "  good" in done.stdout
    assert "hello from the import" not in done.stdout


def test_with_every_plugin_broken_the_list_still_works(place: Place) -> None:
    place.distribution("one", "1 / 0")
    place.distribution("two", "import nowhere_at_all")
    records = json.loads(place.run("plugins", "--json").stdout)
    assert [r["status"] for r in records] == ["broken", "broken"]


def test_with_no_plugin_it_says_what_to_install(place: Place) -> None:
    done = place.run("plugins")
    assert done.returncode == 0
    assert "No plugin is installed." in done.stdout
    assert "pip install" in done.stdout
    assert json.loads(place.run("plugins", "--json").stdout) == []


# -- switching off -----------------------------------------------------------------------------

MARKS_ITS_IMPORT = "from pathlib import Path\nPath('imported').touch()\n" + with_hook("return []")


@pytest.mark.parametrize(
    "name", ["marks", "Its.Distribution", "its-distribution", "x, its_distribution ,"]
)
def test_a_disabled_plugin_is_not_even_imported(place: Place, name: str) -> None:
    place.distribution("its-distribution", MARKS_ITS_IMPORT, points="marks = its_distribution")
    done = place.run("plugins", "--json", env={"SIMILUBOT_DISABLE_PLUGINS": name})
    [record] = json.loads(done.stdout)
    assert (record["status"], record["version"]) == ("disabled", "1.0")
    assert record["reason"] == "Named in SIMILUBOT_DISABLE_PLUGINS."
    assert not (place.work / "imported").exists()


def test_disabling_one_of_two_gives_its_names_to_the_other(full: Place) -> None:
    done = full.run("shared", env={"SIMILUBOT_DISABLE_PLUGINS": "shares-one"})
    assert done.returncode == 0
    off = {"SIMILUBOT_DISABLE_PLUGINS": "same-a"}
    records = json.loads(full.run("plugins", "--json", env=off).stdout)
    assert {r["distribution"]: r["status"] for r in records if r["name"] == "same"} == {
        "same-a": "disabled", "same-b": "ok",
    }  # fmt: skip


def test_no_plugins_loads_none(place: Place) -> None:
    place.distribution("its-distribution", MARKS_ITS_IMPORT)
    assert json.loads(place.run("--no-plugins", "plugins", "--json").stdout) == []
    assert json.loads(place.run("plugins", "--json", "--no-plugins").stdout) == []
    assert not (place.work / "imported").exists()


def test_a_strict_run_ends_where_a_plugin_is_not_ok_and_names_all_of_them(place: Place) -> None:
    place.distribution("good", GOOD)
    place.distribution("one", "1 / 0")
    place.distribution("two", "import nowhere_at_all")
    strict = {"SIMILUBOT_STRICT_PLUGINS": "1"}
    done = place.run("good", env=strict)
    assert (done.returncode, done.stdout) == (1, "")
    assert "one (one 1.0) is broken: Its import failed: ZeroDivisionError" in done.stderr
    assert "two (two 1.0) is broken: It needs the module nowhere_at_all" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert place.run("good", env={**strict, "SIMILUBOT_DISABLE_PLUGINS": "one,two"}).returncode == 0
    assert place.run("plugins", "--no-plugins", env=strict).returncode == 0
    assert place.run("good", env={"SIMILUBOT_STRICT_PLUGINS": "0"}).returncode == 0


# -- within one process ------------------------------------------------------------------------


@pytest.fixture
def points(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], list[importlib.metadata.EntryPoint]]:
    """The entry points of the distributions in the place, as the standard library gives them."""
    monkeypatch.syspath_prepend(str(place.folder))

    def find() -> list[importlib.metadata.EntryPoint]:
        found = importlib.metadata.distributions(path=[str(place.folder)])
        return [p for d in found for p in d.entry_points if p.group == "similubot"]

    return find


Points = Callable[[], list[importlib.metadata.EntryPoint]]


def test_the_standard_librarys_entry_points_can_be_given(place: Place, points: Points) -> None:
    place.distribution("given", with_hook("return [command('given')]"))
    plugins = load_plugins(entry_points=points())
    assert plugins.get(CommandSpec, "given").summary == "a command"
    [_, record] = plugins.records
    assert (record.name, record.distribution, record.version) == ("given", "given", "1.0")


def test_only_the_hooks_that_are_asked_for_are_called(place: Place, points: Points) -> None:
    place.distribution("lazy", with_hook("raise AssertionError('called')", "similubot_sinks"))
    plugins = load_plugins(entry_points=points(), hooks=("similubot_commands",))
    assert plugins.records[1].status == "ok"
    assert plugins.all(SinkSpec) == ()


def test_ctrl_c_during_an_import_is_not_taken_for_a_broken_plugin(
    place: Place, points: Points
) -> None:
    place.distribution("slow-import", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        load_plugins(entry_points=points())


def test_a_plugin_that_hangs_at_its_import_is_named_while_it_does(
    place: Place,
    points: Points,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(manager, "SLOW_IMPORT_SECONDS", 0.01)
    named = threading.Event()
    monkeypatch.setattr(sys, "hangs_until_it_is_named", named, raising=False)
    say = print

    def notice(*words: object, **options: object) -> None:
        say(*words, **options)  # type: ignore[call-overload]
        named.set()

    monkeypatch.setattr(manager, "print", notice, raising=False)
    place.distribution("hangs", "import sys\nassert sys.hangs_until_it_is_named.wait(20)")
    load_plugins(entry_points=points())
    assert "similubot: The plugin hangs is not imported after 0.01 s; " in capsys.readouterr().err
    assert named.is_set()


def test_a_plugin_that_failed_half_way_offers_nothing(place: Place, points: Points) -> None:
    source = with_hook("return [command('half')]") + "@hookimpl\ndef similubot_sinks(): return None"
    place.distribution("half", source)
    plugins = load_plugins(entry_points=points())
    assert plugins.records[1].status == "broken"
    with pytest.raises(
        UsageError, match=r"^There is no command 'half'\. Installed: completion, config, convert,"
    ):
        plugins.get(CommandSpec, "half")


def test_a_descriptor_that_was_derived_from_counts_as_its_kind(
    place: Place, points: Points
) -> None:
    source = f"""{HEADER}
class Mine(TrackerSpec): pass
@hookimpl
def similubot_trackers(): return [Mine("mine", "x", nothing), TrackerSpec("mine", "x", nothing)]
"""
    place.distribution("derived", source)
    plugins = load_plugins(entry_points=points())
    assert plugins.records[1].status == "duplicate"
    assert (TrackerSpec, "mine") in plugins.conflicts


def test_strict_is_an_error_that_a_program_can_catch(
    place: Place, points: Points, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.distribution("one", "1 / 0", points="one = strict_one_is_gone")
    found = points()
    monkeypatch.setattr("similubot_core.plugins.manager.find_entry_points", lambda group: found)
    monkeypatch.setenv("SIMILUBOT_STRICT_PLUGINS", "1")
    with pytest.raises(PluginError, match=r"one \(one 1\.0\) is broken"):
        load_from_environment()


def test_what_is_missing_is_told_with_what_there_is() -> None:
    plugins = load_plugins(entry_points=())
    with pytest.raises(UsageError, match=r"^There is no sink 'x'\. Installed: json, lines\.$"):
        plugins.get(SinkSpec, "x")


# -- finding without the standard library's parser ---------------------------------------------


def described(points: object) -> set[tuple[str, str, str, str]]:
    return {
        (p.name, p.value, p.dist.metadata["Name"], p.dist.metadata["Version"])
        for p in points  # type: ignore[attr-defined]
    }


@pytest.mark.parametrize("group", ["similubot", "console_scripts", "pytest11", "no.such.group"])
def test_the_quick_search_finds_what_the_standard_library_finds(group: str) -> None:
    found = described(installed._scan(group))
    assert found == described(importlib.metadata.entry_points(group=group))


def test_the_first_of_two_distributions_of_one_name_counts(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.distribution("dup", with_hook("return []"), version="2.0")
    other = type(place)(tmp_path / "other", tmp_path, tmp_path)  # type: ignore[call-arg]
    other.distribution("dup", with_hook("return []"), version="1.0", points="old = dup")
    monkeypatch.setattr(sys, "path", [str(place.folder), str(other.folder)])
    assert [p.name for p in installed._scan("similubot")] == ["dup"]
    assert [p.name for p in importlib.metadata.entry_points(group="similubot")] == ["dup"]


def test_where_the_standard_library_is_asked_a_broken_distribution_hides_no_other(
    full: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(full.folder)])
    monkeypatch.setattr(installed, "_somewhere_else", lambda: True)
    names = {point.name for point in installed.find_entry_points("similubot")}
    assert {"good", "zz-last", "no-metadata", "bad-metadata"} <= names


@pytest.mark.parametrize("left", ["~ood-0.9.dist-info", "~~od-0.9.dist-info", "-ood-0.9.dist-info"])
@pytest.mark.parametrize("by_the_library", [False, True])
def test_what_an_interrupted_pip_left_behind_is_no_plugin(
    place: Place, monkeypatch: pytest.MonkeyPatch, left: str, by_the_library: bool
) -> None:
    place.distribution("good", with_hook("return [command('good')]"))
    (good,) = place.folder.glob("good-*.dist-info")
    shutil.copytree(good, place.folder / left)
    metadata = (good / "METADATA").read_text().replace("Version: 1.0", "Version: 0.9")
    (place.folder / left / "METADATA").write_text(metadata)
    monkeypatch.setattr(sys, "path", [str(place.folder), *sys.path])
    monkeypatch.setattr(installed, "_somewhere_else", lambda: by_the_library)
    (point,) = [p for p in installed.find_entry_points("similubot") if p.name == "good"]
    assert point.dist is not None
    assert point.dist.metadata["Version"] == "1.0"
