"""What plugins make and answer is looked at; errors name plugin, distribution and cure."""

import logging
import threading
import time
from argparse import Namespace
from collections.abc import Callable

import pytest

from similubot_core import (
    Check,
    CommandContext,
    ConversionRequest,
    ConverterSpec,
    CountingTracker,
    DownloaderSpec,
    LinkCheckerSpec,
    PluginError,
    ProgressInfo,
    Settings,
    SinkContext,
    SinkSpec,
    StageError,
    TrackerSpec,
    UploaderSpec,
    UsageError,
)
from similubot_core.cli import doctor
from similubot_core.jobs import Job, run_job
from similubot_core.origin import origin
from similubot_core.plugins import making
from similubot_core.plugins.making import (
    close_sink,
    make_converter,
    make_downloader,
    make_link_checker,
    make_tracker,
    make_uploader,
    open_sink,
)
from similubot_core.plugins.specs import Plugins
from similubot_core.progress import PacedSink

SETTINGS = Settings(environ={})


class Sound:
    """Everything at once, as it should be."""

    def show(self, info: ProgressInfo) -> None:
        pass

    def close(self) -> None:
        pass

    def run(self, *arguments: object) -> str:
        return "https://files.example/1"


async def a_coroutine(*arguments: object) -> Sound:
    return Sound()


def needs_a_module(*arguments: object) -> Sound:
    import no_such_module_here  # type: ignore[import-not-found]  # noqa: F401

    return Sound()


def refuses(*arguments: object) -> Sound:
    raise UsageError("Name the folder.")


def raises(*arguments: object) -> Sound:
    raise KeyError("token\x1b[2J")


def leaves(*arguments: object) -> Sound:
    raise SystemExit(3)


def make(kind: str, factory: Callable[..., object]) -> object:
    made: dict[str, Callable[[], object]] = {
        "sink": lambda: open_sink(SinkSpec("mine", "", factory), SinkContext()),  # type: ignore[arg-type]
        "downloader": lambda: make_downloader(
            DownloaderSpec("mine", "", factory, lambda source: True),  # type: ignore[arg-type]
            SETTINGS,
        ),
        "converter": lambda: make_converter(ConverterSpec("mine", "", factory), SETTINGS),  # type: ignore[arg-type]
        "uploader": lambda: make_uploader(UploaderSpec("mine", "", factory), SETTINGS, None),  # type: ignore[arg-type]
        "link checker": lambda: make_link_checker(LinkCheckerSpec("mine", "", factory), SETTINGS),  # type: ignore[arg-type]
        "tracker": lambda: make_tracker(TrackerSpec("mine", "", factory), factory),  # type: ignore[arg-type]
    }
    return made[kind]()


KINDS = ("sink", "downloader", "converter", "uploader", "link checker", "tracker")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("factory", "why"),
    [
        (lambda *arguments: None, "its factory returned NoneType"),
        (lambda *arguments: "mine", "its factory returned str"),
        (lambda *arguments: Sound, "type|raised"),
        (a_coroutine, "its factory returned coroutine"),
        (raises, "it raised KeyError; update it"),
        (leaves, "it raised SystemExit;"),
        (needs_a_module, r"needs the module no_such_module_here, .* install it with pip"),
    ],
)
def test_what_is_not_what_it_should_be_is_named_with_its_origin_and_the_cure(
    kind: str, factory: Callable[..., object], why: str
) -> None:
    if why == "type|raised" and kind != "tracker":
        return  # a class has the methods; it is found out when they are called
    with pytest.raises(PluginError, match=why) as told:
        make(kind, factory)
    assert told.value.message.startswith(f"The {kind} mine of ")
    assert "token" not in told.value.message


@pytest.mark.parametrize("kind", KINDS)
def test_a_refusal_goes_on_as_it_is(kind: str) -> None:
    with pytest.raises(UsageError, match="Name the folder"):
        make(kind, refuses)


def test_sound_ones_are_handed_on() -> None:
    for kind in KINDS[:-1]:
        assert isinstance(make(kind, lambda *arguments: Sound()), Sound)
    assert isinstance(make("tracker", lambda: CountingTracker("x")), CountingTracker)


def test_an_origin_is_a_distribution_with_its_version_also_of_an_editable_one() -> None:
    from similubot_testkit.recording_sink import RecordingSink

    for thing in (RecordingSink, RecordingSink(), RecordingSink().show, pytest.fixture):
        assert origin(thing).split(" ")[0] in ("similubot-testkit", "pytest", "the")
    assert origin(pytest.fixture).startswith("pytest ")
    assert origin(test_sound_ones_are_handed_on).startswith("the module")


def test_a_sink_that_does_not_close_is_left_after_a_while_and_named(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "CLOSE_SECONDS", 0.5)
    released = threading.Event()

    class Hangs(Sound):
        def close(self) -> None:
            released.wait(60)

    began = time.monotonic()
    close_sink(Hangs(), "mine")
    assert time.monotonic() - began < 30
    released.set()
    (record,) = caplog.records
    assert "The sink mine of the module" in record.getMessage()
    assert "authors" in record.getMessage()


def test_a_sink_whose_close_raises_is_named(caplog: pytest.LogCaptureFixture) -> None:
    class Raises(Sound):
        def close(self) -> None:
            raise SystemExit(1)

    close_sink(Raises(), "mine")
    assert "The sink mine of the module" in caplog.text


def test_a_callback_that_raises_is_named_with_its_origin(caplog: pytest.LogCaptureFixture) -> None:
    class Raises(Sound):
        def show(self, info: ProgressInfo) -> None:
            raise KeyError("x")

    tracker = CountingTracker("Copy")
    sink = PacedSink(Raises().show, 1.0)
    tracker.add_callback(sink.show)
    tracker.complete()
    sink.close()
    sink.feed.wait(30, even_if_slow=True)
    records = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert "Raises.show (" in records[0].getMessage()


def test_a_stage_that_stops_on_an_error_of_its_own_is_named_with_its_origin(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("job")
    (folder / "file").write_bytes(b"x")

    class Raises:
        def run(self, *arguments: object) -> object:
            raise KeyError("streams")

    job = Job(str(folder / "file"), None, Raises(), ConversionRequest(), output=folder / "out")  # type: ignore[arg-type]
    with pytest.raises(StageError, match=r"converter Raises of .* \(KeyError\); update it") as told:
        run_job(job)
    assert "streams" in told.value.detail


@pytest.mark.parametrize(
    ("check", "told"),
    [
        (lambda settings: None, "TypeError"),
        (lambda settings: ["fine"], "something else than a list of Check"),
        (
            lambda settings: [Check("a", "yes", "b")],  # type: ignore[arg-type]
            "something else than a list of Check",
        ),
        (
            lambda settings: [Check("a", True, None)],  # type: ignore[arg-type]
            "something else than a list of Check",
        ),
        (raises, "raised KeyError"),
        (leaves, "raised SystemExit"),
        (lambda settings: threading.Event().wait(60), "has not answered"),
    ],
)
def test_doctor_names_a_check_that_does_not_answer_rightly_and_goes_on(
    check: Callable[[Settings], object],
    told: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doctor, "CHECK_SECONDS", 1.0)

    def fine(settings: Settings) -> list[Check]:
        return [Check("Fine", True, "here")]

    specs = (
        SinkSpec("mine", "", lambda context: Sound(), check=check),  # type: ignore[arg-type]
        SinkSpec("other", "", lambda context: Sound(), check=fine),
    )
    assert doctor.run(Namespace(), CommandContext(Plugins((), specs), SETTINGS)) == 1
    shown = capsys.readouterr().out
    assert told in shown
    assert "report it to its authors" in shown
    assert "ok    Fine: here" in shown
