"""Settings: similubot.toml, a table for each plugin, and environment variables that win."""

import dataclasses
import functools
import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import ClassVar, Literal, Protocol, TypeVar, get_args, get_origin, get_type_hints

from similubot_core.errors import SettingsError

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
    similubot.toml in the user's config folder, else the dataclass's default.

    The files are read when a table is first asked for, so that commands that need none work
    whatever is in them.

    Args:
        config: A file that must be there and wins over the others; None is none.
        environ: The environment; None is this process's.
        look_around: Whether the current folder and the user's config folder are looked into.
    """

    def __init__(
        self,
        config: Path | None = None,
        environ: Mapping[str, str] | None = None,
        *,
        look_around: bool = False,
    ) -> None:
        self._config = config
        self._environ = os.environ if environ is None else environ
        self._look_around = look_around

    @functools.cached_property
    def _files(self) -> list[_File]:
        """The files that are there, the winning one first."""
        found = [] if self._config is None else [_read_file(self._config)]
        if self._look_around:
            paths = [Path(FILE_NAME), user_folder() / FILE_NAME]
            found += [_read_file(path) for path in paths if path.is_file()]
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
        prefix = f"{PREFIX}{schema.table_name}_".upper()
        for name, text in self._environ.items():
            if not name.startswith(prefix):
                continue
            key = name.removeprefix(prefix).lower()
            if key not in known:
                raise SettingsError(
                    _unknown("The environment", name, [prefix + k.upper() for k in known])
                )
            where = f"The environment variable {name}"
            values[key] = _convert(text, known[key], where, from_text=True)
        return schema(**values)

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
    import platformdirs  # 5 ms that `--help` need not pay

    return Path(platformdirs.user_config_dir("similubot", appauthor=False))


def _read_file(path: Path) -> _File:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"The settings file {path} is not there.") from None
    except OSError as error:
        raise SettingsError(
            f"The settings file {path} cannot be read: {error.strerror}."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        # The parser's own words name the line; the text around it, which may be a token, is not in
        # them.
        raise SettingsError(f"The settings file {path} is not valid TOML: {error}.") from None
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise SettingsError(
                f"{path}: the key {name} stands outside a table; write it below one, e.g. [mega]."
            )
    return _File(path, tables)


def _fields(schema: type[SettingsTable]) -> dict[str, object]:
    hints = get_type_hints(schema, include_extras=True)
    return {f.name: hints[f.name] for f in dataclasses.fields(schema)}  # type: ignore[arg-type]


def _unknown(where: str, key: str, known: Iterable[str]) -> str:
    return f"{where}: unknown key {key}; allowed are {', '.join(sorted(known)) or 'none'}."


def _convert(value: object, kind: object, where: str, *, from_text: bool) -> object:
    """`value` as `kind`; text of the environment may stand for a number, a truth value, a list."""
    import msgspec  # only once settings are wanted: it takes 20 ms to import

    def convert(value: object) -> object:
        return msgspec.convert(value, type=kind, strict=not from_text, dec_hook=_to_path)

    try:
        try:
            return convert(value)
        except msgspec.ValidationError:
            if not (from_text and isinstance(value, str) and _takes_a_list(kind)):
                raise
            return convert([part.strip() for part in value.split(",") if part.strip()])
    except msgspec.ValidationError as error:
        # msgspec's sentence names types and limits; only a Literal's repeats the value.
        raise SettingsError(f"{where}: {error}{_allowed(kind)}.") from None


def _to_path(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str):
        return Path(value).expanduser()
    raise NotImplementedError(f"settings cannot hold a {kind.__name__}")


def _takes_a_list(kind: object) -> bool:
    return get_origin(kind) in (tuple, list) or any(_takes_a_list(part) for part in get_args(kind))


def _allowed(kind: object) -> str:
    choices = [
        c for part in (kind, *get_args(kind)) if get_origin(part) is Literal for c in get_args(part)
    ]
    return f"; allowed are {', '.join(map(str, choices))}" if choices else ""
