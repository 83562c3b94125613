"""`similubot config`: each setting, its value, and where it comes from."""

import argparse
import dataclasses

from similubot_core.plugins.specs import CommandContext
from similubot_core.render import sanitize_line

HIDDEN = "(secret)"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `similubot config`."""
    parser.add_argument("table", nargs="?", metavar="TABLE", help="only this table, e.g. mega")
    parser.add_argument("--set", action="store_true", help="only what differs from the defaults")


def run(arguments: argparse.Namespace, context: CommandContext) -> int:
    """Print the settings as similubot.toml would hold them, each with its origin."""
    schemas = sorted(context.plugins.schemas(), key=lambda schema: schema.table_name)
    if arguments.table is not None:
        context.settings.check_table_name(arguments.table, schemas)
    for schema in schemas:
        if arguments.table not in (None, schema.table_name):
            continue
        table = context.settings.table(schema)
        origins = context.settings.origins(schema)
        lines = []
        for field in dataclasses.fields(schema):  # type: ignore[arg-type]
            origin = origins.get(field.name)
            if origin is None and arguments.set:
                continue
            value: object = getattr(table, field.name)
            shown = _shown(value) if field.repr or value in (None, ()) else HIDDEN
            lines.append(f"{field.name} = {shown}  # {origin or 'default'}")
        if lines:
            print(f"[{schema.table_name}]", *lines, sep="\n")  # noqa: T201
            print()  # noqa: T201
    return 0


def _shown(value: object) -> str:
    if value is None:
        return "(not set)"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(_shown(part) for part in value)}]"
    if isinstance(value, (int, float)):
        return str(value)
    return '"' + sanitize_line(str(value), 300).replace('"', '\\"') + '"'
