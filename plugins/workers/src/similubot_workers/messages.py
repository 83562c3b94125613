"""What the bot and its workers tell each other: typed, with a version, and sealed.

Everything that goes through Redis is one of these messages, encrypted and signed with the key that
both sides have in their settings: who only reaches Redis can neither read a link nor invent an
outcome.
"""

from collections.abc import Mapping
from typing import TypeVar

import msgspec
from cryptography.fernet import Fernet, InvalidToken

from similubot_bot import JobOutcome, JobTask
from similubot_bot.jobs.executor import TASK_VERSION
from similubot_core import ProgressInfo, UsageError
from similubot_workers import __version__

WIRE_VERSION = 1
"""The version of the messages of this module."""

VERSION = f"{WIRE_VERSION}.{TASK_VERSION}"
"""What both sides must have in common."""

TASK_SECONDS = 300
"""How old a task may be when a worker opens it: who finds it later in Redis cannot have it run."""


class Attempt(msgspec.Struct, frozen=True):
    """Which attempt a message is about.

    Attributes:
        bot: The id of the bot's data folder: two bots' jobs may have the same numbers.
        job: The job's number.
        attempt: Which attempt it is, from 1.
    """

    bot: str
    job: int
    attempt: int


class Task(msgspec.Struct, frozen=True, tag=True):
    """To a worker: carry this out."""

    bot: str
    task: JobTask


class Cancel(msgspec.Struct, frozen=True, tag=True):
    """To a worker: end this attempt as cancelled; it may also be one that no longer counts."""

    about: Attempt


class Taken(msgspec.Struct, frozen=True, tag=True):
    """To a worker: the bot has noted how this attempt ended; nobody asks for it again."""

    about: Attempt


class SayAgain(msgspec.Struct, frozen=True, tag=True):
    """To all workers: a bot listens anew; say what you do, and how far it is."""


Order = Cancel | Taken | SayAgain


class Beat(msgspec.Struct, frozen=True, tag=True):
    """From a worker, every few seconds: it lives, and this is all that it does.

    Attributes:
        worker: The worker's id: its machine's name, and what tells this process from others.
        slots: How many jobs it carries at once; 0 while it takes none.
        plugins: What it can do, such as "downloader mega".
        running: The attempts that it carries.
        ended: Those that have ended, and whose ending the bot has not noted yet.
        clock: Its time, in seconds since 1970.
        leaves: Whether it is the last one: the worker is gone.
    """

    worker: str
    slots: int
    plugins: tuple[str, ...]
    running: tuple[Attempt, ...]
    ended: tuple[Attempt, ...]
    clock: float
    leaves: bool = False


class State(msgspec.Struct, frozen=True, tag=True):
    """From a worker: the newest state of an operation."""

    about: Attempt
    info: ProgressInfo


class Ending(msgspec.Struct, frozen=True, tag=True):
    """From a worker: how an attempt ended; without an outcome it is given back."""

    about: Attempt
    outcome: JobOutcome | None
    disk_full: bool = False


News = Beat | State | Ending


class Presence(msgspec.Struct, frozen=True, tag=True):
    """From the bot, every few seconds: it lives.

    Attributes:
        bot: The id of its data folder.
        refused: For each worker that gets no jobs, the sentence that says why.
    """

    bot: str
    refused: dict[str, str]


A_TASK = msgspec.json.Decoder(Task)
AN_ORDER: msgspec.json.Decoder[Order] = msgspec.json.Decoder(Order)
SOME_NEWS: msgspec.json.Decoder[News] = msgspec.json.Decoder(News)
A_BEAT = msgspec.json.Decoder(Beat)
AN_ENDING = msgspec.json.Decoder(Ending)
A_PRESENCE = msgspec.json.Decoder(Presence)
"""What `Seal.open` is to find."""


class _Envelope(msgspec.Struct, frozen=True):
    """What no version changes, so that each can tell what another one is.

    Attributes:
        version: The sender's `VERSION`.
        package: The sender's version of this package, for people.
        sender: Its id.
        body: The message.
    """

    version: str
    package: str
    sender: str
    body: msgspec.Raw


_AN_ENVELOPE = msgspec.json.Decoder(_Envelope)


class SealError(Exception):
    """A message cannot be opened: it has another key, is too old, or is none."""


class OtherVersionError(Exception):
    """A message comes from another version.

    Attributes:
        sender: Whose it is.
        package: Which version of similubot-workers that is.
    """

    def __init__(self, sender: str, package: str) -> None:
        super().__init__(f"{sender} runs similubot-workers {package}, not {__version__}")
        self.sender = sender
        self.package = package


class Sealed(msgspec.Struct, frozen=True):
    """An opened message's sender.

    Attributes:
        sender: Its id.
        package: Its version of this package; text from outside.
    """

    sender: str
    package: str


MessageT = TypeVar("MessageT")


class Seal:
    """Seals messages, and opens them. Any thread.

    Args:
        key: What ``similubot workers --new-key`` made.
        sender: Whose messages it seals.

    Raises:
        UsageError: That is no such key.
    """

    def __init__(self, key: str, sender: str) -> None:
        try:
            self._fernet = Fernet(key.encode("ascii", "replace"))
        except ValueError as error:
            raise UsageError(
                "[workers] key is no key; `similubot workers --new-key` makes one."
            ) from error
        self._sender = sender

    def close(self, message: msgspec.Struct) -> bytes:
        """Seal a message."""
        body = msgspec.Raw(msgspec.json.encode(message, enc_hook=_plain))
        envelope = _Envelope(VERSION, __version__, self._sender, body)
        return self._fernet.encrypt(msgspec.json.encode(envelope))

    def open(
        self,
        sealed: bytes,
        kind: "msgspec.json.Decoder[MessageT]",
        seconds: int | None = None,
    ) -> tuple[MessageT, Sealed]:
        """Open a message.

        Args:
            sealed: What `close` returned, on either side.
            kind: What it is to be.
            seconds: How old it may be; None is any age.

        Raises:
            SealError: It has another key, is older, or is something else.
            OtherVersionError: It comes from another version.
        """
        try:
            text = self._fernet.decrypt(sealed, ttl=seconds)
            envelope = _AN_ENVELOPE.decode(text)
            if envelope.version != VERSION:
                raise OtherVersionError(envelope.sender, envelope.package)
            message = kind.decode(envelope.body)
        except (InvalidToken, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise SealError from error
        return message, Sealed(envelope.sender, envelope.package)


def _plain(value: object) -> object:
    """The details of a state are a read-only view of a dict."""
    if isinstance(value, Mapping):
        return dict(value)
    raise NotImplementedError
