"""What a bot offers, and a worker must be able to do."""

from similubot_core.plugins.specs import Plugins, StageSpec


def abilities(plugins: Plugins) -> frozenset[str]:
    """What plugins can do, such as "downloader mega"."""
    return frozenset(
        f"{type(spec).__name__.removesuffix('Spec').lower()} {spec.name}"
        for spec in plugins.specs
        if isinstance(spec, StageSpec)
    )
