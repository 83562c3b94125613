"""The threads that call callbacks: two for all of them, and one more for each that takes long."""

import atexit
import heapq
import itertools
import logging
import os
import threading
import time

from similubot_core.progress._feed import Feed, all_feeds

logger = logging.getLogger(__name__)

LONG_SECONDS = 0.03
"""A callback that takes longer than this gets a thread of its own, until it is quick again."""
SUSPICIOUS_SECONDS = 0.01
"""The same, within a second after another one was found: several often hang for one reason."""
EXIT_SECONDS = 5.0
"""How long the end of the program waits for callbacks to take the last states."""
IDLE_SECONDS = 0.2
TURN_SECONDS = 0.02


class _Worker(threading.Thread):
    """One thread, and what it is at. Only that thread writes; others read."""

    def __init__(self, threads: "CallbackThreads", feed: Feed | None = None) -> None:
        super().__init__(name="similubot-callbacks", daemon=True)
        self.threads = threads
        self.feed = feed
        self.since: float | None = None
        self.process = os.getpid()

    def run(self) -> None:
        """Serve one feed, or watch and lead."""
        if self.feed is not None:
            self.threads.serve_slow(self, self.feed)
        else:
            self.threads.serve_all(self)


class CallbackThreads:
    """Serves feeds when they are due, so that no callback holds up another.

    One thread, the leader, calls the callbacks of all feeds in turn. Another watches it: when a
    call does not return, the watcher becomes the leader, and the old one stays with that callback
    alone. So it takes two threads, however many operations and callbacks there are, and one more
    for each callback that is slow or hangs. All are daemons, and end when nothing is under way.
    """

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self.begin_anew()

    def begin_anew(self) -> None:
        """Have no threads, as in a forked child."""
        self._lock = threading.Lock()
        self._due = threading.Condition(self._lock)
        self._watch = threading.Condition(self._lock)
        self._heap: list[tuple[float, int, Feed]] = []
        self._scheduled: dict[Feed, float] = {}
        self._served: set[Feed] = set()
        self._leader: _Worker | None = None
        self._watcher: _Worker | None = None
        self._waits_until = 0.0
        self._suspicious_until = 0.0

    def wake(self, feed: Feed, at: float) -> None:
        """Serve the feed at that time, or earlier. Any thread; never waits for a callback."""
        with self._lock:
            # One that is served now is asked afterwards when it is due.
            if feed not in self._served and self._schedule(feed, at):
                self._start_threads()
                if at < self._waits_until:
                    self._due.notify()

    def _schedule(self, feed: Feed, at: float) -> bool:
        if self._scheduled.get(feed, at + 1.0) <= at:
            return False
        self._scheduled[feed] = at
        heapq.heappush(self._heap, (at, next(self._numbers), feed))
        return True

    def _start_threads(self) -> None:
        if self._leader is None:
            self._leader = _Worker(self)
            if not _start(self._leader):
                self._leader = None
        if self._watcher is None and self._leader is not None:
            self._watcher = _Worker(self)
            if not _start(self._watcher):
                self._watcher = None

    # -- in the threads -------------------------------------------------------------------------

    def serve_all(self, worker: _Worker) -> None:
        """Lead, or watch until it is time to lead."""
        if worker is not self._leader and not self._becomes_leader(worker):
            return
        while (feed := self._next_feed(worker)) is not None:
            self._serve(worker, feed)
            if worker.process != os.getpid():
                return  # a callback forked, and this is the child
            with self._lock:
                self._put_back(feed)
                if self._leader is not worker:
                    return

    def _next_feed(self, worker: _Worker) -> Feed | None:
        """The feed that is due next; None when there has been none for a while."""
        idle_until = time.monotonic() + IDLE_SECONDS
        with self._lock:
            while True:
                now = time.monotonic()
                if self._heap and self._scheduled.get(self._heap[0][2]) != self._heap[0][0]:
                    heapq.heappop(self._heap)  # it was scheduled anew
                    continue
                if self._heap and self._heap[0][0] <= now:
                    _, _, feed = heapq.heappop(self._heap)
                    del self._scheduled[feed]
                    self._served.add(feed)
                    if feed.slow and _start(_Worker(self, feed)):
                        continue
                    self._waits_until = 0.0
                    return feed
                if self._heap:
                    idle_until = now + IDLE_SECONDS
                    self._waits_until = self._heap[0][0]
                elif now < idle_until:
                    self._waits_until = idle_until
                else:
                    self._leader = None
                    self._watch.notify()
                    return None
                self._due.wait(self._waits_until - now)

    def _serve(self, worker: _Worker, feed: Feed) -> float:
        """Show what the feed has now; returns how long the longest call took."""
        longest = 0.0
        turn_ends = time.monotonic() + TURN_SECONDS
        worker.feed = feed
        while (info := feed.take(feed.clock())) is not None:
            began = worker.since = time.monotonic()
            feed.call(info)
            worker.since = None
            if worker.process != os.getpid():
                break
            now = time.monotonic()
            longest = max(longest, now - began)
            if now > turn_ends and self._leader is worker:
                break  # others are due too
        return longest

    def _put_back(self, feed: Feed) -> None:
        self._served.discard(feed)
        due = feed.due()
        if due is not None and self._schedule(feed, due):
            self._start_threads()
            if due < self._waits_until:
                self._due.notify()

    def serve_slow(self, worker: _Worker, feed: Feed) -> None:
        """Serve one feed in a thread of its own, as long as it has something."""
        longest = self._serve(worker, feed)
        if worker.process == os.getpid():
            feed.slow = longest > LONG_SECONDS
            with self._lock:
                self._put_back(feed)

    def _becomes_leader(self, worker: _Worker) -> bool:
        """Watch the leader until it hangs in a callback (True), or is gone (False)."""
        with self._lock:
            while True:
                suspicious = time.monotonic() < self._suspicious_until
                patience = SUSPICIOUS_SECONDS if suspicious else LONG_SECONDS
                self._watch.wait(patience)
                leader = self._leader
                if leader is None or worker.process != os.getpid():
                    self._watcher = None
                    return False
                since, now = leader.since, time.monotonic()
                if since is not None and now - since > patience:
                    self._leader, self._watcher = worker, None
                    self._suspicious_until = now + 1.0
                    self._start_threads()
                    break
        feed = leader.feed
        if feed is not None:
            feed.mark_slow()
            logger.info("Callback %r takes long; it now has a thread of its own.", feed.write)
        return True

    def finish(self, deadline: float) -> None:
        """At the end of the program: have the last states shown, until then at most."""
        for feed in all_feeds():
            if self._leader is None and feed in self._scheduled:
                self._serve(_Worker(self), feed)  # no thread could be started
            feed.wait(max(0.0, deadline - time.monotonic()), even_if_slow=True)


def _start(worker: _Worker) -> bool:
    try:
        worker.start()
    except RuntimeError:  # no thread is to be had now: a later wake tries again
        return False
    return True


def is_callback_thread() -> bool:
    """Whether a callback is being called in this very thread."""
    return isinstance(threading.current_thread(), _Worker)


shared = CallbackThreads()
"""Those that call all plain callbacks and paced sinks."""


@atexit.register
def _finish() -> None:
    """The threads are daemons, so this is bounded."""
    shared.finish(time.monotonic() + EXIT_SECONDS)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=shared.begin_anew)
