"""Live messages: one message of a service that is kept true, within the service's limits.

A sink for a messenger gives a `Target` (how a message is sent and edited, what the service allows
and what its errors mean) and a function that renders a frame; `LiveMessage` does the rest.
`LiveSink` makes a sink of both, `LiveProgress` a message in a program's own event loop.
"""

from typing import TYPE_CHECKING

from similubot_core.lazy import lazy_names

if TYPE_CHECKING:
    from similubot_core.live._queue import SharedLimit
    from similubot_core.live.message import Action, Frame, LiveMessage, Target, Verdict
    from similubot_core.live.operations import Operations, OperationState
    from similubot_core.live.progress import LiveProgress
    from similubot_core.live.sink import LiveSink

__all__ = [
    "Action",
    "Frame",
    "LiveMessage",
    "LiveProgress",
    "LiveSink",
    "OperationState",
    "Operations",
    "SharedLimit",
    "Target",
    "Verdict",
]

__getattr__ = lazy_names(
    __name__,
    {
        "Action": "message",
        "Frame": "message",
        "LiveMessage": "message",
        "LiveProgress": "progress",
        "LiveSink": "sink",
        "OperationState": "operations",
        "Operations": "operations",
        "SharedLimit": "_queue",
        "Target": "message",
        "Verdict": "message",
    },
)
