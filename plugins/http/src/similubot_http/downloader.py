"""HttpDownloader: a plain link to a media file in, the file out."""

from pathlib import Path

from similubot_core import CountingTracker, StageContext, StageError
from similubot_http._fetch import FetchLimits, fetch
from similubot_http.guard import AddressGuard
from similubot_http.session import CancellableSession
from similubot_http.settings import HttpSettings


class HttpDownloader:
    """Downloads a file by its address.

    Args:
        settings: The table [http].
        operation: The name of its operation.
        name: The name that files get, made safe; None is what the server says.
        limits: Waiting times and the number of attempts; None takes them from the settings.
        refuse_pages: Whether an HTML page is refused.
        gone: The sentence for a file that is not there; None names the host.
        size: The file's bytes, where they are known; None is unknown.
    """

    def __init__(
        self,
        settings: HttpSettings | None = None,
        *,
        operation: str = "Download",
        name: str | None = None,
        limits: FetchLimits | None = None,
        refuse_pages: bool = True,
        gone: str | None = None,
        size: int | None = None,
    ) -> None:
        self._settings = settings or HttpSettings()
        self._operation = operation
        self._name = name
        self._limits = limits
        self._refuse_pages = refuse_pages
        self._gone = gone
        self._size = size

    def run(self, source: str, context: StageContext) -> Path:
        """Download the link `source` into ``context.folder`` and return the file.

        What has come stays there after a cancel or a failure; the next run goes on from it.

        Raises:
            StageError: With the sentence for the user.
            Cancelled: The token was set.
        """
        settings = self._settings
        limits = self._limits or FetchLimits(
            min(filter(None, (settings.max_size, context.max_size)), default=None),
            settings.stall_timeout,
            settings.attempts,
        )
        with context.attach(CountingTracker(self._operation)) as tracker:

            def tell(current: int, total: int | None, message: str) -> None:
                if total is None or current <= total:
                    tracker.update(current_size=current, total_size=total, message=message)

            with CancellableSession(context.cancel, guard=self._guard(context)) as session:
                file = fetch(
                    session,
                    source,
                    context.folder,
                    context.cancel,
                    tell,
                    limits,
                    name=self._name,
                    refuse_pages=self._refuse_pages,
                    gone=self._gone,
                    size=self._size,
                    offer=context.offer,
                )
            tracker.complete(f"Downloaded {file.name}")
        return file

    def _guard(self, context: StageContext) -> AddressGuard | None:
        if not context.untrusted:
            return None
        try:
            return AddressGuard(self._settings.allow_networks)
        except ValueError as error:
            raise StageError("[http] allow_networks holds what is not a network.") from error
