"""A loopback Telegram: the Bot API's messages, with its limits and errors."""

from similubot_loopback.telegram_server.markup import Entity
from similubot_loopback.telegram_server.server import Chat, LoopbackTelegram, Message, Request

__all__ = ["Chat", "Entity", "LoopbackTelegram", "Message", "Request"]
