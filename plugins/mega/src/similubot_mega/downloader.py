"""MegaDownloader: a MEGA link in, a file out."""

import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from similubot_core.cancel import CancelToken
from similubot_core.errors import Cancelled, SimilubotError, StageError, StorageError
from similubot_core.jobs.stages import SourceInfo, StageContext, standalone_context
from similubot_core.progress.tracker import ProgressCallback
from similubot_core.render import size as shown_size
from similubot_core.settings import Settings
from similubot_http import CancellableSession
from similubot_mega.api import MegaApi, RemoteFile
from similubot_mega.backoff import Waits
from similubot_mega.embedded import EmbeddedDownload, disk_error
from similubot_mega.folder import choose_file, read_nodes
from similubot_mega.links import MegaLink, find_mega_links, looks_like_mega_link, parse_link
from similubot_mega.megacmd import MegacmdFailed, download_by_megacmd, find_program
from similubot_mega.names import name_limit, safe_name
from similubot_mega.part_file import PART_SUFFIX, PartFile, bytes_on_disk
from similubot_mega.settings import OFFICIAL_API, MegaSettings
from similubot_mega.tracker import MegaProgressTracker

logger = logging.getLogger(__name__)

_SPARE_BYTES = 32 * 1024 * 1024
_OWN_FOLDER = "mega-get-"
_UNEXPECTED = "The download stopped on an unexpected error ({}); the log has the rest."


class MegaFileInfo(NamedTuple):
    """What is known of a file before its first byte.

    Attributes:
        name: The name it gets on disk, made safe.
        size: Bytes.
    """

    name: str
    size: int


class MegaDownloader:
    """Downloads public links of MEGA.

    Safe to use from several threads; each download has its own folder and connections.

    Args:
        temp_dir: Where the tuple methods put their files; made when it is not there.
        settings: The table [mega]; None takes it from the environment (``SIMILUBOT_MEGA_…``).
        waits: Waiting times between tries.
    """

    def __init__(
        self,
        temp_dir: str | Path = "./temp",
        settings: MegaSettings | None = None,
        *,
        waits: Waits | None = None,
    ) -> None:
        self._temp_dir = Path(temp_dir)
        self._settings = settings or Settings().table(MegaSettings)
        self._waits = waits or Waits()

    # As a stage

    def run(self, source: str, context: StageContext) -> Path:
        """Download the link `source` into ``context.folder`` and return the file.

        After a cancel, or when the program was killed, what has come lies in the folder as
        ``NAME.part`` (with ``NAME.part.chunks``); the next run of the same link there goes on from
        it. Who owns the folder removes it.

        Raises:
            StageError: With the sentence for the user; no file is left.
            Cancelled: The token was set.
        """
        with (
            context.attach(MegaProgressTracker()) as tracker,
            self._transport(context) as transport,
        ):
            link = parse_link(source)
            tracker.update(message="Asking MEGA about the link…")
            api = self._api(transport, context.cancel, lambda text: tracker.update(message=text))
            remote = self._find(api, link)
            try:
                self._check_size(remote, context)
                target = _free(context.folder, safe_name(remote.name, name_limit(context.folder)))
                self._fetch(link, remote, target, tracker, api, transport, context)
            except OSError as error:
                raise disk_error(error) from error
            tracker.complete(f"Downloaded {target.name}")
            return target

    # As a class of its own

    def download(self, url: str) -> tuple[bool, str | None, str | None]:
        """Download without progress; see `download_with_progress`."""
        return self.download_with_progress(url)

    def download_with_progress(
        self, url: str, progress_callback: ProgressCallback | None = None
    ) -> tuple[bool, str | None, str | None]:
        """Download into `temp_dir`, and tell the callback.

        Returns:
            (True, the file's path, None), or (False, None, the sentence for the user). The file is
            the caller's. Nothing is left of a download that failed.
        """
        context = None
        try:
            context = standalone_context(self._temp_dir, [progress_callback])
            return True, str(_move_into(self.run(url, context), self._temp_dir)), None
        except SimilubotError as error:
            logger.info("Download failed: %s %s", error.message, error.detail)
            return False, None, error.message
        except Exception as error:
            logger.exception("Download failed")
            return False, None, _UNEXPECTED.format(type(error).__name__)
        finally:
            if context is not None:
                shutil.rmtree(context.folder, ignore_errors=True)

    def get_file_info(self, url: str) -> tuple[bool, MegaFileInfo | None, str | None]:
        """Ask for a file's name and size before its first byte.

        Returns:
            (True, name and size, None), or (False, None, the sentence for the user).
        """
        context = StageContext(Path(), CancelToken())
        try:
            with self._transport(context) as transport:
                api = self._api(transport, context.cancel, logger.info)
                remote = self._find(api, parse_link(url))
        except SimilubotError as error:
            return False, None, error.message
        except Exception as error:
            logger.exception("Looking up a link failed")
            return False, None, _UNEXPECTED.format(type(error).__name__)
        return True, MegaFileInfo(safe_name(remote.name), remote.size), None

    def describe(self, source: str, context: StageContext) -> SourceInfo:
        """Ask for a file's name and size before its first byte.

        Raises:
            StageError: There is no such file, or it is too large; the sentence for the user.
            Cancelled: The token was set.
        """
        with self._transport(context) as transport:
            api = self._api(transport, context.cancel, logger.info)
            remote = self._find(api, parse_link(source))
        self._check_limit(remote)
        return SourceInfo(safe_name(remote.name), remote.size)

    def is_mega_link(self, url: str) -> bool:
        """Tell whether this is a link to a file or folder of MEGA, whole or not."""
        return looks_like_mega_link(url)

    def extract_mega_links(self, text: str) -> list[str]:
        """Find the MEGA links with a key in a text, in their order and each once."""
        return find_mega_links(text)

    def is_available(self) -> bool:
        """Tell whether downloads are possible here with the backend of the settings."""
        return self._settings.backend != "megacmd" or find_program() is not None

    # Inside

    def _transport(self, context: StageContext) -> CancellableSession:
        return CancellableSession(
            context.cancel, self._settings.connections + 1, user_agent="SimiluBot (similubot-mega)"
        )

    def _api(
        self, transport: CancellableSession, cancel: CancelToken, tell: Callable[[str], object]
    ) -> MegaApi:
        settings, waits = self._settings, self._waits
        return MegaApi(transport, settings.api_url, cancel, settings.stall_timeout, waits, tell)

    def _find(self, api: MegaApi, link: MegaLink) -> RemoteFile:
        if not link.is_folder:
            return api.file(link)
        return choose_file(read_nodes(api.listing(link), link.key), link)

    def _fetch(
        self,
        link: MegaLink,
        remote: RemoteFile,
        target: Path,
        tracker: MegaProgressTracker,
        api: MegaApi,
        transport: CancellableSession,
        context: StageContext,
    ) -> None:
        """Bring the file to `target` by the backend of the settings."""
        cancel = context.cancel
        backend = self._settings.backend
        if backend == "megacmd" or (backend == "auto" and self._megacmd_can(link)):
            try:
                self._fetch_by_megacmd(link, remote, target, tracker, cancel)
            except MegacmdFailed as error:
                if backend == "megacmd" or error.ours:
                    raise
                logger.warning("%s The embedded backend takes over. %s", error, error.detail)
                tracker.update(message="MEGAcmd failed; downloading without it…", details={})
            else:
                return
        with PartFile(target.with_name(target.name + PART_SUFFIX), remote) as part:
            try:
                EmbeddedDownload(
                    remote,
                    part,
                    api,
                    transport,
                    cancel,
                    connections=self._settings.connections,
                    stall_timeout=self._settings.stall_timeout,
                    waits=self._waits,
                    offer=context.offer,
                ).run(tracker)
                part.move_to(target)
            except Cancelled:
                raise  # what has come is for a later run
            except BaseException:
                part.remove()
                raise

    def _megacmd_can(self, link: MegaLink) -> bool:
        """MEGAcmd takes whole folders only, and knows no other API than MEGA's own."""
        is_official = self._settings.api_url == OFFICIAL_API
        return is_official and not link.is_folder and find_program() is not None

    def _fetch_by_megacmd(
        self,
        link: MegaLink,
        remote: RemoteFile,
        target: Path,
        tracker: MegaProgressTracker,
        cancel: CancelToken,
    ) -> None:
        if link.is_folder:
            raise StageError(
                "MEGAcmd downloads folders as a whole only; take a link of the file itself, or set "
                'backend = "auto" in [mega].'
            )
        for left in target.parent.glob(f"{_OWN_FOLDER}*"):  # by a run that was killed
            shutil.rmtree(left, ignore_errors=True)
        own = Path(tempfile.mkdtemp(prefix=_OWN_FOLDER, dir=target.parent))
        try:
            file = download_by_megacmd(
                link, remote, own, tracker, cancel, self._settings.stall_timeout
            )
            file.replace(target)
            tracker.transferred(remote.size, remote.size, message="")  # MEGAcmd counts whole KB
        finally:
            shutil.rmtree(own, ignore_errors=True)

    def _check_limit(self, remote: RemoteFile, most: int | None = None) -> None:
        limit = min(filter(None, (self._settings.max_size, most)), default=None)
        if limit is not None and remote.size > limit:
            raise StageError(
                f"The file has {shown_size(remote.size)}, more than the {shown_size(limit)} that "
                "are allowed here; choose a smaller one."
            )

    def _check_size(self, remote: RemoteFile, context: StageContext) -> None:
        """Refuse what is too large before its first byte."""
        self._check_limit(remote, context.max_size)
        free = shutil.disk_usage(context.folder).free + bytes_on_disk(context.folder)
        if remote.size + _SPARE_BYTES > free:
            raise StorageError(
                f"The download needs {shown_size(remote.size + _SPARE_BYTES)} of disk space, "
                f"{shown_size(_SPARE_BYTES)} of it to spare, but {shown_size(free)} are free; make "
                "room, or choose another folder.",
                full=True,
            )


def _free(folder: Path, name: str) -> Path:
    """A path for `name` in `folder` where nothing is yet."""
    stem, suffix = Path(name).stem, Path(name).suffix
    path, number = folder / name, 0
    while path.exists() or path.is_symlink():
        number += 1
        path = folder / f"{stem} ({number}){suffix}"
    return path


def _move_into(file: Path, folder: Path) -> Path:
    """Move a finished file into `folder` under its own name, or the next that is free."""
    while True:
        target = _free(folder, file.name)
        try:
            os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY))  # nobody else gets it
        except FileExistsError:
            continue
        except OSError as error:
            raise StageError(f"No file can be made in {folder}: {error.strerror}.") from error
        file.replace(target)
        return target
