"""What a plugin's factory makes, looked at before it is used, and a sink closed in bounded time.

Whatever goes wrong is a sentence that names the plugin, its distribution and the cure.
"""

from __future__ import annotations

import inspect
import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from similubot_core.errors import PluginError, SimilubotError
from similubot_core.plugins.specs import WORDS

if TYPE_CHECKING:
    from similubot_core.jobs.stages import Converter, Downloader, LinkChecker, Uploader
    from similubot_core.plugins.specs import (
        ConverterSpec,
        DownloaderSpec,
        LinkCheckerSpec,
        Sink,
        SinkContext,
        SinkSpec,
        TrackerSpec,
        UploaderSpec,
    )
    from similubot_core.progress.tracker import ProgressTracker
    from similubot_core.settings import Settings

    _Spec = ConverterSpec | DownloaderSpec | LinkCheckerSpec | SinkSpec | TrackerSpec | UploaderSpec

CLOSE_SECONDS = 15.0
"""How long a sink has for its `close`; ours need 10 at most."""

T = TypeVar("T")

logger = logging.getLogger(__name__)


def open_sink(spec: SinkSpec, context: SinkContext) -> Sink:
    """Open a sink.

    Raises:
        PluginError: What the plugin made is no sink, or it raised.
        UsageError: It does not take the target.
    """
    return _made(spec, spec.factory, lambda: spec.factory(context), ("show", "close"))


def make_downloader(spec: DownloaderSpec, settings: Settings) -> Downloader:
    """Make a downloader; `PluginError` where what the plugin made is none, or it raised."""
    return _made(spec, spec.factory, lambda: spec.factory(settings), ("run",))


def make_converter(spec: ConverterSpec, settings: Settings) -> Converter:
    """Make a converter; `PluginError` where what the plugin made is none, or it raised."""
    return _made(spec, spec.factory, lambda: spec.factory(settings), ("run",))


def make_uploader(spec: UploaderSpec, settings: Settings, target: str | None) -> Uploader:
    """Make an uploader.

    Raises:
        PluginError: What the plugin made is none, or it raised.
        UsageError: It does not take the target.
    """
    return _made(spec, spec.factory, lambda: spec.factory(settings, target), ("run",))


def make_link_checker(spec: LinkCheckerSpec, settings: Settings) -> LinkChecker:
    """Make a link checker; `PluginError` where what the plugin made is none, or it raised."""
    return _made(spec, spec.factory, lambda: spec.factory(settings), ("run",))


def make_tracker(spec: TrackerSpec, make: Callable[[], ProgressTracker]) -> ProgressTracker:
    """Make a tracker by `make`; `PluginError` where what it made is none, or it raised."""
    from similubot_core.progress.tracker import ProgressTracker

    made: object = _made(spec, spec.factory, make, ())
    if isinstance(made, ProgressTracker):
        return made
    raise _wrong(spec, spec.factory, made, "a ProgressTracker")


def close_sink(sink: Sink, name: str) -> None:
    """Close a sink, and wait for it 15 seconds at most; what goes wrong is logged.

    Args:
        sink: The sink.
        name: What ``--sink`` calls it.
    """
    failures: list[BaseException] = []

    def close() -> None:
        try:
            sink.close()
        except BaseException as error:  # noqa: BLE001  (told below)
            failures.append(error)

    thread = threading.Thread(target=close, name="similubot-close", daemon=True)
    thread.start()
    thread.join(CLOSE_SECONDS)
    if thread.is_alive():
        logger.warning(
            "The sink %s of %s has not closed after %g s, and is left; its last state may be "
            "missing. Report it to its authors.",
            *(name, _origin(sink), CLOSE_SECONDS),
        )
    elif failures:
        logger.warning(
            "The sink %s of %s could not be closed; report it to its authors.",
            *(name, _origin(sink)),
            exc_info=failures[0],
        )


def who(spec: _Spec, factory: object) -> str:
    """For people: "sink speech of similubot-speech 1.0"."""
    word = next(word for kind, word in WORDS.items() if isinstance(spec, kind))
    return f"{word} {spec.name} of {_origin(factory)}"


def _made(spec: _Spec, factory: object, make: Callable[[], T], methods: tuple[str, ...]) -> T:
    from similubot_core.render import sanitize_line

    try:
        made = make()
    except SimilubotError:
        raise
    except ImportError as error:
        module = sanitize_line(error.name or str(error), 80)
        raise PluginError(
            f"The {who(spec, factory)} cannot be used: it needs the module {module}, which is not "
            "installed; install it with pip, or the plugin again (pip install --force-reinstall)."
        ) from error
    except (Exception, SystemExit) as error:
        told = type(error).__name__  # its text may hold a secret
        raise PluginError(
            f"The {who(spec, factory)} cannot be used: it raised {told}; update it, or report it "
            "to its authors (--debug shows where)."
        ) from error
    missing = [name for name in methods if not callable(getattr(made, name, None))]
    if missing:
        raise _wrong(spec, factory, made, f"an object with {' and '.join(missing)}")
    return made


def _wrong(spec: _Spec, factory: object, made: object, wanted: str) -> PluginError:
    kind = type(made).__name__
    if inspect.iscoroutine(made):
        made.close()  # else Python complains that nobody awaited it
    return PluginError(
        f"The {who(spec, factory)} cannot be used: its factory returned {kind}, not {wanted}; "
        "update it, or report it to its authors."
    )


def _origin(thing: object) -> str:
    from similubot_core.origin import origin

    return origin(thing)
