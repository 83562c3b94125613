"""A loopback MEGA: the API and encrypted data by ranges, with faults on demand."""

from similubot_loopback.mega_server.server import LoopbackMega, PublicFolder

__all__ = ["LoopbackMega", "PublicFolder"]
