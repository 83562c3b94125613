"""Public names that are imported when they are first used, so that finding a plugin stays light."""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module


def lazy_names(package: str, homes: Mapping[str, str]) -> Callable[[str], object]:
    """What a package assigns to ``__getattr__`` to import its public names on their first use.
    `dir` lists them from the beginning.

    ``__getattr__ = lazy_names(__name__, {"MyDownloader": "downloader"})`` makes
    ``from my_plugin import MyDownloader`` import ``my_plugin.downloader`` only then.

    Args:
        package: The package's name.
        homes: For each public name, the module of the package that defines it.
    """

    def get(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value: object = getattr(import_module(f"{package}.{homes[name]}"), name)
        setattr(sys.modules[package], name, value)  # so that this is asked only once
        return value

    module = sys.modules[package]
    vars(module)["__dir__"] = lambda: sorted({*vars(module), *homes})  # for completion
    return get
