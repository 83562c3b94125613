"""JobSinks: shows each job in further sinks, besides its message."""

import logging
from collections.abc import Sequence

from similubot_bot.jobs.records import JobRecord
from similubot_core import ProgressInfo, Settings, Sink, SinkContext, SinkSpec
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
        opened: list[Sink] = []
        for spec, target in self._specs:
            try:
                opened.append(
                    spec.factory(SinkContext(target, self._settings, record.request.name))
                )
            except Exception:
                logger.exception("The sink %s cannot be opened", spec.name)
        return OpenSinks(opened)


class OpenSinks:
    """The open sinks of one job. Any thread.

    Args:
        sinks: The sinks.
    """

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self._sinks = list(sinks)

    def show(self, info: ProgressInfo) -> None:
        """Show a state in all of them; one that raises gets no more."""
        for sink in list(self._sinks):
            try:
                sink.show(info)
            except Exception:
                logger.exception("A sink fails; it shows no more of this job")
                self._sinks.remove(sink)

    def close(self) -> None:
        """Close all of them."""
        for sink in self._sinks:
            try:
                sink.close()
            except Exception:
                logger.exception("A sink cannot be closed")
