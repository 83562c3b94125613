"""`similubot bot`: runs the bot until a signal stops it."""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from similubot_bot.jobs.database import recover
from similubot_bot.jobs.requests import allowed_plugins, upload_targets
from similubot_bot.ops.checks import STEPS
from similubot_bot.ops.control import send
from similubot_bot.ops.logs import set_up_logging
from similubot_bot.ops.own_process import close_to_others, forget_environment
from similubot_bot.settings import BotSettings
from similubot_core import (
    Check,
    CommandContext,
    ConverterSpec,
    DownloaderSpec,
    Settings,
    SimilubotError,
    UsageError,
)
from similubot_core.cli.doctor import plugin_checks
from similubot_core.exit_status import DONE, FAILED, WRONG_USAGE
from similubot_core.plugins.making import make_converter, make_downloader
from similubot_core.plugins.specs import Plugins
from similubot_core.render import sanitize_line
from similubot_discord_sink import DiscordSettings


def run(arguments: argparse.Namespace, context: CommandContext) -> int:
    """Run the bot, or (``--check``) print what is missing.

    Returns 0 after SIGTERM or SIGINT, or when nothing is missing; 1 when something is; 2 without
    a token.

    Raises:
        SimilubotError: It cannot run; says why.
    """
    settings = context.settings.table(BotSettings)
    discord_settings = context.settings.table(DiscordSettings)
    if arguments.words:
        if arguments.words[0] != "ctl":
            raise UsageError("There is only `similubot bot ctl VERB`; `ctl help` lists the verbs.")
        print(send(settings.folder, arguments.words[1:]))  # noqa: T201
        return DONE
    if arguments.check:
        return _check(context)
    if not discord_settings.bot_token:
        print(STEPS, file=sys.stderr)  # noqa: T201
        return WRONG_USAGE
    for schema in context.plugins.schemas():
        context.settings.table(schema)  # report a bad value now, not in the first job
    if not context.plugins.all(DownloaderSpec):
        raise UsageError("No downloader is installed; install similubot-mega, or another plugin.")
    _make_stages(allowed_plugins(context.plugins, settings), context.settings)
    known = upload_targets(context.plugins, context.settings, settings)
    os.umask(0o077)  # what it writes is for nobody else
    secrets = _secrets(context)
    forget_environment(secrets)
    close_to_others()
    set_up_logging(secrets, debug=context.debug, file=settings.log_file)
    from similubot_bot.ops.serve import serve

    if arguments.recover:
        print(recover(settings.folder / "jobs.db"), file=sys.stderr)  # noqa: T201
    return asyncio.run(serve(context, settings, discord_settings, known))


def _make_stages(plugins: Plugins, settings: Settings) -> None:
    """Make each stage once, which imports what it needs before the event loop runs. One that cannot
    be made is told, and stops only the jobs that need it.
    """
    makers: list[Callable[[], object]] = [
        *(partial(make_downloader, spec, settings) for spec in plugins.all(DownloaderSpec)),
        *(partial(make_converter, spec, settings) for spec in plugins.all(ConverterSpec)),
    ]
    for make in makers:
        try:
            make()
        except SimilubotError as error:
            print(f"similubot: {error.message}", file=sys.stderr)  # noqa: T201


def _secrets(context: CommandContext) -> list[str]:
    """The values of all settings that are kept out of their `repr`: those are secrets."""
    import dataclasses

    values = []
    for schema in context.plugins.schemas():
        table = context.settings.table(schema)
        for field in dataclasses.fields(table):  # type: ignore[arg-type]
            value: object = getattr(table, field.name)
            if not field.repr and isinstance(value, str):
                values.append(value)
    return values


def _uploads_check(context: CommandContext) -> Check:
    try:
        known = upload_targets(
            context.plugins, context.settings, context.settings.table(BotSettings)
        )
    except SimilubotError as error:
        cure = "Correct [bot] to, or [bot] targets."
        return Check("Uploads", False, error.message, cure)
    return Check("Uploads", True, f"to {known[0]}; people can choose {', '.join(known)}")


def _check(context: CommandContext) -> int:
    """Print what every plugin's checks say; the core reports settings that cannot be read.

    A downloader that people may not use is no matter of the bot's.
    """
    plugins = allowed_plugins(context.plugins, context.settings.table(BotSettings))
    checks = [*plugin_checks(replace(context, plugins=plugins)), _uploads_check(context)]
    for check in checks:
        print(f"{'ok  ' if check.ok else 'LACK'}  {check.name}: {sanitize_line(check.detail, 300)}")  # noqa: T201
        if check.cure and not check.ok:
            print(f"      {sanitize_line(check.cure, 300)}")  # noqa: T201
    return DONE if all(check.ok for check in checks) else FAILED
