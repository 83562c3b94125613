"""JobSinks: shows each job in further sinks, besides its message."""

import logging
from collections.abc import Sequence

from similubot_bot.jobs.records import JobRecord
from similubot_core import ProgressInfo, Settings, Sink, SinkContext, SinkSpec
from similubot_core.errors import SimilubotError
from similubot_core.origin import origin
from similubot_core.plugins.making import close_sink, open_sink
from similubot_core.plugins.specs import Plugins

logger = logging.getLogger(__name__)


class JobSinks:
    """Opens the sinks of the settings for a job. A sink that fails is logged and left out.

    Args:
        plugins: What is installed.
        settings: The settings of this run.
        entries: Each a sink as ``NAME`` or ``NAME=TARGET``.

    Raises:
        UsageError: A sink is not installed.
    """

    def __init__(self, plugins: Plugins, settings: Settings, entries: Sequence[str]) -> None:
        self._settings = settings
        self._specs = [
            (plugins.get(SinkSpec, name), target or None)
            for name, _, target in (entry.partition("=") for entry in entries)
        ]

    def open(self, record: JobRecord) -> "OpenSinks":
        """Open all of them for a job. Not in the event loop: a sink may wait for something."""
        opened: list[tuple[str, Sink]] = []
        for spec, target in self._specs:
            try:
                context = SinkContext(target, self._settings, record.request.name)
                opened.append((spec.name, open_sink(spec, context)))
            except SimilubotError as error:
                logger.error("The sink %s cannot be opened: %s", spec.name, error.message)
        return OpenSinks(opened)


class OpenSinks:
    """The open sinks of one job. Any thread.

    Args:
        sinks: The sinks, each with its name.
    """

    def __init__(self, sinks: Sequence[tuple[str, Sink]]) -> None:
        self._sinks = list(sinks)

    def show(self, info: ProgressInfo) -> None:
        """Show a state in all of them; one that raises gets no more."""
        for name, sink in list(self._sinks):
            try:
                sink.show(info)
            except Exception:
                logger.exception(
                    "The sink %s of %s fails; it shows no more of this job", name, origin(sink)
                )
                self._sinks.remove((name, sink))

    def close(self) -> None:
        """Close all of them, each in bounded time."""
        for name, sink in self._sinks:
            close_sink(sink, name)
