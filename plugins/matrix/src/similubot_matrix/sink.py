"""The sink "matrix": opens a live message on a room's address."""

import re
from collections.abc import Sequence
from functools import partial

from similubot_core import Check, Settings, Sink, SinkContext, UsageError
from similubot_matrix.settings import MatrixSettings

_ADDRESS = re.compile(
    r"(?P<server>https://[\w.:\[\]-]{1,200}|http://(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?)"
    r"/(?P<room>[#!][^\s/:]{1,200}(?::[\w.:\[\]-]{1,200})?)"
)


def parse_address(address: str) -> tuple[str, str]:
    """The server and the room of an address.

    Raises:
        UsageError: It is something else.
    """
    found = _ADDRESS.fullmatch(address.strip())
    if found is None:
        raise UsageError(
            "The sink matrix needs a room's address: your account's server, a slash and the room's "
            "alias or id, such as https://matrix.example.org/!AbC:example.org."
        )
    return found["server"], found["room"]


def open_matrix_sink(context: SinkContext) -> Sink:
    """Open the sink on a room: the target, else the setting `room`.

    Raises:
        UsageError: There is no room or no token.
    """
    settings = context.settings.table(MatrixSettings)
    server, room = parse_address(context.target or settings.room or "")
    if not settings.token or not settings.token.isascii() or not settings.token.isprintable():
        raise UsageError(
            "The sink matrix needs an account's access token in SIMILUBOT_MATRIX_TOKEN or in "
            "[matrix] token; Element shows it under Settings, Help & About."
        )
    from similubot_core.live import LiveSink
    from similubot_core.live.text import job_frame
    from similubot_matrix.target import RoomTarget

    target = RoomTarget(server, room, settings)
    frames = partial(job_frame, title=context.title)
    return LiveSink(target, frames, settings.update_interval, let_go=target.aclose)


def check_matrix(settings: Settings) -> Sequence[Check]:
    """What `similubot doctor` says of the sink; looks at no network."""
    table = settings.table(MatrixSettings)
    if not table.token:
        return [Check("Matrix account", True, "no token in the settings")]
    try:
        server, room = parse_address(table.room) if table.room else ("", "")
    except UsageError as error:
        return [Check("Matrix account", False, "room is no room's address", error.message)]
    where = f", writing to {room} by {server}" if table.room else ""
    return [Check("Matrix account", True, f"a token in the settings{where}")]
