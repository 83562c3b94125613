"""The sink is put through the checks of every sink."""

import io
import re

from rich.console import Console

from similubot_terminal_sink.terminal_sink import TerminalSink
from similubot_testkit.sink_rules import assert_sink_keeps_the_rules

OURS = re.compile(r"\x1b\[(?:[0-9;]*m|\?25[lh]|2K|1A)")
"""What the sink itself writes; "\\x1b[2J" of a name would be left."""


def test_it_keeps_the_rules() -> None:
    stream = io.StringIO()
    assert_sink_keeps_the_rules(
        lambda: TerminalSink(Console(file=stream, force_terminal=True, width=100)),
        lambda: OURS.sub("", stream.getvalue()),
    )
