"""Shared folders: their files, and which of them a link means."""

from dataclasses import dataclass, field

from similubot_core.errors import StageError
from similubot_core.render import sanitize_line
from similubot_core.render import size as shown_size
from similubot_mega.api import RemoteFile, size_in
from similubot_mega.crypto import WrongKey, decrypt_name, decrypt_node_key, file_key, unb64
from similubot_mega.links import MegaLink

_LISTED = 10
_FILE, _FOLDER = 0, 1
_MEDIA_ENDINGS = (
    "3g2 3gp aac ac3 aif aiff alac amr ape asf au avi caf dts f4v flac flv m2ts m4a m4b m4v mka "
    "mkv mov mp2 mp3 mp4 mpeg mpg mts oga ogg ogv opus ra rm rmvb ts vob wav weba webm wma wmv wv"
)
_MEDIA = frozenset(_MEDIA_ENDINGS.split())


@dataclass(frozen=True)
class Node:
    """A file or folder in a shared folder.

    Attributes:
        handle: Its own handle.
        parent: The handle of the folder that it lies in; maybe of none that is listed.
        is_folder: Whether it is a folder.
        key: 32 bytes of a file, 16 of a folder.
        name: As its owner wrote it: a stranger's text.
        size: Bytes; 0 of a folder.
    """

    handle: str
    parent: str
    is_folder: bool
    key: bytes = field(repr=False)
    name: str
    size: int


def read_nodes(listing: list[object], folder_key: bytes) -> list[Node]:
    """Read the nodes that can be read; the others are left out.

    Raises:
        WrongKey: There are nodes, and this key opens none of them.
    """
    nodes = [node for raw in listing if (node := _read_node(raw, folder_key)) is not None]
    if listing and not nodes:
        raise WrongKey
    return nodes


def _read_node(raw: object, folder_key: bytes) -> Node | None:
    if not isinstance(raw, dict):
        return None
    handle, parent, kind = raw.get("h"), raw.get("p"), raw.get("t")
    wrapped, attributes = raw.get("k"), raw.get("a")
    if not (isinstance(handle, str) and isinstance(wrapped, str) and isinstance(attributes, str)):
        return None
    if kind not in (_FILE, _FOLDER) or isinstance(kind, bool):
        return None
    length = 32 if kind == _FILE else 16
    # "owner:key", several of them behind slashes; the one that opens the attributes is ours.
    for part in wrapped.split("/")[:8]:
        try:
            secret = unb64(part.rpartition(":")[2])
            if len(secret) != length:
                continue
            key = decrypt_node_key(secret, folder_key)
            name = decrypt_name(attributes, file_key(key).aes if kind == _FILE else key)
            size = size_in(raw) if kind == _FILE else 0
        except (ValueError, StageError):
            continue
        return Node(
            handle, parent if isinstance(parent, str) else "", kind == _FOLDER, key, name, size
        )
    return None


def choose_file(nodes: list[Node], link: MegaLink) -> RemoteFile:
    """Choose the file that a folder link means.

    It is the file that the link names; else the only file of the folder (or of the part of it that
    the link names); else the only one with sound or pictures in it, by its ending.

    Raises:
        StageError: There is none, or there are several: they are listed.
    """
    chosen = next((node for node in nodes if node.handle == link.chosen), None)
    if link.chosen is not None and chosen is None:
        raise StageError("The MEGA folder has no such file; open it and copy the file's link anew.")
    if chosen is not None and not chosen.is_folder:
        return _remote(chosen, link)
    files = [node for node in nodes if not node.is_folder]
    if chosen is not None:
        files = _below(chosen, nodes)
    media = [node for node in files if _is_media(node.name)]
    for candidates in (files, media):
        if len(candidates) == 1:
            return _remote(candidates[0], link)
    if not files:
        raise StageError("The MEGA folder holds no file; check the link.")
    shown = sorted(media or files, key=lambda node: node.name)
    listed = "; ".join(
        f"{sanitize_line(node.name, 60)} ({shown_size(node.size)}): "
        f"/file/{sanitize_line(node.handle, 16)}"
        for node in shown[:_LISTED]
    )
    more = f"; and {len(shown) - _LISTED} more" if len(shown) > _LISTED else ""
    what = "media files" if media else "files"
    raise StageError(
        f"The MEGA folder holds {len(shown)} {what}; choose one by adding its ending to the link: "
        f"{listed}{more}."
    )


def _below(folder: Node, nodes: list[Node]) -> list[Node]:
    """The files anywhere in a folder; a listing with circles in it ends too."""
    children: dict[str, list[Node]] = {}
    for node in nodes:
        children.setdefault(node.parent, []).append(node)
    files: list[Node] = []
    waiting, seen = [folder.handle], {folder.handle}
    while waiting:
        for node in children.get(waiting.pop(), []):
            if not node.is_folder:
                files.append(node)
            elif node.handle not in seen:
                seen.add(node.handle)
                waiting.append(node.handle)
    return files


def _is_media(name: str) -> bool:
    return name.rpartition(".")[2].lower() in _MEDIA


def _remote(node: Node, link: MegaLink) -> RemoteFile:
    return RemoteFile(
        node.name, node.size, file_key(node.key), node.handle, link.handle, link.shown
    )
