"""The log: job numbers on every line, secrets on none, a file that does not grow for ever."""

import logging
import logging.handlers
import re
from collections.abc import Collection
from contextvars import ContextVar
from pathlib import Path

from similubot_core import SettingsError
from similubot_core.redact import keep_secret, redact

job_number: ContextVar[int | None] = ContextVar("job_number", default=None)
"""The job that the present task or thread works on; None is none."""

FILE_BYTES = 10 * 1024 * 1024
OLDER_FILES = 5

# What an interaction or a webhook is answered with, which may be short in a test's Discord.
_DISCORD_TOKEN = re.compile(r"(/(?:webhooks|interactions)/\d{1,20}/)[\w.~-]+")


class SafeFormatter(logging.Formatter):
    """Lines with the job's number, in which nothing secret is left.

    Args:
        secrets: Texts that are never to appear, such as the token.
    """

    def __init__(self, secrets: Collection[str]) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s%(job)s: %(message)s")
        for secret in secrets:
            keep_secret(secret)

    def format(self, record: logging.LogRecord) -> str:
        """The whole record, traceback included, with the secrets cut."""
        number = job_number.get()
        record.job = "" if number is None else f" [job {number}]"
        return redact(_DISCORD_TOKEN.sub(r"\1…", super().format(record)))


def _calmer(record: logging.LogRecord) -> bool:
    """A connection that is lost and made again is a line, not an error with a traceback."""
    if record.getMessage().startswith("Attempting a reconnect"):
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        record.exc_info = None
    return True


def set_up_logging(secrets: Collection[str], *, debug: bool, file: Path | None) -> None:
    """Log on stderr from INFO on (with `debug` everything), and into `file` where one is given.

    Raises:
        SettingsError: The file cannot be written.
    """
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    if file is not None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            handlers.append(
                logging.handlers.RotatingFileHandler(
                    file, maxBytes=FILE_BYTES, backupCount=OLDER_FILES, encoding="utf-8"
                )
            )
        except OSError as error:
            raise SettingsError(
                f"The log file {file} cannot be written: {error.strerror}; name another one."
            ) from error
    for handler in handlers:
        handler.setFormatter(SafeFormatter(secrets))
    logging.basicConfig(
        level=logging.DEBUG if debug else logging.INFO, handlers=handlers, force=True
    )
    logging.getLogger("discord.client").addFilter(_calmer)
    if not debug:
        # These tell every request and every resumed session.
        for name in ("discord.http", "aiohttp.access", "urllib3"):
            logging.getLogger(name).setLevel(logging.WARNING)
