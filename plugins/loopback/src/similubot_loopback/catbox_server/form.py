"""Takes a multipart body apart while it arrives, into fields and one file on disk."""

import hashlib
from pathlib import Path

import msgspec
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

_MOST_FIELD_BYTES = 65_536
_MOST_PARTS = 16


class FormError(Exception):
    """The body is not the multipart form that it says it is."""


class ReceivedFile(msgspec.Struct, frozen=True):
    """A file part as it arrived.

    Attributes:
        field: The name of the form's field.
        name: The file name the client gave, as it stood between the quotes.
        content_type: What the client said it is; empty when it said nothing.
        size: Bytes.
        sha256: Hexadecimal digest of the bytes.
    """

    field: str
    name: str
    content_type: str
    size: int
    sha256: str


class FormReceiver:
    """Fed with the body in pieces of any size; memory does not grow with the file.

    The parser is python-multipart's, so it has nothing in common with the code under test.

    Args:
        content_type: The request's Content-Type header.
        path: Where the file goes; None hashes it only.

    Raises:
        FormError: Not a multipart form.
    """

    def __init__(self, content_type: str, path: Path | None) -> None:
        kind, options = parse_options_header(content_type)
        if kind != b"multipart/form-data" or not options.get(b"boundary"):
            raise FormError(f"not a multipart form: {content_type!r}")
        self.fields: list[tuple[str, str]] = []
        self.files: list[ReceivedFile] = []
        self._out = path.open("wb") if path is not None else None
        self._headers: dict[str, str] = {}
        self._header_name = self._header_value = b""
        self._field = ""
        self._file_name: str | None = None
        self._value = bytearray()
        self._size = 0
        self._hash = hashlib.sha256()
        self._parts = 0
        self._ended = False
        self._parser = MultipartParser(
            options[b"boundary"],
            {
                "on_part_begin": self._part_begins,
                "on_header_field": self._header_name_comes,
                "on_header_value": self._header_value_comes,
                "on_header_end": self._header_ends,
                "on_headers_finished": self._headers_end,
                "on_part_data": self._data_comes,
                "on_part_end": self._part_ends,
                "on_end": self._form_ends,
            },
        )

    def feed(self, data: bytes) -> None:
        """Take the next piece of the body.

        Raises:
            FormError: The body breaks the format.
        """
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise FormError(str(error)) from error

    def finish(self) -> None:
        """Say that the body is over, and close the file.

        Raises:
            FormError: The form's last boundary never came.
        """
        self.close()
        if not self._ended:
            raise FormError("the form's end is missing")

    def close(self) -> None:
        """Close the file; harmless when called again."""
        if self._out is not None:
            self._out.close()

    def _part_begins(self) -> None:
        self._parts += 1
        if self._parts > _MOST_PARTS:
            raise FormError("too many parts")
        self._headers = {}
        self._field, self._file_name = "", None
        self._value.clear()
        self._size, self._hash = 0, hashlib.sha256()

    def _header_name_comes(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _header_value_comes(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _header_ends(self) -> None:
        name = self._header_name.decode("latin-1").lower()
        if name in self._headers:
            raise FormError(f"the part header {name} comes twice")
        self._headers[name] = self._header_value.decode("latin-1")
        self._header_name = self._header_value = b""

    def _headers_end(self) -> None:
        kind, options = parse_options_header(self._headers.get("content-disposition", ""))
        if kind != b"form-data" or b"name" not in options:
            raise FormError("a part without a name")
        self._field = options[b"name"].decode("utf-8", "replace")
        if b"filename" in options:
            self._file_name = options[b"filename"].decode("utf-8", "replace")
            if self.files:
                raise FormError("more than one file")

    def _data_comes(self, data: bytes, start: int, end: int) -> None:
        piece = memoryview(data)[start:end]
        if self._file_name is None:
            if len(self._value) + len(piece) > _MOST_FIELD_BYTES:
                raise FormError("a field is too long")
            self._value += piece
            return
        self._size += len(piece)
        self._hash.update(piece)
        if self._out is not None:
            self._out.write(piece)

    def _part_ends(self) -> None:
        if self._file_name is None:
            self.fields.append((self._field, self._value.decode("utf-8", "replace")))
            return
        kind = self._headers.get("content-type", "")
        digest = self._hash.hexdigest()
        self.files.append(ReceivedFile(self._field, self._file_name, kind, self._size, digest))

    def _form_ends(self) -> None:
        self._ended = True
