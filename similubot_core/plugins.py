"""Discovery: find the installed plugins, load each by itself, and say what became of each."""

import contextlib
import importlib.metadata
import inspect
import os
import re
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal, Protocol

import pluggy

from similubot_core import builtin, hookspecs
from similubot_core.descriptors import (
    WORDS,
    AnySpec,
    CommandSpec,
    ConverterSpec,
    DownloaderSpec,
    PluginRecord,
    Plugins,
    SinkSpec,
    TrackerSpec,
    UploaderSpec,
)
from similubot_core.errors import PluginError
from similubot_core.render import one_line

DISABLE_VARIABLE = "SIMILUBOT_DISABLE_PLUGINS"
STRICT_VARIABLE = "SIMILUBOT_STRICT_PLUGINS"

INTERFACE_VERSIONS = (1,)
"""The versions of the plugin interface that this core speaks. A plugin names the one it was written
for as ``similubot_interface = 1`` in its module; without it, 1 is meant."""

HOOKS: Mapping[str, tuple[type[AnySpec], ...]] = {
    "similubot_trackers": (TrackerSpec,),
    "similubot_sinks": (SinkSpec,),
    "similubot_stages": (DownloaderSpec, ConverterSpec, UploaderSpec),
    "similubot_commands": (CommandSpec,),
}
"""Each hook's name, and the descriptors it may return."""

NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9_-]*")


class EntryPoint(Protocol):
    """What is needed of `importlib.metadata.EntryPoint`."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def dist(self) -> importlib.metadata.Distribution | None: ...  # noqa: D102
    def load(self) -> object: ...  # noqa: D102


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
) -> Plugins:
    """Load what is installed; a plugin that fails is recorded and stops nobody else.

    What a plugin prints on stdout while it loads goes to stderr.

    Args:
        disabled: Entry point or distribution names that are not even imported.
        entry_points: Where to look; None is what is installed. Tests give their own.
    """
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    core = PluginRecord("core", "similubot-core", _version_of_core(), "ok")
    loaded = [_Loaded(core, _register(manager, core, builtin))]
    if entry_points is None:
        entry_points = importlib.metadata.entry_points(group=hookspecs.PROJECT)
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
            loaded.append(_load(manager, wanted[0]))
        else:
            loaded += _clash([_record(point) for point in wanted])
    return _without_conflicts(loaded)


def load_from_environment(*, none: bool = False) -> Plugins:
    """Load what is installed, as the environment says (`SIMILUBOT_DISABLE_PLUGINS`).

    Args:
        none: Load nothing but the core itself, as with ``--no-plugins``.

    Raises:
        PluginError: `SIMILUBOT_STRICT_PLUGINS` is 1 and a plugin is not ok.
    """
    names = [name.strip() for name in os.environ.get(DISABLE_VARIABLE, "").split(",")]
    disabled = [name for name in names if name]
    plugins = load_plugins(disabled=disabled, entry_points=() if none else None)
    if os.environ.get(STRICT_VARIABLE) == "1":
        told = [
            f"the plugin {_label(record)} is {record.status}: {record.reason}"
            for record in plugins.records
            if record.status not in ("ok", "disabled")
        ]
        if told:
            raise PluginError(f"{STRICT_VARIABLE} is 1, and {' And '.join(told)}")
    return plugins


def _load(manager: pluggy.PluginManager, point: EntryPoint) -> _Loaded:
    record = _record(point)
    try:
        # A stray print of a plugin must not end up among the results on stdout.
        with contextlib.redirect_stdout(sys.stderr):
            plugin = point.load()
            return _Loaded(record, _register(manager, record, plugin))
    except _Incompatible as error:
        return _Loaded(replace(record, status="incompatible", reason=str(error)))
    except PluginError as error:
        return _Loaded(replace(record, status="broken", reason=error.message))
    except (Exception, SystemExit) as error:  # noqa: BLE001  (a stranger's module may raise anything)
        return _Loaded(replace(record, status="broken", reason=_why_not_imported(error)))


class _Incompatible(Exception):  # noqa: N818
    """The plugin was written for another version of the interface."""


def _register(
    manager: pluggy.PluginManager, record: PluginRecord, plugin: object
) -> tuple[AnySpec, ...]:
    """Check a plugin's hooks one by one, call them, and check what they return.

    pluggy checks less: a misspelt hook, a class, an ``async def`` or a marker of another project
    would pass and do nothing. What fails here is taken out again whole.
    """
    wanted = getattr(plugin, "similubot_interface", 1)
    if wanted not in INTERFACE_VERSIONS:
        spoken = ", ".join(map(str, INTERFACE_VERSIONS))
        raise _Incompatible(
            f"It was written for version {one_line(str(wanted))} of the plugin interface and this "
            f"core speaks {spoken}; install the versions of both that fit."
        )
    if inspect.isclass(plugin):
        raise PluginError("Its entry point names a class; name the module, or an instance.")
    name = f"{record.distribution}:{record.name}"
    try:
        manager.register(plugin, name)
        return _call_hooks(manager, plugin)
    except pluggy.PluginValidationError as error:
        manager.unregister(name=name)
        raise PluginError(f"{one_line(str(error), 300)}; the hooks take no arguments.") from error
    except ValueError as error:  # pluggy's word for one object registered twice
        raise PluginError(
            f"Its entry point names what another plugin registered: {error}."
        ) from error
    except BaseException:
        manager.unregister(name=name)
        raise


def _call_hooks(manager: pluggy.PluginManager, plugin: object) -> tuple[AnySpec, ...]:
    callers = manager.get_hookcallers(plugin) or []
    if not callers:
        raise PluginError(
            "It implements no hook; mark its functions with `from similubot_core import hookimpl`."
        )
    specs: list[AnySpec] = []
    for caller in callers:
        implementation = next(i for i in caller.get_hookimpls() if i.plugin is plugin)
        if caller.name not in HOOKS:
            if implementation.optionalhook:
                continue
            raise PluginError(f"There is no hook {caller.name}; there are {', '.join(HOOKS)}.")
        if inspect.iscoroutinefunction(implementation.function):
            raise PluginError(f"Its {caller.name} is an `async def`; make it a plain function.")
        try:
            returned: object = implementation.function()
        except Exception as error:
            raise PluginError(f"Its {caller.name} raised {_one_line(error)}.") from error
        specs += _checked(caller.name, returned)
    return tuple(specs)


def _checked(hook: str, returned: object) -> list[AnySpec]:
    """What a hook returned, if it is what its specification asks for."""
    kinds = HOOKS[hook]
    names = " or ".join(kind.__name__ for kind in kinds)
    if not isinstance(returned, Sequence) or isinstance(returned, str | bytes):
        kind = type(returned).__name__
        raise PluginError(f"Its {hook} returned {kind}; return a list of {names}.")
    for spec in returned:
        if not isinstance(spec, kinds):
            raise PluginError(f"Its {hook} returned a {type(spec).__name__}; return {names}.")
        name: object = spec.name  # annotated, but a stranger's code may not be checked
        if not isinstance(name, str) or not NAME_PATTERN.fullmatch(name):
            raise PluginError(
                f"Its {hook} has the name {one_line(repr(name))}; use lower-case letters, "
                "digits, '-' and '_'."
            )
    return list(returned)


def _clash(records: list[PluginRecord]) -> list[_Loaded]:
    """Plugins of several distributions under one entry point name: neither wins."""
    both = " and ".join(_label(record) for record in records)
    reason = (
        f"{both} have one name; uninstall one, or put its distribution into {DISABLE_VARIABLE}."
    )
    return [_Loaded(replace(record, status="duplicate", reason=reason)) for record in records]


def _without_conflicts(loaded: list[_Loaded]) -> Plugins:
    """Take out the descriptors that two plugins (or one, twice) claim, and say so of both."""
    owners: dict[tuple[type, str], list[_Loaded]] = {}
    for plugin in loaded:
        for spec in plugin.specs:
            owners.setdefault((type(spec), spec.name), []).append(plugin)
    conflicts: dict[tuple[type, str], str] = {}
    for (kind, name), claimants in owners.items():
        if len(claimants) > 1:
            both = " and ".join(dict.fromkeys(plugin.label for plugin in claimants))
            conflicts[kind, name] = (
                f"Two {WORDS[kind]}s are called {name!r}, of {both}; neither is used: "
                f"put one of them into {DISABLE_VARIABLE}."
            )
    records = []
    for plugin in loaded:
        reasons = [conflicts[key] for key in conflicts if plugin in owners[key]]
        record = plugin.record
        # The core itself stays ok: it is the other one that has to give way.
        if reasons and record.name != "core":
            record = replace(record, status="duplicate", reason=" ".join(reasons))
        records.append(record)
    kept = [s for p in loaded for s in p.specs if (type(s), s.name) not in conflicts]
    return Plugins(tuple(records), tuple(kept), conflicts)


def _record(point: EntryPoint, status: Literal["ok"] = "ok", reason: str = "") -> PluginRecord:
    """What the metadata says; a distribution without any still has a record."""
    dist = point.dist
    name = version = ""
    if dist is not None:
        metadata = dist.metadata
        name, version = metadata["Name"] or "", metadata["Version"] or ""
    return PluginRecord(point.name, name, version, status, reason)


def _label(record: PluginRecord) -> str:
    origin = f"{record.distribution} {record.version}".strip()
    return f"{record.name} ({origin})" if origin else record.name


def _why_not_imported(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError):
        return f"It needs the module {error.name}, which is not installed; install it with pip."
    return f"Its import failed: {_one_line(error)}; update or uninstall it."


def _one_line(error: BaseException) -> str:
    return one_line(f"{type(error).__name__}: {error}")


def _normalised(name: str) -> str:
    """A distribution's name as pip compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _version_of_core() -> str:
    try:
        return importlib.metadata.version("similubot-core")
    except importlib.metadata.PackageNotFoundError:  # run from a checkout that is not installed
        return ""
