"""A job as the bot knows it: who asked for what, where its message is, and what became of it."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Literal


class Outcome(Enum):
    """What a job ended in. The values are what the job list on disk holds."""

    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asked for.

    Attributes:
        user: The id of who asked.
        server: The id of the server where; None in direct messages.
        channel: The id of the channel or thread where.
        source: The link, whole: it may hold a key, so it is neither shown nor logged.
        kind: "link" for one that an installed downloader takes, "attachment" for the address of a
            file that was sent to Discord.
        name: What may be shown of the source; text from outside.
        bitrate: Kilobits per second; None is the converter's default.
        to: The uploader as ``NAME`` or ``NAME=TARGET``.
    """

    user: int
    server: int | None
    channel: int
    source: str = field(repr=False)
    kind: Literal["link", "attachment"]
    name: str
    bitrate: int | None
    to: str


@dataclass(frozen=True, slots=True)
class Ending:
    """What became of a job.

    Attributes:
        outcome: Done, failed or cancelled.
        text: The link when it is done, else the sentence that says why not.
        name: The result's file name; text from outside, "" without a result.
        size: The result's bytes; None without a result.
        duration: Seconds that the result plays; None when that is unknown.
        seconds: How long the job took, from its (last) start; 0 when it never started.
    """

    outcome: Outcome
    text: str
    name: str = ""
    size: int | None = None
    duration: float | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class JobRecord:
    """One job of the list.

    Attributes:
        id: Its number, from 1; never used again.
        asked: What was asked for.
        created: When, in seconds since 1970.
        message: The id of the bot's message about it; None until it is sent.
        started: When it was last begun, in seconds since 1970; None while it waits.
        starts: How often it was begun; more than once after a stop or a crash.
        ending: What became of it; None while it waits or runs.
        shown: Whether its message says how it ended.
    """

    id: int
    asked: Asked
    created: float
    message: int | None = None
    started: float | None = None
    starts: int = 0
    ending: Ending | None = None
    shown: bool = False
