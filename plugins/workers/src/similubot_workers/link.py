"""The way to Redis: the names of what lies there, a connection, and an ear for what is said."""

import logging
import threading
import time
from collections.abc import Callable

import redis
from dramatiq import Message
from dramatiq.brokers.redis import RedisBroker

from similubot_core import UsageError

logger = logging.getLogger(__name__)

WAIT_SECONDS = 5.0
"""How long an answer of Redis may take."""

AGAIN_SECONDS = 1.0
"""How long to wait before Redis is tried again."""

PING_SECONDS = 2.0
DEAF_SECONDS = 10.0
"""Who hears nothing for so long, not even an answer to a ping, connects anew."""

ALIVE_SECONDS = 15
"""How long Redis keeps what says that somebody lives."""

KEPT_SECONDS = 7 * 86_400
"""How long Redis keeps endings and fences, of which nobody has heard since."""

_ACTOR = "similubot"


class Names:
    """The names of what lies in Redis, and of the channels.

    Args:
        queue: The name under which a bot and its workers find each other.
    """

    def __init__(self, queue: str) -> None:
        self.prefix = f"similubot:{queue}"
        self.bot = f"{self.prefix}:bot"
        """Says that the bot lives: a `Presence`."""
        self.news = f"{self.prefix}:news"
        """The channel that the bot hears."""
        self.orders = f"{self.prefix}:orders"
        """The channel that all workers hear."""

    def orders_of(self, worker: str) -> str:
        """The channel that one worker hears."""
        return f"{self.prefix}:orders:{worker}"

    def worker(self, worker: str) -> str:
        """Says that a worker lives: its last `Beat`."""
        return f"{self.prefix}:worker:{worker}"

    def attempts(self, bot: str) -> str:
        """The fence: for each job, the attempt that counts."""
        return f"{self.prefix}:attempts:{bot}"

    def endings(self, bot: str) -> str:
        """For each job that has ended, its `Ending`, until the bot has noted it."""
        return f"{self.prefix}:endings:{bot}"


def connect(url: str) -> redis.Redis:
    """A client that any thread may use; it connects when it is used.

    Raises:
        UsageError: That is no address of Redis.
    """
    try:
        return redis.Redis.from_url(
            url,
            socket_timeout=WAIT_SECONDS,
            socket_connect_timeout=WAIT_SECONDS,
            socket_keepalive=True,
            health_check_interval=15,
            client_name="similubot",
        )
    except ValueError as error:
        raise UsageError(
            "[workers] url is no address of Redis; write redis://, rediss:// (with TLS) or "
            "unix://, such as redis://:PASSWORD@redis.example:6379/0."
        ) from error


def broker(client: redis.Redis, names: Names) -> RedisBroker:
    """Dramatiq's queues in Redis, one for each worker, named by its id."""
    return RedisBroker(  # type: ignore[no-untyped-call]
        client=client, namespace=names.prefix, middleware=[]
    )


def task_message(worker: str, sealed: bytes) -> "Message[None]":
    """A sealed task, for a worker's queue."""
    return Message(worker, _ACTOR, (sealed.decode("ascii"),), {}, {})


class Ear(threading.Thread):
    """Hears channels of Redis, and goes on with it when Redis was away.

    Args:
        client: The connection.
        channels: Their names.
        take: Called with what is said, in this thread.
        linked: Called, in this thread, with True when everything that is said from now on is
            heard, and with False when that is over.
    """

    def __init__(
        self,
        client: redis.Redis,
        channels: tuple[str, ...],
        take: Callable[[bytes], None],
        linked: Callable[[bool], None],
    ) -> None:
        super().__init__(name="redis-ear", daemon=True)
        self._client = client
        self._channels = channels
        self._take = take
        self._linked = linked
        self._closed = threading.Event()

    def close(self) -> None:
        """Hear nothing more."""
        self._closed.set()

    def run(self) -> None:
        """Hear, until `close`."""
        while not self._closed.is_set():
            try:
                with self._client.pubsub() as pubsub:  # type: ignore[no-untyped-call]
                    pubsub.subscribe(*self._channels)
                    self._hear(pubsub)
            except (redis.RedisError, OSError) as error:
                self._linked(False)
                logger.debug("Redis does not talk: %s", type(error).__name__)
                self._closed.wait(AGAIN_SECONDS)

    def _hear(self, pubsub: "redis.client.PubSub") -> None:
        awaited = len(self._channels)
        heard = pinged = time.monotonic()
        while not self._closed.is_set():
            said = pubsub.get_message(timeout=0.5)
            now = time.monotonic()
            if said is not None:
                heard = now
                if said["type"] == "subscribe":
                    awaited -= 1
                    if not awaited:
                        self._linked(True)
                elif said["type"] == "message":
                    self._take(said["data"])
            if now - heard > DEAF_SECONDS:
                raise redis.ConnectionError("nothing is heard")
            if now - pinged >= PING_SECONDS:
                pinged = now
                pubsub.ping()
