"""The faults that the loopback Catbox can have on request with its next upload."""

import msgspec


class SlowRead(msgspec.Struct, frozen=True, tag="slow_read"):
    """Reads the body at `bytes_per_second`, then answers as usual."""

    bytes_per_second: int


class Stall(msgspec.Struct, frozen=True, tag="stall"):
    """Reads `after_bytes` bytes of the body (None: all of it), then neither reads nor answers.

    The connection stays open until the client closes it or the server ends.
    """

    after_bytes: int | None = None


class Reset(msgspec.Struct, frozen=True, tag="reset"):
    """Reads `after_bytes` bytes of the body (None: all of it), then resets the connection."""

    after_bytes: int | None = None


class Reply(msgspec.Struct, frozen=True, tag="reply"):
    """Answers `status` and `text`, whatever was sent.

    Attributes:
        status: The HTTP status.
        text: The body of the answer.
        headers: Headers of the answer, besides its length.
        after_bytes: Answer and close after this many bytes of the body; None reads all of it first.
        linger: After an early answer, go on reading what comes and drop it, as nginx does, instead
            of closing at once.
        byte_pause: Seconds between two bytes of the answer's body.
    """

    status: int
    text: str = ""
    headers: dict[str, str] = {}
    after_bytes: int | None = None
    linger: bool = False
    byte_pause: float = 0.0


Fault = SlowRead | Stall | Reset | Reply
"""One of them is used up by each upload, in order; without one the upload goes well."""
