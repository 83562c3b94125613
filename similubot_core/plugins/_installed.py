"""The installed plugins' entry points, found without importing `importlib.metadata`.

That import takes as long as everything else that `similubot --help` does, since it brings a parser
of e-mails for the metadata. What is needed of it here is little: which `entry_points.txt` of the
folders on `sys.path` has the group, and the first lines of the `METADATA` beside it. Wherever a
distribution can lie somewhere else (a zip file on the path, a finder of its own), the standard
library is asked instead; a test holds both to the same answer.
"""

import contextlib
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Protocol

_INFO_FOLDERS = (".dist-info", ".egg-info")


class Metadata(Protocol):
    """The fields of a distribution's metadata, such as "Name"."""

    def __getitem__(self, key: str, /) -> str: ...


class Distribution(Protocol):
    """What is needed of `importlib.metadata.Distribution`."""

    @property
    def metadata(self) -> Metadata: ...
    @property
    def requires(self) -> list[str] | None: ...


class EntryPoint(Protocol):
    """What is needed of `importlib.metadata.EntryPoint`."""

    @property
    def name(self) -> str: ...
    @property
    def dist(self) -> Distribution | None: ...
    def load(self) -> object: ...


@dataclass(frozen=True)
class InstalledDistribution:
    """A distribution, by the folder that pip wrote about it.

    Attributes:
        folder: Its ``.dist-info`` (or ``.egg-info``) folder.
    """

    folder: str

    @property
    def metadata(self) -> "dict[str, str]":
        """Name and version; "" for what the file does not say."""
        return {key: (self._fields.get(key) or [""])[0] for key in ("Name", "Version")}

    @property
    def requires(self) -> list[str]:
        """What it asks for, as in "similubot-core>=0.1"."""
        return self._fields.get("Requires-Dist", [])

    @cached_property
    def _fields(self) -> "dict[str, list[str]]":
        found: dict[str, list[str]] = {}
        for file in ("METADATA", "PKG-INFO"):
            for line in _lines(os.path.join(self.folder, file)):  # noqa: PTH118
                if not line.strip():
                    break  # the headers end here
                key, _, value = line.partition(":")
                found.setdefault(key, []).append(value.strip())
        return found


@dataclass(frozen=True)
class InstalledEntryPoint:
    """One line of a distribution's ``entry_points.txt``.

    Attributes:
        name: What stands before the "=".
        value: The module, or ``module:attribute``.
        dist: The distribution that it belongs to.
    """

    name: str
    value: str
    dist: InstalledDistribution

    def load(self) -> object:
        """Import what it names.

        Raises:
            ImportError: It names no module that is there, or is not written as it has to be.
            AttributeError: The module has no such attribute.
        """
        # Taken apart without a pattern: compiling one would take as long as everything else here.
        module, colon, attribute = (
            part.strip() for part in self.value.partition("[")[0].partition(":")
        )
        parts = attribute.split(".") if colon else []
        if not all(part.isidentifier() for part in (*module.split("."), *parts)):
            raise ImportError(f"its entry point {self.value!r} names no module")
        found: object = import_module(module)
        for part in parts:
            found = getattr(found, part)
        return found


def find_entry_points(group: str) -> Sequence[EntryPoint]:
    """The entry points of a group, of every installed distribution.

    Of two distributions with one name the first on `sys.path` counts, as for an import.
    """
    if _somewhere_else():
        return tuple(_ask_the_library(group))
    return tuple(_scan(group))


def _ask_the_library(group: str) -> Iterator[EntryPoint]:
    """What `importlib.metadata.entry_points` says, but for the distributions that it trips over."""
    import importlib.metadata

    seen: set[str] = set()
    points: tuple[EntryPoint, ...]
    for distribution in importlib.metadata.distributions():
        name, points = "", ()  # a broken file of one distribution must not hide the others
        with contextlib.suppress(Exception):
            points = tuple(distribution.entry_points.select(group=group))
        with contextlib.suppress(Exception):
            name = distribution.name or ""
            folder = getattr(distribution, "_path", None)  # none for a finder of its own
            if folder is not None and not _can_be_a_name(str(folder.name)):
                continue
        if name not in seen:
            yield from points
        if name:
            seen.add(name)


def _somewhere_else() -> bool:
    """Whether a distribution can lie where only the standard library finds it."""
    finders = (
        finder
        for finder in sys.meta_path
        if hasattr(finder, "find_distributions")
        and getattr(finder, "__module__", "") != "_frozen_importlib_external"
    )
    return any(True for _ in finders) or any(os.path.isfile(path) for path in sys.path)  # noqa: PTH113


def _scan(group: str) -> Iterator[InstalledEntryPoint]:
    seen: set[str] = set()
    for path in sys.path:
        try:
            names = os.listdir(path or ".")  # noqa: PTH208
        except OSError:
            continue  # not there, not a folder, or not to be read: nothing is installed in it
        for name in names:
            if not name.endswith(_INFO_FOLDERS) or not _can_be_a_name(name):
                continue
            known_as = re.sub(r"[-_.]+", "-", name.rpartition(".")[0].partition("-")[0]).lower()
            if known_as in seen:
                continue
            seen.add(known_as)
            folder = os.path.join(path, name)  # noqa: PTH118
            for key, value in _section(os.path.join(folder, "entry_points.txt"), group):  # noqa: PTH118
                yield InstalledEntryPoint(key, value, InstalledDistribution(folder))


def _can_be_a_name(folder: str) -> bool:
    """Whether a folder is a distribution's; pip renames what it removes, and leaves it behind when
    it is interrupted: ``~imilubot_mega-0.1.0.dist-info``. pip itself ignores those.
    """
    return folder[:1].isascii() and folder[:1].isalnum()


def _section(file: str, group: str) -> Iterator[tuple[str, str]]:
    """The keys and values of one section."""
    inside = False
    for line in _lines(file):
        text = line.strip()
        if text.startswith("["):
            inside = text == f"[{group}]"
        elif inside and text and not text.startswith(("#", ";")):
            key, separator, value = text.partition("=")
            if separator and key.strip():
                yield key.strip(), value.strip()


def _lines(file: str) -> Sequence[str]:
    """The lines of a file; none when it is not there or cannot be read."""
    try:
        with open(file, encoding="utf-8", errors="replace") as text:  # noqa: PTH123
            return text.read().splitlines()
    except OSError:
        return ()
