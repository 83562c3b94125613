"""`similubot worker`, and `similubot workers`, which lists what there is."""

import argparse
import dataclasses
import logging
import os
import signal
import sys
from pathlib import Path

import msgspec
import redis
from cryptography.fernet import Fernet

from similubot_bot import BotSettings
from similubot_bot.jobs.requests import allowed_plugins
from similubot_bot.ops.logs import set_up_logging
from similubot_bot.ops.own_process import close_to_others, forget_environment
from similubot_core import CommandContext, SimilubotError, UsageError
from similubot_core.exit_status import DONE, FAILED
from similubot_core.process import set_child_niceness
from similubot_core.render import sanitize_line
from similubot_workers.folder import own_folder
from similubot_workers.link import Names, connect
from similubot_workers.messages import (
    A_BEAT,
    A_PRESENCE,
    Beat,
    OtherVersionError,
    Presence,
    Seal,
    SealError,
)
from similubot_workers.settings import WorkersSettings
from similubot_workers.worker import Worker

logger = logging.getLogger(__name__)

MOST_SLOTS = 64
CHILDREN_GIVE_WAY = 10
NEEDED = (
    "Set [workers] url, the address of Redis, and [workers] key, which `similubot workers "
    "--new-key` makes; the same for the bot and all its workers."
)


def configure_worker(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `similubot worker`."""
    parser.add_argument(
        "--slots",
        type=int,
        metavar="N",
        help="how many jobs it carries at once; without it, one for each processor",
    )
    parser.add_argument("--queue", metavar="NAME", help="whose jobs; without it, [workers] queue")


def configure_workers(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `similubot workers`."""
    parser.add_argument("--queue", metavar="NAME", help="whose; without it, [workers] queue")
    parser.add_argument("--json", action="store_true", help="one object a line")
    parser.add_argument("--new-key", action="store_true", help="print a new [workers] key")


def run_worker(arguments: argparse.Namespace, context: CommandContext) -> int:
    """Carry jobs until SIGTERM or SIGINT. Returns 0 then, and 1 when the bot refuses this worker.

    Raises:
        SimilubotError: It cannot run; says why.
    """
    table, key = _settings(context)
    assert table.url is not None
    slots = _slots(arguments.slots)
    bot = context.settings.table(BotSettings)
    plugins = allowed_plugins(context.plugins, bot)
    found = []
    for schema in context.plugins.schemas():  # reports a bad value now, not in the first job
        values = context.settings.table(schema)
        for field in dataclasses.fields(values):  # type: ignore[arg-type]
            value: object = getattr(values, field.name)
            if not field.repr and isinstance(value, str):
                found.append(value)
    os.umask(0o077)
    forget_environment(found)
    close_to_others()
    set_up_logging(found, debug=context.debug, file=None)
    set_child_niceness(CHILDREN_GIVE_WAY)
    with own_folder(_base(table)) as folder:
        queue = arguments.queue or table.queue
        worker = Worker(table.url, key, queue, plugins, context.settings, folder, slots)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: worker.stop())
        worker.serve()
    logger.info("Stopped")
    if worker.refusal:
        raise SimilubotError(f"The bot takes no jobs' work from here. {worker.refusal}")
    return DONE


def run_workers(arguments: argparse.Namespace, context: CommandContext) -> int:
    """List the workers that live. Returns 0, or 1 when the bot is not there.

    Raises:
        SimilubotError: Redis cannot be reached.
    """
    if arguments.new_key:
        print(Fernet.generate_key().decode())  # noqa: T201
        return DONE
    table, key = _settings(context)
    assert table.url is not None
    names = Names(arguments.queue or table.queue)
    client = connect(table.url)
    try:
        presence = client.get(names.bot)
        keys = sorted(client.scan_iter(match=_exactly(names.worker("")) + "*"))
        sealed = client.mget(keys) if keys else []
    except (redis.RedisError, OSError) as error:
        raise SimilubotError(
            f"Redis cannot be reached ({type(error).__name__}); look at [workers] url, and "
            "whether it runs."
        ) from error
    finally:
        client.close()
    seal = Seal(key, "list")
    bot, problem = _presence(seal, presence)
    rows = [
        _row(seal, name.decode(errors="replace").rpartition(":")[2], beat, bot)
        for name, beat in zip(keys, sealed, strict=True)
        if isinstance(beat, bytes)
    ]
    if arguments.json:
        for row in rows:
            print(msgspec.json.encode(row).decode())  # noqa: T201
    else:
        for line in _lines(rows):
            print(line)  # noqa: T201
    if problem:
        print(problem, file=sys.stderr)  # noqa: T201
    return FAILED if problem else DONE


class Row(msgspec.Struct, frozen=True):
    """A worker as `similubot workers --json` lists it.

    Attributes:
        worker: Its id.
        version: Its version of similubot-workers; "" when that cannot be known.
        slots: How many jobs it carries at once; 0 while it takes none.
        jobs: The numbers of those that it carries.
        refused: Why it gets none; "" when it does.
    """

    worker: str
    version: str
    slots: int
    jobs: tuple[int, ...]
    refused: str


def _row(seal: Seal, worker: str, sealed: bytes, bot: Presence | None) -> Row:
    try:
        beat, sender = seal.open(sealed, A_BEAT)
    except OtherVersionError as error:
        return Row(worker, error.package, 0, (), "It runs another version than this program.")
    except SealError:
        return Row(worker, "", 0, (), "It has another [workers] key than this program.")
    refused = "" if bot is None else bot.refused.get(beat.worker, "")
    return Row(beat.worker, sender.package, beat.slots, _jobs(beat), refused)


def _jobs(beat: Beat) -> tuple[int, ...]:
    return tuple(sorted(about.job for about in beat.running))


def _lines(rows: list[Row]) -> list[str]:
    """A table, for people."""
    if not rows:
        return ["No worker is there."]
    cells = [("WORKER", "VERSION", "SLOTS", "JOBS")]
    for row in rows:
        jobs = ", ".join(map(str, row.jobs)) or "-"
        cells.append(
            (
                sanitize_line(row.worker, 60),
                sanitize_line(row.version, 20) or "?",
                str(row.slots),
                sanitize_line(f"gets none: {row.refused}", 300) if row.refused else jobs,
            )
        )
    widths = [max(len(line[column]) for line in cells) for column in range(3)]
    return [
        "  ".join((*map(str.ljust, line[:3], widths), line[3]))  # no blanks at the end
        for line in cells
    ]


def _presence(seal: Seal, sealed: object) -> tuple[Presence | None, str]:
    """What the bot says of itself, and what is wrong about that; "" is nothing."""
    if not isinstance(sealed, bytes):
        return None, "The bot is not there."
    try:
        return seal.open(sealed, A_PRESENCE)[0], ""
    except OtherVersionError as error:
        return None, f"The bot runs another version: {error}."
    except SealError:
        return None, "The bot has another [workers] key than this program."


def _settings(context: CommandContext) -> tuple[WorkersSettings, str]:
    table = context.settings.table(WorkersSettings)
    if not table.url or not table.key:
        raise UsageError(NEEDED)
    return table, table.key


def _slots(asked: int | None) -> int:
    slots = min(MOST_SLOTS, os.cpu_count() or 1) if asked is None else asked
    if not 1 <= slots <= MOST_SLOTS:
        raise UsageError(f"--slots takes 1 to {MOST_SLOTS}.")
    return slots


def _base(table: WorkersSettings) -> Path:
    if table.folder is not None:
        return table.folder
    import platformdirs

    return Path(platformdirs.user_cache_dir("similubot", appauthor=False)) / "workers"


def _exactly(name: str) -> str:
    """A pattern of Redis that matches just this."""
    return "".join(f"\\{letter}" if letter in "*?[]\\^-" else letter for letter in name)
