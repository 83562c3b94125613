"""A loopback Discord: REST and gateway for the real client, with faults on demand."""

from similubot_loopback.discord_server.interactions import Interaction, OptionValue
from similubot_loopback.discord_server.limits import Fault
from similubot_loopback.discord_server.messages import Edit, Message
from similubot_loopback.discord_server.rest import Request
from similubot_loopback.discord_server.server import LoopbackDiscord
from similubot_loopback.discord_server.state import Webhook
from similubot_loopback.discord_server.world import Channel, Guild, Role, User

__all__ = [
    "Channel",
    "Edit",
    "Fault",
    "Guild",
    "Interaction",
    "LoopbackDiscord",
    "Message",
    "OptionValue",
    "Request",
    "Role",
    "User",
    "Webhook",
]
