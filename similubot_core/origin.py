"""Whose code something is: the distribution that a person can update, report to, or uninstall."""

from __future__ import annotations

import functools


def origin(thing: object) -> str:
    """The distribution that a function, class or object comes from: "similubot-shelf 1.2".

    Slow (it reads what is installed); for the sentence of an error.

    Args:
        thing: A function, a method, a class, or an instance of one.
    """
    module = _module(thing)
    package = module.partition(".")[0]
    return _distribution(package) or f"the module {package or 'unknown'}"


def name_of(thing: object) -> str:
    """What a person may recognize it by, quickly: "ShelfSink.show (similubot_shelf.sink)"."""
    owner = thing.func if isinstance(thing, functools.partial) else thing
    named = owner if hasattr(owner, "__qualname__") else type(owner)
    name = str(getattr(named, "__qualname__", named)).replace("<locals>.", "")[:100]
    return f"{name} ({_module(thing)})"


def _module(thing: object) -> str:
    if isinstance(thing, functools.partial):
        return _module(thing.func)
    own = getattr(thing, "__self__", None)  # a method's object tells more than the method
    if own is not None and not isinstance(own, type):
        thing = type(own)
    return str(getattr(thing, "__module__", None) or type(thing).__module__)


def _distribution(package: str) -> str:
    from importlib import metadata

    # Entry points first: of what is installed editable, nothing else says which modules it has.
    for point in metadata.entry_points(group="similubot"):
        if point.value.partition(":")[0].partition(".")[0] == package and point.dist is not None:
            return f"{point.dist.name} {point.dist.version}"
    for name in metadata.packages_distributions().get(package, ()):
        return f"{name} {metadata.version(name)}"
    return ""
