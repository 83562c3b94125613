"""similubot-terminal-sink: progress bars for people at a shell."""

from similubot_core import Sink, SinkContext, SinkSpec, hookimpl


@hookimpl
def similubot_sinks() -> list[SinkSpec]:
    """The sink `terminal`."""
    return [SinkSpec("terminal", "bars on the terminal", _open, for_terminal=True)]


def _open(context: SinkContext) -> Sink:
    from similubot_terminal_sink.terminal_sink import open_terminal_sink  # imports rich

    return open_terminal_sink(context)
