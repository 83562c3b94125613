"""The log as the command line shows it: a line on stderr for each warning, and no secret."""

import logging

from similubot_core.redact import redact
from similubot_core.render import sanitize_line


class _OneLine(logging.Formatter):
    """A log record as one line, an exception as its name and text."""

    def format(self, record: logging.LogRecord) -> str:
        error = record.exc_info[1] if record.exc_info else None
        told = f" ({type(error).__name__}: {error})" if error is not None else ""
        return f"similubot: {sanitize_line(redact(record.getMessage() + told), 2000)}"


class _Everything(logging.Formatter):
    """A log record with its time and its traceback."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def set_up_logging(*, debug: bool) -> None:
    """Warnings as one line each on stderr; with ``--debug`` everything, with tracebacks.

    Of other people's libraries the debug level stays out: it has whole requests, tokens and all.
    """
    handler = logging.StreamHandler()
    handler.addFilter(lambda r: r.levelno >= logging.INFO or r.name.startswith("similubot"))
    handler.setFormatter(_Everything() if debug else _OneLine())
    logging.basicConfig(level=logging.DEBUG if debug else logging.WARNING, handlers=[handler])
