"""CatboxUploader and LitterboxUploader: a file in, a checked link out."""

import importlib.metadata
import logging
import re
import tempfile
from pathlib import Path
from typing import get_args
from urllib.parse import urlsplit

from similubot_catbox.answers import Failure, is_link_of, link_in, quoted, refusal
from similubot_catbox.attempts import Patience, try_until_done
from similubot_catbox.services import Service, catbox, check_file, limit_for, litterbox
from similubot_catbox.settings import CatboxSettings, LitterboxTime
from similubot_catbox.tracker import UploadProgressTracker
from similubot_core import (
    CancelToken,
    ProgressCallback,
    Settings,
    SimilubotError,
    StageContext,
    StageError,
    UsageError,
)
from similubot_core.render import redact_source, sanitize_line, size
from similubot_http import MultipartBody, NoAnswerError, send

logger = logging.getLogger(__name__)

Result = tuple[bool, str | None, str | None]
"""Whether it succeeded, the value, and the sentence that says why not."""


class CatboxUploader:
    """Uploads files to catbox.moe, where they are kept for good.

    One uploader may be used from several threads at once.

    Args:
        user_hash: The secret key of a Catbox account; None is the settings' one, or none.
        settings: The table [catbox]; None reads it from the environment.
        patience: How often and how long is tried.

    Raises:
        SettingsError: A setting is not allowed.
    """

    def __init__(
        self,
        user_hash: str | None = None,
        *,
        settings: CatboxSettings | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._settings = settings or Settings().table(CatboxSettings)
        self._service = catbox(self._settings, (user_hash or self._settings.userhash or "").strip())
        self._patience = patience or Patience()

    def run(self, file: Path, context: StageContext) -> str:
        """Upload `file` and return its link.

        A file that is too large goes to Litterbox when the settings allow it; the progress says so.

        Raises:
            StageError: With the sentence for the user.
            Cancelled: The token was set.
        """
        too_large = _size_of(file) > limit_for(file, self._service)
        if too_large and self._settings.litterbox_when_too_large:
            time = self._settings.litterbox_time
            note = f"Too large for Catbox, so it goes to Litterbox and is kept for {time}"
            return _upload(
                file, litterbox(self._settings, time), context, self._patience, note=note
            )
        return _upload(file, self._service, context, self._patience)

    def upload(self, file_path: str | Path) -> Result:
        """Upload a file.

        Returns:
            (True, the link, None), or (False, None, why not and what to do). A failed upload raises
            nothing.
        """
        return self.upload_with_progress(file_path)

    def upload_with_progress(
        self, file_path: str | Path, progress_callback: ProgressCallback | None = None
    ) -> Result:
        """Upload a file and tell `progress_callback` about it; returns what `upload` does."""
        return _result_of(self, file_path, progress_callback)

    def delete(self, file_url: str) -> Result:
        """Delete a file of the account's by its link; it needs a userhash.

        Returns:
            (True, the link, None), or (False, None, why not and what to do).
        """
        try:
            self._delete(file_url)
        except SimilubotError as error:
            return False, None, error.message
        return True, file_url, None

    def _delete(self, file_url: str) -> None:
        service = self._service
        if service.secret is None:
            raise StageError(
                "Deleting needs the userhash of the account that uploaded the file: put it into "
                "the settings (table [catbox], key userhash)."
            )
        name = urlsplit(file_url).path.rsplit("/", 1)[-1] if is_link_of(file_url, service) else ""
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
            raise StageError(
                f"{redact_source(file_url)} is no link of {service.name}'s; give the link that the "
                "upload returned."
            )
        fields = (("reqtype", "deletefiles"), ("userhash", service.secret), ("files", name))
        body = MultipartBody(fields, None)
        limits = self._patience.limits
        try:
            answer = send(
                "POST",
                service.api_url,
                body,
                CancelToken(),
                lambda *_: None,
                limits,
                user_agent=_user_agent(),
            )
        except NoAnswerError as error:
            raise StageError(
                f"{service.name} could not be asked to delete {name}: {error}; try again later.",
                detail=error.detail,
            ) from error
        if not 200 <= answer.status < 300:
            raise StageError(refusal(answer, service).sentence)
        if "success" not in answer.text.lower():
            said = quoted(answer.text, service)
            raise StageError(
                f"{service.name} did not say that it deleted {name}{said}: check the link."
            )


class LitterboxUploader:
    """Uploads files to litterbox.catbox.moe, where they are kept for hours.

    Args:
        time: How long: 1h, 12h, 24h or 72h; None is the settings' one.
        settings: The table [catbox]; None reads it from the environment.
        patience: How often and how long is tried.

    Raises:
        SettingsError: A setting is not allowed.
    """

    def __init__(
        self,
        time: LitterboxTime | None = None,
        *,
        settings: CatboxSettings | None = None,
        patience: Patience | None = None,
    ) -> None:
        settings = settings or Settings().table(CatboxSettings)
        self._service = litterbox(settings, time or settings.litterbox_time)
        self._patience = patience or Patience()

    def run(self, file: Path, context: StageContext) -> str:
        """Upload `file` and return its link.

        Raises:
            StageError: With the sentence for the user.
            Cancelled: The token was set.
        """
        return _upload(file, self._service, context, self._patience)

    def upload(self, file_path: str | Path) -> Result:
        """Upload a file.

        Returns:
            (True, the link, None), or (False, None, why not and what to do). A failed upload raises
            nothing.
        """
        return self.upload_with_progress(file_path)

    def upload_with_progress(
        self, file_path: str | Path, progress_callback: ProgressCallback | None = None
    ) -> Result:
        """Upload a file and tell `progress_callback` about it; returns what `upload` does."""
        return _result_of(self, file_path, progress_callback)


def open_catbox(settings: Settings, target: str | None) -> CatboxUploader:
    """The uploader behind ``--to catbox``.

    Raises:
        UsageError: Something follows the name.
        SettingsError: A setting is not allowed.
    """
    if target is not None:
        raise UsageError("--to catbox takes nothing after its name.")
    return CatboxUploader(settings=settings.table(CatboxSettings))


def open_litterbox(settings: Settings, target: str | None) -> LitterboxUploader:
    """The uploader behind ``--to litterbox`` and ``--to litterbox=24h``.

    Raises:
        UsageError: What follows the name is no time that Litterbox takes.
        SettingsError: A setting is not allowed.
    """
    times: dict[str, LitterboxTime] = {time: time for time in get_args(LitterboxTime)}
    if target is not None and target not in times:
        raise UsageError(
            f"Litterbox keeps files for {', '.join(times)}, not for {sanitize_line(target, 40)!r}."
        )
    time = None if target is None else times[target]
    return LitterboxUploader(time, settings=settings.table(CatboxSettings))


def _result_of(
    uploader: CatboxUploader | LitterboxUploader,
    file_path: str | Path,
    progress_callback: ProgressCallback | None,
) -> Result:
    callbacks = () if progress_callback is None else (progress_callback,)
    # An uploader writes nothing, so the folder is only named.
    context = StageContext(Path(tempfile.gettempdir()), callbacks=callbacks)
    try:
        return True, uploader.run(Path(file_path), context), None
    except SimilubotError as error:
        return False, None, error.message


def _user_agent() -> str:
    return f"similubot-catbox/{importlib.metadata.version('similubot-catbox')}"


def _size_of(file: Path) -> int:
    try:
        return file.stat().st_size
    except (OSError, ValueError):
        return 0  # the check that follows says what is wrong with it


def _upload(
    file: Path, service: Service, context: StageContext, patience: Patience, note: str = ""
) -> str:
    """Upload under a tracker, which shows `note` at its start and its end."""
    tracker = context.attach(UploadProgressTracker(service.name, _size_of(file)))
    tracker.start(note)
    with tracker:
        sending = check_file(file, service)

        def tell_progress(file_bytes: int, all_sent: bool) -> None:
            if all_sent:
                tracker.all_sent()
            elif file_bytes:
                tracker.update_progress(file_bytes)

        def attempt() -> str | Failure:
            tracker.update_progress(0, f"Connecting to {service.name}")
            body = MultipartBody(service.fields, sending)
            answer = send(
                "POST",
                service.api_url,
                body,
                context.cancel,
                tell_progress,
                patience.limits,
                user_agent=_user_agent(),
            )
            return link_in(answer, service)

        def tell_retry(message: str) -> None:
            logger.warning("%s", message)
            tracker.update_progress(0, message)

        link, twice = try_until_done(attempt, service, context.cancel, tell_retry, patience)
        message = [f"Uploaded to {service.name} ({size(sending.size)})"]
        if note:
            message.append(note)
        if twice:
            message.append("An earlier try may have arrived too, so a second copy may lie there")
        tracker.complete_upload(link, ". ".join(message))
        return link
