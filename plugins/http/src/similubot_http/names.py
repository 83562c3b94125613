"""Names for files, made of names that strangers chose."""

import os
import re
from pathlib import Path

FALLBACK = "download"

_ROOM_FOR_SUFFIXES = 48
"""Bytes left free below the file system's limit, for the endings that later stages add."""
_COMMON_LIMIT = 255
NAME_LIMIT = _COMMON_LIMIT - _ROOM_FOR_SUFFIXES
"""The longest name, in bytes, that most file systems leave room for."""

# Separators, control characters, what Windows refuses, and the marks that turn text around.
_FORBIDDEN = re.compile(
    r'[/\\<>:"|?*\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]'
)
_RESERVED = re.compile(r"(CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(COM|LPT)[0-9¹²³])", re.IGNORECASE)


def name_limit(folder: Path) -> int:
    """The longest name, in bytes, that we give a file in `folder`; 16 at least."""
    try:
        limit = os.pathconf(folder, "PC_NAME_MAX")
    except (OSError, ValueError):
        limit = _COMMON_LIMIT
    return max(16, min(limit, _COMMON_LIMIT) - _ROOM_FOR_SUFFIXES)


def safe_name(raw: str, limit: int = NAME_LIMIT, *, fallback: str = FALLBACK) -> str:
    """Make a plain file name of hostile text.

    The result is one path component that is neither empty nor reserved on any system, has at most
    `limit` bytes in UTF-8, and keeps unicode letters and the name's ending. It is `fallback` where
    nothing is left.
    """
    name = raw.encode("utf-8", errors="replace").decode("utf-8")
    name = _FORBIDDEN.sub("_", name)
    name = "".join(c if c.isprintable() else "_" for c in name).strip(". ")
    if not name.strip("._ "):
        return fallback
    if _RESERVED.fullmatch(name.split(".", 1)[0].strip()):
        name = "_" + name
    return _cut(name, limit)


def _cut(name: str, limit: int) -> str:
    if len(name.encode()) <= limit:
        return name
    stem, dot, suffix = name.rpartition(".")
    if not stem or len(suffix.encode()) > min(16, limit // 2):
        stem, dot, suffix = name, "", ""
    room = limit - len((dot + suffix).encode())
    stem = stem.encode()[:room].decode("utf-8", errors="ignore").rstrip(". ")
    return (stem or FALLBACK[:room]) + dot + suffix
