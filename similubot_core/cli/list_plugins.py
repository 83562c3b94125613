"""`similubot plugins`: what was found, and what became of it."""

import argparse
import json
from dataclasses import asdict

from similubot_core.plugins.choice import CoreSettings, undecided
from similubot_core.plugins.specs import (
    WORDS,
    AnySpec,
    CommandContext,
    ConverterSpec,
    PluginRecord,
)
from similubot_core.render import sanitize_line

WHAT_TO_INSTALL = (
    "No plugin is installed. From a checkout of SimiluBot, `pip install . ./plugins/bot` brings "
    "everything; ./plugins/http (which mega and catbox need), mega, ffmpeg, catbox, yt_dlp, "
    "discord_sink, matrix, telegram, notify and terminal_sink can be installed one by one."
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `similubot plugins`."""
    parser.add_argument("--json", action="store_true", help="a JSON list on stdout")


def run(arguments: argparse.Namespace, context: CommandContext) -> int:
    """Print a table for people or a list for programs. Broken plugins do not make it fail."""
    # The core, which comes first, is no plugin: its own sinks and commands are always there.
    records = list(context.plugins.records[1:])
    if arguments.json:
        print(json.dumps([asdict(record) for record in records], indent=2))  # noqa: T201
    elif not records:
        print(WHAT_TO_INSTALL)  # noqa: T201
    else:
        print("\n".join(_table(records)))  # noqa: T201
        print("\n" + "\n".join(_offers(context.plugins.specs)))  # noqa: T201
        for sentence in undecided(context.plugins, context.settings.table(CoreSettings).prefer):
            print(f"undecided: {sanitize_line(sentence, 500)}")  # noqa: T201
    return 0


def _table(records: list[PluginRecord]) -> list[str]:
    rows = [("PLUGIN", "DISTRIBUTION", "VERSION", "STATUS")]
    rows += [(r.name, r.distribution, r.version, r.status) for r in records]
    rows = [tuple(sanitize_line(cell, 60) for cell in row) for row in rows]  # type: ignore[misc]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    lines = [
        "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    for place, record in reversed(list(enumerate(records, start=1))):
        if record.reason:
            lines.insert(place + 1, f"    {sanitize_line(record.reason, 500)}")
    return lines


def _offers(specs: tuple[AnySpec, ...]) -> list[str]:
    """One line a kind: what can be named on the command line."""
    lines = []
    for kind, word in WORDS.items():
        names = sorted(spec.name for spec in specs if isinstance(spec, kind))
        if names:
            lines.append(f"{word}s: {', '.join(names)}")
        if kind is ConverterSpec:
            formats = [f for spec in specs if isinstance(spec, kind) for f in spec.output_formats]
            lines.append(f"formats: {', '.join(sorted({f.name for f in formats}))}")
    return lines
