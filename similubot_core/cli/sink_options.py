"""The `--sink` option: which sinks a command shows its progress in."""

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack

from similubot_core.plugins.making import close_sink, open_sink
from similubot_core.plugins.specs import CommandContext, Sink, SinkContext, SinkSpec


def add_sink_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--sink NAME[=TARGET]``, which may be given several times."""
    parser.add_argument(
        "--sink",
        action="append",
        metavar="NAME[=TARGET]",
        help="show progress there; several are possible (default: bars on a terminal, else "
        "lines); a secret target, such as a webhook's address, belongs in the settings: others on "
        "this machine can read command lines",
    )


def open_sinks(
    stack: ExitStack, context: CommandContext, wanted: Sequence[str], title: str
) -> list[Sink]:
    """Open the sinks that were named, or the one that fits where stderr goes.

    They are closed, and so show their final state, when `stack` is left.

    Raises:
        PluginError: What a plugin made is no sink.
        UsageError: There is no such sink, or it does not take the target.
    """
    sinks: list[Sink] = []
    for choice in wanted or (_default(context),):
        name, _, target = choice.partition("=")
        spec = context.plugins.get(SinkSpec, name)
        sink = open_sink(spec, SinkContext(target or None, context.settings, title))
        stack.callback(close_sink, sink, name)
        sinks.append(sink)
    return sinks


def _default(context: CommandContext) -> str:
    if sys.stderr.isatty():
        for spec in context.plugins.all(SinkSpec):
            if spec.for_terminal:
                return spec.name
    return "lines"
