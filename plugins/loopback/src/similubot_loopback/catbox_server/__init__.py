"""A loopback Catbox and Litterbox: uploads at constant memory, with faults on demand."""

from similubot_loopback.catbox_server.server import LoopbackCatbox, ReceivedRequest

__all__ = ["LoopbackCatbox", "ReceivedRequest"]
