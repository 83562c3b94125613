"""Whether another library has taken the module `discord` from discord.py."""

from collections.abc import Sequence
from importlib import metadata

from similubot_core import Check

SAME_MODULE = ("py-cord", "py-cord-dev", "discord.py-self")
"""Distributions that are the module `discord` too."""


def check_libraries() -> Sequence[Check]:
    """A failed check where two distributions are the module `discord`; else nothing."""
    there = []
    for name in SAME_MODULE:
        try:
            there.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    if not there:
        return []
    both = " and ".join(there)
    return [
        Check(
            "discord.py",
            False,
            f"{both} is installed beside it; both are the module discord, and break each other",
            "Give the other one an environment of its own: pip uninstall both here, then "
            "pip install --force-reinstall discord.py.",
        )
    ]
