"""MEGA links: which texts are links, what they point to, and the errors for those that are broken.

Forms, as MEGA's own clients write and read them: ``/file/H#K``, ``/folder/H#K``, the latter with
``/file/SUB`` or ``/folder/SUB`` behind, and the old ``#!H!K`` and ``#F!H!K[!SUB]``.
"""

import base64
import re
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import unquote

from similubot_core.errors import StageError

HANDLE_LENGTH = 8
_FILE_KEY_LENGTH, _FOLDER_KEY_LENGTH = 43, 22

_HOST = r"(?:https?://)?(?:www\.)?mega(?:\.co)?\.nz"
_WORD = r"[A-Za-z0-9_-]"
_NEW = rf"/(?P<kind>file|folder)/(?P<handle>{_WORD}+)(?:(?!{_WORD})[^\s#<>|\"')\]]{{0,200}})?"
_NEW_KEY = rf"#(?P<key>{_WORD}*)(?:/(?P<subkind>file|folder)/(?P<sub>{_WORD}+))?"
_OLD = rf"/?[^\s#<>]{{0,200}}#(?P<old>F?)!(?P<oldhandle>{_WORD}+)"
_OLD_KEY = rf"!(?P<oldkey>{_WORD}*)(?:[!?](?P<oldsub>{_WORD}+))?"
_LINK = re.compile(
    rf"{_HOST}(?::443)?(?:{_NEW}(?:{_NEW_KEY})?|{_OLD}(?:{_OLD_KEY})?)", re.IGNORECASE
)
_WHOLE_LINK = re.compile(
    rf"(?<![\w.@-]){_HOST}(?:{_NEW}{_NEW_KEY.replace('*', '+', 1)}|"
    rf"{_OLD}{_OLD_KEY.replace('*', '+', 1)})",
    re.IGNORECASE,
)
_ANY_MEGA = re.compile(rf"{_HOST}(?:[/#:?]|$)", re.IGNORECASE)
_PASSWORD = re.compile(rf"{_HOST}/?[^\s#]*#P!", re.IGNORECASE)


class LinkError(StageError):
    """A text that is no MEGA link, or a link that is not whole."""


@dataclass(frozen=True)
class MegaLink:
    """What a link points to.

    Attributes:
        handle: The public handle of the file or folder, 8 characters.
        key: The secret: 32 bytes of a file, 16 of a folder.
        is_folder: Whether it is a folder.
        chosen: The handle of the file or folder that is meant within the folder; None is all of it.
        chosen_kind: Whether `chosen` is a "file" or a "folder"; None when the link does not say.
    """

    handle: str
    key: bytes = field(repr=False)
    is_folder: bool = False
    chosen: str | None = None
    chosen_kind: Literal["file", "folder"] | None = None

    @property
    def shown(self) -> str:
        """The link without its key, for messages and logs."""
        return f"https://mega.nz/{'folder' if self.is_folder else 'file'}/{self.handle}"

    @property
    def secret_url(self) -> str:
        """The link with its key, in the form of today; for MEGAcmd only, never shown."""
        key = base64.urlsafe_b64encode(self.key).rstrip(b"=").decode("ascii")
        return f"{self.shown}#{key}"


def looks_like_mega_link(text: str) -> bool:
    """Tell whether `text` is a link to a file or folder of MEGA, whole or not.

    True for links without a key too, so that their error can say what is missing.
    """
    text = _clean(text)
    return bool(_LINK.match(text) or _PASSWORD.match(text))


def find_mega_links(text: str) -> list[str]:
    """Find the links with a key in a text, in their order and each once."""
    found = (match[0] for match in _WHOLE_LINK.finditer(text))
    return list(dict.fromkeys(found))


def parse_link(text: str) -> MegaLink:
    """Read a link.

    Raises:
        LinkError: It is none, or a part is missing; the sentence holds no part of the key.
    """
    text = _clean(text)
    if _PASSWORD.match(text):
        raise LinkError("This MEGA link is protected by a password; ask for a link without one.")
    match = _LINK.match(text)
    if match is None:
        if _ANY_MEGA.match(text):
            raise LinkError(
                "This MEGA link is none of a file or a folder; "
                "copy one that looks like https://mega.nz/file/…#…"
            )
        raise LinkError("This is no MEGA link; one looks like https://mega.nz/file/…#…")
    if match["handle"]:
        is_folder = match["kind"].lower() == "folder"
        handle, key, sub = match["handle"], match["key"] or "", match["sub"]
        sub_kind = match["subkind"].lower() if match["subkind"] else None
    else:
        is_folder = bool(match["old"])
        handle, key, sub, sub_kind = (
            match["oldhandle"],
            match["oldkey"] or "",
            match["oldsub"],
            None,
        )
    kind = "folder" if is_folder else "file"
    if len(handle) != HANDLE_LENGTH:
        raise LinkError(f"This MEGA {kind} link is cut or misspelt; copy the whole link again.")
    wanted = _FOLDER_KEY_LENGTH if is_folder else _FILE_KEY_LENGTH
    if not key:
        raise LinkError(
            f"This MEGA {kind} link lacks its key, the part behind #; copy the whole link again."
        )
    if len(key) != wanted:
        raise LinkError(
            f"The key of this MEGA {kind} link has {len(key)} characters, not {wanted}; "
            "copy the whole link again."
        )
    return MegaLink(
        handle=handle,
        key=base64.urlsafe_b64decode(key + "=" * (-len(key) % 4)),
        is_folder=is_folder,
        chosen=sub if is_folder else None,
        chosen_kind="file" if sub_kind == "file" else "folder" if sub_kind else None,
    )


def _clean(text: str) -> str:
    """Without what chat programs put around a link; with the # that some of them escape."""
    text = text.strip().lstrip("<").rstrip(">").strip()
    return text if "#" in text or "%" not in text else unquote(text)
