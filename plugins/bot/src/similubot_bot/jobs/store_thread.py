"""StoreThread: the job list in a thread of its own; the event loop never waits for a disk."""

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from similubot_bot.i18n import _
from similubot_bot.jobs.database import StoreError
from similubot_bot.jobs.store import Store

_P = ParamSpec("_P")
_T = TypeVar("_T")


class StoreThread:
    """The job list, for any thread. What is asked of it is done one by one, in that order.

    Args:
        path: As for `Store`.

    Raises:
        UsageError: As `Store` does.
    """

    def __init__(self, path: Path) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="job-list")
        try:
            self._store = self._thread.submit(Store, path).result()
        except BaseException:
            self._thread.shutdown()
            raise

    async def do(
        self, method: Callable[Concatenate[Store, _P], _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> _T:
        """Call a method of `Store`, such as ``await thread.do(Store.get, 5)``; in an event loop."""
        return await asyncio.wrap_future(self._submit(method, *args, **kwargs))

    def do_now(
        self, method: Callable[Concatenate[Store, _P], _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> _T:
        """The same, waiting for it: for a job's thread, and before the event loop has work."""
        return self._submit(method, *args, **kwargs).result()

    def close(self) -> None:
        """Do what was asked for, then close the file."""
        self.do_now(Store.close)
        self._thread.shutdown()

    def _submit(
        self, method: Callable[Concatenate[Store, _P], _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> "Future[_T]":
        try:
            return self._thread.submit(functools.partial(method, self._store, *args, **kwargs))
        except RuntimeError as error:  # it was closed: the bot stops, and a command is under way
            raise StoreError(
                _("I am restarting; try again in a minute."), detail="the job list is closed"
            ) from error
