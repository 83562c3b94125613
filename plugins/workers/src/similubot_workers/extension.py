"""What the workers are to the bot: an executor.

Redis's and Dramatiq's modules are imported only where the settings name a Redis: a bot without
workers starts without them.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from similubot_bot import BotExtension, ExecutorContext
from similubot_core import Check, Settings, UsageError
from similubot_workers.settings import WorkersSettings

if TYPE_CHECKING:
    from similubot_workers.executor import RedisExecutor


def make_extension(settings: Settings) -> BotExtension:
    """The executor, where the settings name a Redis.

    Raises:
        UsageError: They name one, and no key.
    """
    table = settings.table(WorkersSettings)
    url, key = table.url, table.key
    if not url:
        return BotExtension("workers")
    if not key:
        raise UsageError("Set [workers] key as well; `similubot workers --new-key` makes one.")

    def make(context: ExecutorContext) -> "RedisExecutor":
        from similubot_workers.executor import RedisExecutor

        return RedisExecutor(url, key, table.queue, context)

    return BotExtension("workers", make_executor=make, local_slots=table.local)


def check(settings: Settings) -> Sequence[Check]:
    """Look whether Redis answers."""
    table = settings.table(WorkersSettings)
    if not table.url:
        return [Check("Workers", True, "none: [workers] url is not set")]
    if not table.key:
        cure = "`similubot workers --new-key` makes one."
        return [Check("Workers", False, "[workers] key is not set", cure)]
    import redis

    from similubot_workers.link import connect

    try:
        client = connect(table.url)
        try:
            client.ping()
        finally:
            client.close()
    except UsageError as error:
        return [Check("Workers", False, error.message, "Correct [workers] url.")]
    except (redis.RedisError, OSError) as error:
        cure = "Look at [workers] url, and whether Redis runs."
        return [Check("Workers", False, f"Redis does not answer ({type(error).__name__})", cure)]
    return [Check("Workers", True, "Redis answers; `similubot workers` lists who is there")]
