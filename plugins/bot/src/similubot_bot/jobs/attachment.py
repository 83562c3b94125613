"""AttachmentDownloader: fetches a file that was sent to Discord."""

from dataclasses import replace
from pathlib import Path

from similubot_core import StageContext
from similubot_http import FetchLimits, HttpDownloader


class AttachmentDownloader:
    """Fetches one attachment. It blocks, in the thread that calls it.

    Args:
        name: The name that the file is to get; it is made safe.
        max_size: Bytes that the file may have at most.
        size: Its bytes, as Discord said; None where it said nothing.
        limits: Waiting times and the number of attempts; None is those of `FetchLimits`.
    """

    def __init__(
        self,
        name: str,
        max_size: int,
        size: int | None = None,
        limits: FetchLimits | None = None,
    ) -> None:
        self._name = name
        self._size = size
        self._limits = replace(limits or FetchLimits(), max_size=max_size)

    def run(self, source: str, context: StageContext) -> Path:
        """Fetch the address `source`, which Discord gave, into ``context.folder``.

        A failure that passes is tried again, from the bytes that are there.

        Raises:
            StageError: It is gone, too large, or could not be fetched.
            Cancelled: The token was set.
        """
        downloader = HttpDownloader(
            operation="Discord Download",
            name=self._name,
            limits=self._limits,
            refuse_pages=False,
            gone="The attachment is not on Discord any more; send it again.",
            size=self._size,
        )
        # The address is Discord's own, not a member's: the guard has nothing to judge.
        return downloader.run(source, replace(context, untrusted=False))
