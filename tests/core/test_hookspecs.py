"""The hook specifications are the reference: their examples run, and do what they say."""

import doctest
import inspect
from pathlib import Path
from types import SimpleNamespace

import pytest

from similubot_core import (
    CommandSpec,
    DownloaderSpec,
    ProgressInfo,
    ProgressStatus,
    Settings,
    SinkContext,
    SinkSpec,
    StageContext,
    TrackerSpec,
)
from similubot_core.plugins import hookspecs
from similubot_core.plugins.manager import HOOKS, load_plugins
from similubot_core.plugins.specs import WORDS, Plugins

EXAMPLES = {
    test.name.removeprefix("similubot_core.plugins.hookspecs."): test
    for test in doctest.DocTestFinder(exclude_empty=True).find(hookspecs)
    if test.examples
}


class Point:
    """An entry point that names what an example defined."""

    name = "example"
    dist = None

    def __init__(self, plugin: object) -> None:
        self._plugin = plugin

    def load(self) -> object:
        return self._plugin


def ran(hook: str) -> dict[str, object]:
    """The names that the hook's example defined, once it ran without a difference."""
    test = EXAMPLES[hook]
    results = doctest.DocTestRunner(verbose=False).run(test, clear_globs=False)
    assert results.attempted > 0
    assert results.failed == 0
    return test.globs


def plugins_of(hook: str) -> Plugins:
    """What the core makes of the example as a plugin."""
    plugins = load_plugins(entry_points=[Point(SimpleNamespace(**{hook: ran(hook)[hook]}))])
    [record] = [record for record in plugins.records if record.name == "example"]
    assert (record.status, record.reason) == ("ok", "")
    return plugins


def test_every_hook_has_an_example() -> None:
    assert set(EXAMPLES) == set(HOOKS)


def test_the_hooks_are_the_specified_ones_and_take_nothing() -> None:
    specified = {
        name: function
        for name, function in inspect.getmembers(hookspecs, inspect.isfunction)
        if name.startswith("similubot_")
    }
    assert set(specified) == set(HOOKS)
    assert all(not inspect.signature(function).parameters for function in specified.values())


def test_every_kind_of_descriptor_belongs_to_one_hook_and_has_a_word() -> None:
    kinds = [kind for kinds in HOOKS.values() for kind in kinds]
    assert len(kinds) == len(set(kinds))
    assert set(kinds) == set(WORDS)


def test_the_trackers_example_reads_output() -> None:
    spec = plugins_of("similubot_trackers").get(TrackerSpec, "dots")
    tracker = spec.factory()
    assert spec.programs == ("dotter",)
    assert tracker.parse_output("." * 42)
    assert not tracker.parse_output("nothing")
    assert tracker.get_current_progress().percentage == 42


def test_the_sinks_example_shows_a_state(capsys: pytest.CaptureFixture[str]) -> None:
    spec = plugins_of("similubot_sinks").get(SinkSpec, "printer")
    sink = spec.factory(SinkContext())
    sink.show(ProgressInfo("X", ProgressStatus.STARTING))
    sink.close()
    assert capsys.readouterr().out == "X starting\n"


def test_the_stages_example_downloads_into_its_folder(tmp_path: Path) -> None:
    spec = plugins_of("similubot_stages").get(DownloaderSpec, "copy")
    (tmp_path / "clip").write_text("clip")
    (tmp_path / "folder").mkdir()
    source = f"copy:{tmp_path / 'clip'}"
    assert spec.accepts(source)
    assert not spec.accepts("https://host.example/")
    file = spec.factory(Settings(environ={})).run(source, StageContext(tmp_path / "folder"))
    assert file == tmp_path / "folder" / "clip"
    assert file.read_text() == "clip"


def test_the_commands_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    import argparse

    from similubot_core import CommandContext

    plugins = plugins_of("similubot_commands")
    spec = plugins.get(CommandSpec, "greet")
    parser = argparse.ArgumentParser()
    spec.configure(parser)
    context = CommandContext(plugins, Settings(environ={}))
    assert spec.run(parser.parse_args(["you"]), context) == 0
    assert capsys.readouterr().out == "Hello, you.\n"
