"""What Catbox and Litterbox answer to a form, as far as it is known: no sockets in here."""

import secrets
from pathlib import PurePosixPath

import msgspec

from similubot_loopback.catbox_server.form import ReceivedFile

LITTERBOX_TIMES = ("1h", "12h", "24h", "72h")
_REFUSED = (".exe", ".scr", ".cpl", ".jar")
_LONGEST_EXTENSION = 16


class Answer(msgspec.Struct, frozen=True):
    """What is to be done and said.

    Attributes:
        status: The HTTP status.
        text: What to say; unused when the file is kept, since the link is said then.
        keep_as: The name under which the file is to be kept; None keeps nothing.
        delete: Names of files to delete.
    """

    status: int
    text: str = ""
    keep_as: str | None = None
    delete: tuple[str, ...] = ()


def answer_to(service: str, fields: dict[str, str], file: ReceivedFile | None) -> Answer:
    """The answer of `service` ("catbox" or "litterbox") to a whole, well-formed form."""
    kind = fields.get("reqtype", "")
    if not kind:
        return Answer(412, "No request type given.")
    if service == "catbox" and kind == "deletefiles":
        return _delete(fields)
    if kind != "fileupload":
        return Answer(412, "Invalid request type.")
    if service == "litterbox" and fields.get("time") not in LITTERBOX_TIMES:
        return Answer(412, "No expire time specified.")
    if file is None or file.field != "fileToUpload" or file.size == 0:
        return Answer(412, "No files given.")
    extension = _extension(file.name)
    if extension in _REFUSED or extension.startswith(".doc"):
        return Answer(412, "File type not allowed.")
    return Answer(200, keep_as=secrets.token_hex(3) + extension)


def _delete(fields: dict[str, str]) -> Answer:
    if not fields.get("userhash"):
        return Answer(412, "Not signed in!")
    names = fields.get("files", "").split()
    if not names or any(PurePosixPath(name).name != name for name in names):
        return Answer(412, "File doesn't exist?")
    return Answer(200, "Files successfully deleted.", delete=tuple(names))


def _extension(name: str) -> str:
    extension = PurePosixPath(name).suffix.lower()
    known = extension[1:].isascii() and extension[1:].isalnum()
    return extension if known and len(extension) <= _LONGEST_EXTENSION else ""
