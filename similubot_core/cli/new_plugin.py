"""`similubot new-plugin`: write a whole plugin to begin with, from the templates."""

import argparse
import re
import shutil
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path
from string import Template

from similubot_core import __version__
from similubot_core.errors import SimilubotError, UsageError
from similubot_core.plugins.specs import CommandContext
from similubot_core.render import sanitize_line

TEMPLATES = Path(__file__).with_name("templates")
USAGES = {
    "command": "similubot bot                 # whose users type !$identifier, or /$identifier",
    "tracker": "similubot watch -- $name …",
    "sink": "similubot watch --sink $name=progress.log -- rsync --info=progress2 …",
    "downloader": "similubot convert $name:clip.mp4",
    "converter": "similubot convert clip.wav",
    "uploader": "similubot convert clip.mp4 --to $name=https://server.example/files",
}
"""Each kind of plugin, and how the new one is used."""

LONGEST_COMMAND = 32
"""Characters of a slash command's name, by Discord's rules."""

_NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `similubot new-plugin`."""
    parser.add_argument(
        "name", metavar="NAME", help="lower case, e.g. rsync; the distribution is similubot-NAME"
    )
    parser.add_argument("--kind", choices=sorted(USAGES), required=True, help="what it brings")


def run(arguments: argparse.Namespace, context: CommandContext) -> int:
    """Write the folder similubot-NAME here; prints its path on stdout, and what to do next."""
    taken = {spec.name for spec in context.plugins.specs}
    taken |= {record.name for record in context.plugins.records}
    folder = write_plugin(Path(), arguments.name, arguments.kind, taken=taken)
    print(folder)  # noqa: T201
    print(  # noqa: T201
        f"It works as it is: pip install ./{folder}, then `similubot plugins` lists it.\n"
        f"{folder}/README.md says what to change.",
        file=sys.stderr,
    )
    return 0


def write_plugin(parent: Path, name: str, kind: str, *, taken: Collection[str] = ()) -> Path:
    """Write a plugin's folder below `parent` and return it.

    Args:
        parent: The folder to write into.
        name: The plugin's name: lower-case letters and digits, parted by single "-" or "_".
        kind: One of `USAGES`.
        taken: Names that installed plugins have, and that a new one therefore cannot have.

    Raises:
        UsageError: The name cannot be one or is taken, or the folder exists. Nothing was written.
        SimilubotError: The folder cannot be written; nothing is left of it.
    """
    if not _NAME.fullmatch(name) or len(name) > 60:
        raise UsageError(
            f"{sanitize_line(repr(name), 60)} cannot be a plugin's name; use lower-case letters "
            "and digits, beginning with a letter, parted by '-' or '_'."
        )
    if name in taken:
        raise UsageError(f"An installed plugin is called {name} already; choose another name.")
    if kind == "command" and len(name) > LONGEST_COMMAND:
        raise UsageError(f"A command of Discord has {LONGEST_COMMAND} characters at most.")
    folder = parent / f"similubot-{name.replace('_', '-')}"
    if folder.exists() or folder.is_symlink():
        raise UsageError(f"{folder} exists already; remove it, or choose another name.")
    try:
        partial = Path(tempfile.mkdtemp(prefix=".similubot-", dir=parent))
        try:
            _fill(partial, _words(name, kind))
            partial.chmod(0o755)
            partial.rename(folder)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    except OSError as error:
        raise SimilubotError(f"{folder} cannot be written: {error.strerror}.") from error
    return folder


def _words(name: str, kind: str) -> dict[str, str]:
    """What stands for each placeholder."""
    identifier = name.replace("-", "_")
    major, minor = __version__.split(".")[:2]
    versions = f">={major}.{minor},<{major}.{int(minor) + 1}"
    needs = ("core", "bot") if kind == "command" else ("core",)
    return {
        "name": name,
        "kind": kind,
        "distribution": f"similubot-{name.replace('_', '-')}",
        "module": f"similubot_{identifier}",
        "identifier": identifier,
        "upper": identifier.upper(),
        "title": "".join(part.capitalize() for part in identifier.split("_")),
        "core_versions": versions,
        "dependencies": ", ".join(f'"similubot-{needed}{versions}"' for needed in needs),
        "checkout": _checkout(kind),
        "usage": Template(USAGES[kind]).substitute(name=name, identifier=identifier),
    }


def _checkout(kind: str) -> str:
    """How what the plugin's tests need is installed from a checkout of SimiluBot."""
    if kind == "command":
        return (
            "cd /path/to/similubot && pip install . ./plugins/testkit \\\n"
            "    './plugins/ffmpeg[bundled]' \\\n"
            "    ./plugins/{http,mega,catbox,discord_sink,terminal_sink,bot} && cd -"
        )
    return "pip install /path/to/similubot /path/to/similubot/plugins/testkit   # its checkout"


def _fill(folder: Path, words: dict[str, str]) -> None:
    """Write the files that all kinds share, and those of this one."""
    for part in (TEMPLATES / "common", TEMPLATES / words["kind"]):
        for template in sorted(part.rglob("*.template")):
            relative = str(template.relative_to(part)).removesuffix(".template")
            target = folder / relative.replace("MODULE", words["module"])
            target.parent.mkdir(parents=True, exist_ok=True)
            text = Template(template.read_text(encoding="utf-8")).substitute(words)
            target.write_text(text, encoding="utf-8")
