"""Settings: similubot.toml, a table for each plugin, and environment variables that win."""

from __future__ import annotations

import dataclasses
import functools
import math
import os
import re
from collections.abc import Iterable, Mapping
from typing import (
    TYPE_CHECKING,
    ClassVar,
    Literal,
    Protocol,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
)

from similubot_core.errors import SettingsError, UsageError
from similubot_core.redact import keep_secret

# What reads a file or a value is imported where that is done: every plugin imports this module, and
# `similubot --help` waits for it.
if TYPE_CHECKING:
    from pathlib import Path

FILE_NAME = "similubot.toml"
PREFIX = "SIMILUBOT_"


class SettingsTable(Protocol):
    """What a plugin's settings look like: a frozen dataclass with a default for every field.

    Fields are str, int, float, bool, Path, a Literal, a tuple of these or `X | None`; limits are
    written as ``Annotated[int, msgspec.Meta(ge=1)]``. A secret's field has ``repr=False``.
    """

    table_name: ClassVar[str]
    """The table of similubot.toml that they are read from, such as "mega"."""


T = TypeVar("T", bound=SettingsTable)


@dataclasses.dataclass(frozen=True)
class _File:
    path: Path
    tables: Mapping[str, Mapping[str, object]]


class Settings:
    """The settings of this run; a plugin reads its own table as its own dataclass.

    Values are taken key by key: from the environment (``SIMILUBOT_<TABLE>_<KEY>``), else from the
    file named by ``--config``, else from similubot.toml in the current folder, else from
    similubot.toml in the user's config folder, else the dataclass's default. A variable that is
    empty counts as not set, but for a list, which it empties.

    The files are read when a table is first asked for, so that commands that need none work
    whatever is in them.

    Args:
        config: A file that must be there and wins over the others; None is none.
        environ: The environment; None is this process's.
        search_default_paths: Whether to look in the current folder and the user's config folder.
        tables: The names of all tables there are. They are needed where one table's name begins
            like another's: ``SIMILUBOT_WEB_HOOK_URL`` is the key `url` of a table "web_hook", not
            an unknown key `hook_url` of a table "web".
    """

    def __init__(
        self,
        config: Path | None = None,
        environ: Mapping[str, str] | None = None,
        *,
        search_default_paths: bool = False,
        tables: Iterable[str] = (),
    ) -> None:
        self._config = config
        self._environ = os.environ if environ is None else environ
        self._search_default_paths = search_default_paths
        self._prefixes = {_prefix(name) for name in tables}

    @functools.cached_property
    def _files(self) -> list[_File]:
        """The files that are there, the winning one first."""
        from pathlib import Path

        found = [] if self._config is None else [_read_file(self._config)]
        if self._search_default_paths:
            paths = [Path(FILE_NAME), user_folder() / FILE_NAME]
            found += [_read_file(path) for path in paths if _is_there(path)]
        return found

    def table(self, schema: type[T]) -> T:
        """One plugin's settings, checked.

        Raises:
            SettingsError: Names the file (or the variable), the key and what is allowed.
        """
        known = _fields(schema)
        values: dict[str, object] = {}
        for file in reversed(self._files):
            for key, value in file.tables.get(schema.table_name, {}).items():
                where = f"{file.path}, table [{schema.table_name}]"
                if key not in known:
                    raise SettingsError(_unknown(where, key, known))
                values[key] = _convert(value, known[key], f"{where}, key {key}", from_text=False)
        prefix = _prefix(schema.table_name)
        longer = tuple(p for p in self._prefixes if p.startswith(prefix) and p != prefix)
        for name, text in self._environ.items():
            if not name.startswith(prefix) or name.startswith(longer):
                continue
            key = name.removeprefix(prefix).lower()
            if key not in known:
                raise SettingsError(
                    _unknown("The environment", name, [prefix + k.upper() for k in known])
                )
            if not text and not _takes_a_list(known[key]):
                continue  # `NAME=` is how a container's settings leave a variable out
            where = f"The environment variable {name}"
            values[key] = _convert(text, known[key], where, from_text=True)
        table = schema(**values)
        for field in dataclasses.fields(table):  # type: ignore[arg-type]
            held: object = getattr(table, field.name)
            for secret in held if isinstance(held, tuple) else (held,):
                if not field.repr and isinstance(secret, str):
                    keep_secret(secret)
        return table

    def origins(self, schema: type[SettingsTable]) -> dict[str, str]:
        """Where each key of a table comes from: a file or a variable; defaults are left out."""
        known, found = _fields(schema), {}
        for file in reversed(self._files):
            for key in file.tables.get(schema.table_name, {}):
                found[key] = str(file.path)
        prefix = _prefix(schema.table_name)
        for key, kind in known.items():
            name = prefix + key.upper()
            if name in self._environ and (self._environ[name] or _takes_a_list(kind)):
                found[key] = name
        return found

    def check_table_name(self, name: str, schemas: Iterable[type[SettingsTable]]) -> None:
        """Refuse the name of a table that no schema has.

        Raises:
            UsageError: Says which there are.
        """
        from similubot_core.render import nearest, sanitize_line

        names = sorted(schema.table_name for schema in schemas)
        if name not in names:
            raise UsageError(
                f"There is no table {sanitize_line(name, 60)!r}{nearest(name, names) or '.'} "
                f"There are: {', '.join(names)}."
            )

    def unknown_tables(self, schemas: Iterable[type[SettingsTable]]) -> list[str]:
        """A sentence for each table that no schema reads: a misspelling, or a plugin not there."""
        names = {schema.table_name for schema in schemas}
        return [
            f"{file.path}: no installed plugin reads the table [{name}]; known are "
            f"{', '.join(f'[{known}]' for known in sorted(names)) or 'none'}."
            for file in self._files
            for name in file.tables
            if name not in names
        ]


def user_folder() -> Path:
    """The user's config folder for similubot, such as ~/.config/similubot; it may be missing."""
    from pathlib import Path

    import platformdirs

    return Path(platformdirs.user_config_dir("similubot", appauthor=False))


def _prefix(table_name: str) -> str:
    """What the names of a table's environment variables begin with."""
    return PREFIX + re.sub(r"[^A-Z0-9]", "_", table_name.upper()) + "_"


def _is_there(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a folder that this user may not look into holds nothing for this user
        return False


def _read_file(path: Path) -> _File:
    import tomllib

    from similubot_core.render import sanitize_line

    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"The settings file {path} is not there.") from None
    except OSError as error:
        raise SettingsError(
            f"The settings file {path} cannot be read: {error.strerror}."
        ) from error
    except tomllib.TOMLDecodeError as error:
        # The parser's own words name the line; the text around it, which may be a token, is not in
        # them.
        raise SettingsError(f"The settings file {path} is not valid TOML: {error}.") from None
    except UnicodeDecodeError:
        raise SettingsError(
            f"The settings file {path} is not valid TOML: it is no UTF-8."
        ) from None
    except (ValueError, RecursionError):  # a number of thousands of digits, thousands of brackets
        raise SettingsError(
            f"The settings file {path} is not valid TOML: it is too deep or long."
        ) from None
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise SettingsError(
                f"{path}: the key {sanitize_line(name)} stands outside a table; write it below "
                "one, e.g. [mega]."
            )
    return _File(path, tables)


def _fields(schema: type[SettingsTable]) -> dict[str, object]:
    hints = get_type_hints(schema, include_extras=True)
    return {f.name: hints[f.name] for f in dataclasses.fields(schema)}  # type: ignore[arg-type]


def _unknown(where: str, key: str, known: Iterable[str]) -> str:
    from similubot_core.render import sanitize_line

    allowed = ", ".join(sorted(known)) or "none"
    return f"{where}: unknown key {sanitize_line(key)}; allowed are {allowed}."


def _convert(value: object, kind: object, where: str, *, from_text: bool) -> object:
    """`value` as `kind`; text of the environment may stand for a number, a truth value, a list."""
    import msgspec  # only once settings are wanted: it takes 20 ms to import

    def convert(value: object) -> object:
        found: object = msgspec.convert(value, type=kind, strict=not from_text, dec_hook=_to_path)
        if isinstance(found, float) and math.isnan(found):
            raise msgspec.ValidationError("Expected a number, not NaN")
        return found

    try:
        try:
            return convert(value)
        except msgspec.ValidationError:
            if not (from_text and isinstance(value, str) and _takes_a_list(kind)):
                raise
            return convert([part.strip() for part in value.split(",") if part.strip()])
    except msgspec.ValidationError as error:
        # msgspec's sentence names types and limits; only a Literal's repeats the value, which may
        # be a token that was put under a wrong name.
        choices = _choices(kind)
        sentence = f"Expected one of {', '.join(map(str, choices))}" if choices else str(error)
        if from_text:
            sentence = sentence.removesuffix(", got `str`")
        raise SettingsError(f"{where}: {sentence}.") from None


def _to_path(kind: type, value: object) -> object:
    from pathlib import Path

    if kind is Path:
        try:
            return Path(value).expanduser()  # type: ignore[arg-type]
        except (TypeError, RuntimeError):  # no text, or "~" of a user that there is not
            raise TypeError("Expected the path of a file or a folder") from None
    raise NotImplementedError(f"settings cannot hold a {kind.__name__}")


def _takes_a_list(kind: object) -> bool:
    return get_origin(kind) in (tuple, list) or any(_takes_a_list(part) for part in get_args(kind))


def _choices(kind: object) -> tuple[object, ...]:
    """What a Literal, or one within a union or a list, allows; empty where there is none."""
    if get_origin(kind) is Literal:
        return get_args(kind)
    return tuple(choice for part in get_args(kind) for choice in _choices(part))
