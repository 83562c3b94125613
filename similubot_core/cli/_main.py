"""The `similubot` command line: finds the plugins, then runs the command that was typed."""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from similubot_core import __version__
from similubot_core.errors import Cancelled, SimilubotError, UsageError, user_message
from similubot_core.exit_status import CANCELLED, DONE, FAILED, WRONG_USAGE
from similubot_core.plugins.manager import load_from_environment
from similubot_core.plugins.specs import CommandContext, CommandSpec, Plugins


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    0 done, 1 failed, 2 wrong usage, 130 cancelled. Errors are one sentence on stderr; a traceback
    comes only with ``--debug``.

    Args:
        argv: The words after the program's name; None takes them from the process.
    """
    return _main(sys.argv[1:] if argv is None else list(argv))


def _main(arguments: list[str]) -> int:
    debug = "--debug" in _own(arguments)
    _prepare_streams()
    try:
        status = _run(arguments)
        sys.stdout.flush()
        return status
    except Cancelled as error:
        return _tell(error.message, CANCELLED, debug, error.detail)
    except UsageError as error:
        return _tell(error.message, WRONG_USAGE, debug, error.detail)
    except SimilubotError as error:
        return _tell(error.message, FAILED, debug, error.detail)
    except KeyboardInterrupt as error:
        return _tell(user_message(error), CANCELLED, debug)
    except Exception as error:  # noqa: BLE001  (the last one to turn it into a sentence)
        if isinstance(error, BrokenPipeError) and _reader_is_gone():
            # As with `| head`: nothing is left to tell it.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return FAILED
        return _tell(user_message(error), FAILED, debug)


def _prepare_streams() -> None:
    """A stream that is closed (`>&-`) takes everything; a path of any bytes can be printed."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    reconfigure = getattr(sys.stdout, "reconfigure", None)  # not where a test has put its own
    if reconfigure is not None:
        reconfigure(errors="surrogateescape")


def _reader_is_gone() -> bool:
    """Whether nobody reads stdout any more; else a broken pipe was somewhere else."""
    import select

    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0))


def _run(arguments: list[str]) -> int:
    common = _common_options()
    own = _own(arguments)
    options, rest = common.parse_known_args(own)
    rest += arguments[len(own) :]
    if rest[:1] == ["--version"]:
        print(f"similubot {__version__}")  # noqa: T201
        return DONE
    if not rest or rest[0] in ("-h", "--help"):
        plugins = load_from_environment(none=options.no_plugins, hooks=("similubot_commands",))
        print(_help(common, plugins))  # noqa: T201
        return DONE if rest else WRONG_USAGE
    return _run_command(common, options, rest)


def _run_command(
    common: argparse.ArgumentParser, options: argparse.Namespace, words: list[str]
) -> int:
    from pathlib import Path  # these, because `--help` needs none of them

    from similubot_core.cli._console_log import set_up_logging
    from similubot_core.plugins.choice import CoreSettings
    from similubot_core.process import set_sandbox
    from similubot_core.settings import Settings

    set_up_logging(debug=options.debug)
    plugins = load_from_environment(none=options.no_plugins)
    commands = {spec.name: spec for spec in plugins.all(CommandSpec)}
    name, *typed = words
    if name not in commands:
        plugins.get(CommandSpec, name)  # says which there are
    spec = commands[name]
    parser = _Parser(
        prog=f"similubot {name}", description=spec.summary, parents=[common], allow_abbrev=False
    )
    spec.configure(parser)
    try:
        parsed, unknown = parser.parse_known_args(typed)
    except SystemExit as ending:  # argparse has said what is wrong, or shown the help
        return WRONG_USAGE if ending.code else DONE
    if unknown:
        from similubot_core.render import nearest, sanitize_line

        options_there = [o for action in parser._actions for o in action.option_strings]
        word = unknown[0].partition("=")[0]
        raise UsageError(
            f"Unrecognized arguments: {sanitize_line(' '.join(unknown))}"
            f"{nearest(word, options_there) or ';'} {parser.prog} --help says more."
        )
    config = None if options.config is None else Path(options.config)
    tables = [schema.table_name for schema in plugins.schemas()]
    # A copy of the environment: the bot takes what is secret out of its own once it has started.
    settings = Settings(config, dict(os.environ), search_default_paths=True, tables=tables)
    set_sandbox(lambda: settings.table(CoreSettings).sandbox)
    if name not in ("plugins", "doctor"):  # which tell it themselves
        _warn_of_broken(plugins)
    return spec.run(parsed, CommandContext(plugins, settings, options.debug))


class _Parser(argparse.ArgumentParser):
    """A parser whose complaint is one sentence like every other error's."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print together with the usage."""
        raise UsageError(f"{message[:1].upper()}{message[1:]}; {self.prog} --help says more.")


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """With a width of ours argparse need not import `shutil` and its packers to find one."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_width())


def _own(arguments: list[str]) -> list[str]:
    """The arguments before ``--``; what follows belongs to a watched command."""
    return arguments[: arguments.index("--")] if "--" in arguments else arguments


def _common_options() -> argparse.ArgumentParser:
    """The options that may stand before or after the command's name."""
    common = _Parser(
        prog="similubot", add_help=False, allow_abbrev=False, formatter_class=_HelpFormatter
    )
    common.add_argument("--config", metavar="FILE", help="settings that win over others")
    common.add_argument("--no-plugins", action="store_true", help="load no plugin at all")
    common.add_argument("--debug", action="store_true", help="show tracebacks and the log")
    return common


def _help(common: argparse.ArgumentParser, plugins: Plugins) -> str:
    commands = plugins.all(CommandSpec)
    width = max(len(spec.name) for spec in commands)
    listed = "\n".join(f"  {spec.name.ljust(width)}  {spec.summary}" for spec in commands)
    parser = argparse.ArgumentParser(
        prog="similubot",
        usage="similubot [options] COMMAND …",
        description="Any tracker, any sink: live progress of downloads, conversions and uploads.",
        epilog=f"commands (similubot COMMAND --help says more):\n{listed}",
        formatter_class=_HelpFormatter,
        parents=[common],
    )
    parser.add_argument("--version", action="store_true", help="show the version")
    return parser.format_help().rstrip()


def _warn_of_broken(plugins: Plugins) -> None:
    """Name what is not there although it is installed, before somebody wonders."""
    import logging

    for record in plugins.records:
        if record.status not in ("ok", "disabled"):
            logging.getLogger(__name__).warning(
                "The plugin %s is %s: %s", record.name, record.status, record.reason
            )


def _width() -> int:
    """How many columns the help may take."""
    try:
        return int(os.environ.get("COLUMNS", "")) or 80
    except ValueError:
        pass
    try:
        return os.get_terminal_size().columns or 80
    except OSError:  # not a terminal
        return 80


def _tell(sentence: str, status: int, debug: bool, detail: str = "") -> int:
    from similubot_core.redact import redact  # only where there is something to report
    from similubot_core.render import sanitize_line

    if debug:
        import traceback

        print(redact(f"{traceback.format_exc()}{detail}").rstrip(), file=sys.stderr)  # noqa: T201
    print(f"similubot: {sanitize_line(redact(sentence), 2000)}", file=sys.stderr)  # noqa: T201
    return status


if __name__ == "__main__":
    sys.exit(main())
