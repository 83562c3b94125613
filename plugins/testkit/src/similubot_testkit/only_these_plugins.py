"""A plugin manager without discovery: loads just the plugins that a test names."""

from collections.abc import Iterator
from dataclasses import dataclass

from similubot_core.plugins.manager import load_plugins
from similubot_core.plugins.specs import Plugins


@dataclass(frozen=True)
class _Given:
    """An entry point that hands out what it was given; no distribution belongs to it."""

    name: str
    plugin: object
    dist: None = None

    def load(self) -> object:
        """The plugin."""
        return self.plugin


def load_only(*plugins: object) -> Plugins:
    """Load these plugins as if they, and nothing else, were installed beside the core.

    Args:
        plugins: Modules, or instances with marked methods, as an entry point would name them.

    Raises:
        AssertionError: One of them is not ok; says why, as `similubot plugins` would.
    """
    found = load_plugins(entry_points=list(_entry_points(plugins)))
    told = [
        f"{record.name} is {record.status}: {record.reason}"
        for record in found.records
        if record.status != "ok"
    ]
    assert not told, "; ".join(told)
    assert not found.conflicts, "; ".join(found.conflicts.values())
    return found


def _entry_points(plugins: tuple[object, ...]) -> Iterator[_Given]:
    for number, plugin in enumerate(plugins, start=1):
        name = getattr(plugin, "__name__", type(plugin).__name__)
        yield _Given(f"{name}-{number}", plugin)
