"""A loopback Matrix: rooms, messages and their edits, with Synapse's limits and errors."""

from similubot_loopback.matrix_server.server import LoopbackMatrix, Message, Request, Room

__all__ = ["LoopbackMatrix", "Message", "Request", "Room"]
