"""Discovery: find the installed plugins, load each by itself, and say what became of each."""

import contextlib
import inspect
import os
import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from importlib import import_module
from itertools import groupby
from typing import Literal

import pluggy

from similubot_core import __version__
from similubot_core.errors import PluginError
from similubot_core.plugins import hookspecs
from similubot_core.plugins._fits import asked_of, excludes
from similubot_core.plugins._installed import EntryPoint, find_entry_points
from similubot_core.plugins.specs import (
    CONVERTER_OPTIONS,
    WORDS,
    AnySpec,
    CommandSpec,
    ConverterSpec,
    DownloaderSpec,
    ExtensionSpec,
    LinkCheckerSpec,
    OutputFormat,
    PluginRecord,
    Plugins,
    SinkSpec,
    TrackerSpec,
    UploaderSpec,
)

DISABLE_VARIABLE = "SIMILUBOT_DISABLE_PLUGINS"
STRICT_VARIABLE = "SIMILUBOT_STRICT_PLUGINS"
SLOW_IMPORT_SECONDS = 5.0

HOOKS: Mapping[str, tuple[type[AnySpec], ...]] = {
    "similubot_trackers": (TrackerSpec,),
    "similubot_sinks": (SinkSpec,),
    "similubot_stages": (DownloaderSpec, ConverterSpec, UploaderSpec, LinkCheckerSpec),
    "similubot_commands": (CommandSpec,),
    "similubot_extensions": (ExtensionSpec,),
}
"""Each hook's name, and the descriptors it may return."""

CORE = "core"
"""The name under which the core's own descriptors are registered; no plugin can have it."""

CORE_PLUGIN = "similubot_core.cli._builtin"
"""The module with the core's own hooks, found by its name like any other plugin's."""

NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9_-]*")


@dataclass(frozen=True)
class _Loaded:
    """One plugin: what is known of it, and what it registered when it works."""

    record: PluginRecord
    specs: tuple[AnySpec, ...] = ()

    @property
    def label(self) -> str:
        """Its name for sentences: "mega (similubot-mega 0.1.0)"."""
        return _label(self.record)


def load_plugins(
    *,
    disabled: Collection[str] = (),
    entry_points: Iterable[EntryPoint] | None = None,
    hooks: Collection[str] = tuple(HOOKS),
) -> Plugins:
    """Load what is installed; a plugin that fails is recorded and stops nobody else.

    What a plugin prints on stdout while it loads goes to stderr.

    Args:
        disabled: Entry point or distribution names that are not even imported.
        entry_points: Where to look; None is what is installed. Tests give their own.
        hooks: The hooks to call. `similubot --help` needs only the commands, and others may import
            more.
    """
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    core = PluginRecord(CORE, "similubot-core", __version__, "ok")
    loaded = [_Loaded(core, _register(manager, core, import_module(CORE_PLUGIN), hooks))]
    if entry_points is None:
        entry_points = find_entry_points(hookspecs.PROJECT)
    unwanted = {_normalised(name) for name in disabled}
    found = sorted(entry_points, key=lambda point: (point.name, _record(point).distribution))
    for _, points in groupby(found, key=lambda point: point.name):
        wanted: list[EntryPoint] = []
        for point in points:
            record = _record(point)
            if unwanted & {_normalised(record.name), _normalised(record.distribution)}:
                reason = f"Named in {DISABLE_VARIABLE}."
                loaded.append(_Loaded(replace(record, status="disabled", reason=reason)))
            else:
                wanted.append(point)
        if len(wanted) == 1:
            loaded.append(_load(manager, wanted[0], hooks))
        else:
            loaded += _clash([_record(point) for point in wanted])
    return _without_conflicts(loaded)


def load_from_environment(*, none: bool = False, hooks: Collection[str] = tuple(HOOKS)) -> Plugins:
    """Load what is installed, as the environment says (`SIMILUBOT_DISABLE_PLUGINS`).

    Args:
        none: Load nothing but the core itself, as with ``--no-plugins``.
        hooks: As in `load_plugins`.

    Raises:
        PluginError: `SIMILUBOT_STRICT_PLUGINS` is 1 and a plugin is not ok.
    """
    names = [name.strip() for name in os.environ.get(DISABLE_VARIABLE, "").split(",")]
    disabled = [name for name in names if name]
    plugins = load_plugins(disabled=disabled, entry_points=() if none else None, hooks=hooks)
    if os.environ.get(STRICT_VARIABLE) == "1":
        problems = [
            f"the plugin {_label(record)} is {record.status}: {record.reason}"
            for record in plugins.records
            if record.status not in ("ok", "disabled")
        ]
        if problems:
            raise PluginError(f"{STRICT_VARIABLE} is 1, and {' And '.join(problems)}")
    return plugins


def _load(manager: pluggy.PluginManager, point: EntryPoint, hooks: Collection[str]) -> _Loaded:
    record = _record(point)
    if record.name == CORE:
        reason = f"The name {CORE} is taken by SimiluBot itself; name the entry point differently."
        return _Loaded(replace(record, status="broken", reason=reason))
    asked = _asked(point)
    if excludes(asked, __version__):
        reason = (
            f"It asks for similubot-core{_shown(asked, 80)}, and this is {__version__}; install "
            "the versions of both that fit."
        )
        return _Loaded(replace(record, status="incompatible", reason=reason))
    try:
        # A stray print of a plugin must not end up among the results on stdout.
        with contextlib.redirect_stdout(sys.stderr), _named_when_slow(record):
            plugin = point.load()
            return _Loaded(record, _register(manager, record, plugin, hooks))
    except PluginError as error:
        return _Loaded(replace(record, status="broken", reason=error.message))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  (a stranger's module may raise anything)
        return _Loaded(replace(record, status="broken", reason=_why_not_imported(error)))


@contextlib.contextmanager
def _named_when_slow(record: PluginRecord) -> Iterator[None]:
    """Say which plugin it is that a start waits for, while it does."""
    import threading

    from similubot_core.render import sanitize_line

    name = sanitize_line(record.name)

    def tell() -> None:
        print(  # noqa: T201
            f"similubot: The plugin {name} is not imported after {SLOW_IMPORT_SECONDS:g} s; "
            f"{DISABLE_VARIABLE}={name} leaves it out.",
            file=sys.stderr,
            flush=True,
        )

    timer = threading.Timer(SLOW_IMPORT_SECONDS, tell)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _register(
    manager: pluggy.PluginManager, record: PluginRecord, plugin: object, hooks: Collection[str]
) -> tuple[AnySpec, ...]:
    """Check a plugin's hooks one by one, call them, and check what they return.

    pluggy checks less: a misspelt hook, a class, an ``async def`` or a marker of another project
    would pass and do nothing. What fails here is taken out again whole.
    """
    if inspect.isclass(plugin):
        raise PluginError("Its entry point names a class; name the module, or an instance.")
    name = f"{record.distribution}:{record.name}"
    try:
        manager.register(plugin, name)
    except pluggy.PluginValidationError as error:
        manager.unregister(name=name)
        raise PluginError(f"{_shown(str(error), 300)}; the hooks take no arguments.") from error
    except ValueError as error:  # pluggy's word for one object registered twice
        raise PluginError(
            "Its entry point names what another plugin registered already; remove one of the two."
        ) from error
    try:
        return _call_hooks(manager, plugin, hooks)
    except BaseException:
        manager.unregister(name=name)
        raise


def _call_hooks(
    manager: pluggy.PluginManager, plugin: object, hooks: Collection[str]
) -> tuple[AnySpec, ...]:
    callers = manager.get_hookcallers(plugin) or []
    if not callers:
        raise PluginError(
            "It implements no hook; mark its functions with `from similubot_core import hookimpl`."
        )
    # One plugin can implement a hook several times, under names of its own; pluggy before 1.6 then
    # names the caller as often.
    return tuple(
        spec
        for caller in dict.fromkeys(callers)
        for implementation in caller.get_hookimpls()
        if implementation.plugin is plugin
        for spec in _call_hook(caller.name, implementation, hooks)
    )


def _call_hook(
    hook: str, implementation: pluggy.HookImpl, hooks: Collection[str]
) -> Sequence[AnySpec]:
    if hook not in HOOKS:
        if implementation.optionalhook:
            return ()
        raise PluginError(f"There is no hook {hook}; there are {', '.join(HOOKS)}.")
    if inspect.iscoroutinefunction(implementation.function):
        raise PluginError(f"Its {hook} is an `async def`; make it a plain function.")
    if hook not in hooks:
        return ()
    try:
        returned: object = implementation.function()
    except (Exception, SystemExit) as error:
        raise PluginError(f"Its {hook} raised {_error_line(error)}.") from error
    return _checked(hook, returned)


def _checked(hook: str, returned: object) -> list[AnySpec]:
    """What a hook returned, if it is what its specification asks for."""
    kinds = HOOKS[hook]
    names = " or ".join(kind.__name__ for kind in kinds)
    if not isinstance(returned, Sequence) or isinstance(returned, str | bytes):
        kind = type(returned).__name__
        if inspect.iscoroutine(returned):
            returned.close()  # else Python complains that nobody awaited it
        raise PluginError(f"Its {hook} returned {kind}; return a list of {names}.")
    for spec in returned:
        if not isinstance(spec, kinds):
            raise PluginError(f"Its {hook} returned a {type(spec).__name__}; return {names}.")
        name: object = spec.name  # annotated, but a stranger's code may not be checked
        if not isinstance(name, str) or not NAME_PATTERN.fullmatch(name):
            raise PluginError(
                f"Its {hook} has the name {_shown(repr(name))}; use lower-case letters, "
                "digits, '-' and '_'."
            )
        _check_fields(hook, spec)
    return list(returned)


def _check_fields(hook: str, spec: AnySpec) -> None:
    """Refuse now what would break a command for everybody later."""
    rules = {**_FIELDS, **_COMMAND_FIELDS} if isinstance(spec, CommandSpec) else _FIELDS
    for field in fields(spec):
        value: object = getattr(spec, field.name)
        if field.name in rules and not rules[field.name][0](value):
            wanted = rules[field.name][1]
            raise PluginError(f"Its {hook} has {spec.name!r}, whose {field.name} is not {wanted}.")


def _is_suffix(value: object) -> bool:
    return value == "" or (
        isinstance(value, str) and re.fullmatch(r"\.[a-z0-9]{1,20}", value) is not None
    )


def _are_bitrates(value: object) -> bool:
    return value is None or (
        isinstance(value, tuple)
        and len(value) == 2
        and all(isinstance(bitrate, int) for bitrate in value)
        and 0 < value[0] <= value[1]
    )


def _are_formats(value: object) -> bool:
    if not isinstance(value, tuple) or not all(isinstance(one, OutputFormat) for one in value):
        return False
    names = {one.name for one in value}
    return len(names) == len(value) and all(
        isinstance(one.name, str)
        and NAME_PATTERN.fullmatch(one.name) is not None
        and all(_is_suffix(suffix) for suffix in (one.suffix, *one.other_suffixes))
        and _are_bitrates(one.bitrates)
        for one in value
    )


def _is_schema(value: object) -> bool:
    return inspect.isclass(value) and is_dataclass(value) and hasattr(value, "table_name")


_CALLED: tuple[Callable[[object], bool], str] = (callable, "a function")
_FIELDS: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "factory": _CALLED,
    "accepts": _CALLED,
    "configure": _CALLED,
    "run": _CALLED,
    "check": (lambda value: value is None or callable(value), "a function or None"),
    "summary": (lambda value: isinstance(value, str), "a text"),
    "extends": (lambda value: isinstance(value, str), "a plugin's name"),
    "fallback": (lambda value: isinstance(value, int) and 0 <= value <= 2, "0, 1 or 2"),
    "example": (lambda value: isinstance(value, str), "a text"),
    "suffix": (lambda value: _is_suffix(value), 'an ending such as ".mp3", or ""'),
    "bitrates": (lambda value: _are_bitrates(value), "two whole numbers, the lower first, or None"),
    "formats": (
        lambda value: _are_formats(value),
        'a tuple of OutputFormat, each of another name, with endings such as ".mp3"',
    ),
    "options": (
        lambda value: isinstance(value, tuple) and set(value) <= set(CONVERTER_OPTIONS),
        f"a tuple of {', '.join(CONVERTER_OPTIONS)}",
    ),
    "programs": (
        lambda value: isinstance(value, tuple) and all(isinstance(name, str) for name in value),
        "a tuple of names",
    ),
    "settings": (
        lambda value: value is None or _is_schema(value),
        "a dataclass with a table_name, or None",
    ),
}
"""What each field of a descriptor has to be; a stranger's code may not be checked by mypy."""
_COMMAND_FIELDS: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "settings": (
        lambda value: value is None or (callable(value) and not inspect.isclass(value)),
        "a function that returns the dataclass, or None",
    ),
}
"""What differs in a command, whose settings are imported only when they are asked for."""


def _clash(records: list[PluginRecord]) -> list[_Loaded]:
    """Plugins of several distributions under one entry point name: neither wins."""
    both = " and ".join(_label(record) for record in records)
    reason = (
        f"{both} have one name; uninstall one, or put its distribution into {DISABLE_VARIABLE}."
    )
    return [_Loaded(replace(record, status="duplicate", reason=reason)) for record in records]


def _without_conflicts(loaded: list[_Loaded]) -> Plugins:
    """Take out the descriptors that two plugins (or one, twice) claim, and say so of both.

    What the core brings stays, so that no plugin can take `similubot plugins` away.
    """
    owners: dict[tuple[type, str], list[_Loaded]] = {}
    for plugin in loaded:
        for spec in plugin.specs:
            owners.setdefault((_kind(spec), spec.name), []).append(plugin)
    conflicts: dict[tuple[type, str], str] = {}
    for (kind, name), claimants in owners.items():
        if len(claimants) > 1:
            both = " and ".join(dict.fromkeys(plugin.label for plugin in claimants))
            used = "the core's" if claimants[0].record.name == CORE else "neither"
            cure = f"put one of the plugins into {DISABLE_VARIABLE}, or have it renamed"
            if all(plugin is claimants[0] for plugin in claimants):
                cure = "report it to its authors"
            conflicts[kind, name] = (
                f"Two {WORDS[kind]}s are called {name!r}, of {both}; {used} is used: {cure}."
            )
    records = []
    for plugin in loaded:
        reasons = [conflicts[key] for key in conflicts if plugin in owners[key]]
        record = plugin.record
        if reasons and record.name != CORE:
            record = replace(record, status="duplicate", reason=" ".join(reasons))
        records.append(record)
    kept = [
        spec
        for plugin in loaded
        for spec in plugin.specs
        if plugin.record.name == CORE or (_kind(spec), spec.name) not in conflicts
    ]
    return Plugins(tuple(records), tuple(kept), conflicts)


def _kind(spec: AnySpec) -> type[AnySpec]:
    """Its kind of descriptor, also of one that a plugin derived from it."""
    return next(kind for kind in WORDS if isinstance(spec, kind))


def _record(point: EntryPoint, status: Literal["ok"] = "ok", reason: str = "") -> PluginRecord:
    """What the metadata says; a distribution without any still has a record."""
    dist = point.dist
    name = version = ""
    if dist is not None:
        # Metadata that is missing or broken must not hide the plugin, or any other.
        with contextlib.suppress(Exception):
            metadata = dist.metadata
            name, version = metadata["Name"] or "", metadata["Version"] or ""
    return PluginRecord(point.name, name, version, status, reason)


def _asked(point: EntryPoint) -> str:
    """What its distribution asks of the core; "" is nothing in particular."""
    # Metadata that is missing or broken must not hide the plugin, or any other.
    with contextlib.suppress(Exception):
        if point.dist is not None:
            return asked_of("similubot-core", point.dist.requires or [])
    return ""


def _label(record: PluginRecord) -> str:
    origin = f"{record.distribution} {record.version}".strip()
    return _shown(f"{record.name} ({origin})" if origin else record.name)


def _why_not_imported(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError):
        return f"It needs the module {error.name}, which is not installed; install it with pip."
    return f"Its import failed: {_error_line(error)}; update or uninstall it."


def _error_line(error: BaseException) -> str:
    return _shown(f"{type(error).__name__}: {error}")


def _normalised(name: str) -> str:
    """A distribution's name as pip compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _shown(text: str, limit: int = 200) -> str:
    """Text from outside as one line."""
    from similubot_core.render import sanitize_line  # only where there is something to report

    return sanitize_line(text, limit)
