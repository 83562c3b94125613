"""A loopback MEGA: the API and encrypted data by ranges, with faults on demand."""

from similubot_testkit.mega_server.server import LoopbackMega, PublicFolder

__all__ = ["LoopbackMega", "PublicFolder"]
