"""UploadProgressTracker: counts the bytes of one upload into progress."""

import time
from collections.abc import Callable

from similubot_core import ProgressTracker


class UploadProgressTracker(ProgressTracker):
    """The progress of one upload: bytes, speed and ETA.

    It stays under 100 % until `complete_upload`, which is to be called only once the server has
    answered with a link that was checked. Every method may be called from any thread.

    Args:
        service_name: Where the file goes, for people: "Catbox" makes the operation "Catbox Upload".
        file_size: Bytes of the file; None when unknown.
        clock: Returns seconds that only grow; tests give one that they control.
    """

    def __init__(
        self,
        service_name: str,
        file_size: int | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(f"{service_name} Upload", clock)
        self._service_name = service_name
        self._file_size = file_size

    def start_upload(self) -> None:
        """Begin; nothing is sent yet."""
        self.start(f"Connecting to {self._service_name}")

    def update_progress(self, bytes_uploaded: int, message: str | None = None) -> None:
        """Say how many bytes have arrived so far, as far as one can know.

        Fewer than before means that the upload began anew: speed and ETA do too, while the
        percentage waits until it is passed again.

        Args:
            bytes_uploaded: Bytes from the start of the file; more than the file has counts as all.
            message: A sentence for people; None says what is usual.
        """
        done = max(0, bytes_uploaded)
        if self._file_size is not None:
            done = min(done, self._file_size)
        self.update(
            current_size=done,
            total_size=self._file_size,
            message=f"Uploading to {self._service_name}" if message is None else message,
        )

    def all_sent(self) -> None:
        """Say that the last byte has left, and that only the server's answer is missing.

        How long that takes is the server's affair: speed and ETA are unknown.
        """
        self.update(
            current_size=self._file_size,
            total_size=self._file_size,
            speed=None,
            eta=None,
            message=f"Waiting for the server of {self._service_name}",
        )

    def complete_upload(self, final_url: str | None = None, message: str = "") -> None:
        """End well.

        Args:
            final_url: The checked link; it becomes ``details["url"]``. None is no link.
            message: A sentence for people; empty says what is usual.
        """
        message = message or f"Uploaded to {self._service_name}"
        self.update(
            current_size=self._file_size,
            total_size=self._file_size,
            message=message,
            details=None if final_url is None else {"url": final_url},
        )
        self.complete(message)

    def fail_upload(self, message: str) -> None:
        """End badly; `message` says what happened and what to do."""
        self.fail(message)

    def parse_output(self, text: str) -> bool:
        """An upload prints nothing, so that no text says anything about it: always False."""
        return False
