"""A job as the bot knows it: the request, where its message is, and its outcome."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

SourceKind = Literal["link", "attachment"]
"""A link that an installed downloader accepts, or the address of a file on Discord."""


class JobStatus(Enum):
    """How a job ended. The values are what the job list on disk holds."""

    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class JobRequest:
    """A request for one job, checked.

    Attributes:
        user: The id of the user who made it.
        server: The id of the server; None in direct messages.
        channel: The id of the channel or thread.
        source: The whole link. It may hold a key, so it is neither shown nor logged.
        kind: What `source` is.
        name: What may be shown of the source; text from outside.
        bitrate: Kilobits per second; None is the converter's default.
        to: The uploader as ``NAME`` or ``NAME=TARGET``.
        format: The name of the format of the result; None is the default.
        private: Whether only the requester is to see the result.
        message: The id of the message that made the request; None where there is none, or it holds
            no request, such as an interaction.
        locale: The requester's language, such as "de".
        size: The source's bytes; None while they are not known.
        keep_damaged: Whether what there is of a damaged source is wanted as a result.
    """

    user: int
    server: int | None
    channel: int
    source: str = field(repr=False)
    kind: SourceKind
    name: str
    bitrate: int | None
    to: str
    format: str | None = None
    private: bool = False
    message: int | None = None
    locale: str = "en"
    size: int | None = None
    keep_damaged: bool = False


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """How a job ended, and with what.

    Attributes:
        status: Done, failed or cancelled.
        text: The link when it is done, else a sentence that says why not.
        name: The result's file name; text from outside, "" without a result.
        size: The result's bytes; None without a result.
        duration: Seconds that the result plays; None when that is unknown.
        seconds: How long the last attempt took; 0 when there was none.
        damaged: Whether it failed since the source is damaged, and a part of it could be kept.
        note: What people should know of the result besides; "" mostly.
    """

    status: JobStatus
    text: str
    name: str = ""
    size: int | None = None
    duration: float | None = None
    seconds: float = 0.0
    damaged: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class JobRecord:
    """One job of the list.

    Attributes:
        id: Its number, from 1; never used again.
        request: What was asked for, and by whom.
        created: When, in seconds since 1970.
        message: The id of the bot's message about it; None until it is sent.
        message_channel: The channel of that message; None is the request's.
        started: When its last attempt started, in seconds since 1970; None while it waits.
        attempts: How many attempts were started; more than one after a stop or a crash.
        outcome: How it ended; None while it waits or runs.
        shown: Whether its message says how it ended.
    """

    id: int
    request: JobRequest
    created: float
    message: int | None = None
    message_channel: int | None = None
    started: float | None = None
    attempts: int = 0
    outcome: JobOutcome | None = None
    shown: bool = False
