"""The target "discord": the result goes into the job's message where it fits, else to a host."""

from collections.abc import Callable
from pathlib import Path

from similubot_core import StageContext, Uploader

NAME = "discord"
"""What people call it."""

Attach = Callable[[int, Path, StageContext], str | None]
"""Puts a file into the message of a job, from the job's thread; returns its address, or None where
the file does not fit or may not be attached."""


class DiscordUploader:
    """Attaches a file to its job's message, or has another uploader bring it to a host.

    Args:
        job: The job's number.
        attach: Attaches it.
        host: Takes what does not fit into Discord.
    """

    def __init__(self, job: int, attach: Attach, host: Uploader) -> None:
        self._job = job
        self._attach = attach
        self._host = host

    def run(self, file: Path, context: StageContext) -> str:
        """Bring the file to people; returns its address.

        Raises:
            StageError: It fits nowhere; with the sentence for the user.
            Cancelled: The token was set.
        """
        return self._attach(self._job, file, context) or self._host.run(file, context)
