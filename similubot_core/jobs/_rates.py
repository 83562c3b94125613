"""How long the stages of earlier jobs took on this machine, for the weights of the next one's."""

from __future__ import annotations

import contextlib
import json
import math
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

MOST_STAGES = 100
_NEWEST_COUNTS = 0.5


def rates_file() -> Path:
    """Where they are kept: in the user's folder for caches."""
    from platformdirs import user_cache_path

    return user_cache_path("similubot", appauthor=False) / "stage-rates.json"


def read_rates() -> dict[str, float]:
    """Seconds that each stage took for a byte of the source, by the stage's name. A file that is
    missing or damaged gives none.
    """
    try:
        read = json.loads(rates_file().read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(read, dict):
        return {}
    return {
        name: float(rate)
        for name, rate in read.items()
        if isinstance(rate, int | float) and math.isfinite(rate) and rate > 0
    }


def keep_rates(measured: Mapping[str, float]) -> None:
    """Keep what a job took; an older figure counts as much as the new one. Where it cannot be
    written, nothing happens.
    """
    rates = read_rates()
    for name, rate in measured.items():
        before = rates.pop(name, rate)
        rates[name] = before + _NEWEST_COUNTS * (rate - before)
    newest = dict(list(rates.items())[-MOST_STAGES:])
    file = rates_file()
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=".stage-rates-")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                json.dump(newest, stream)
            Path(name).replace(file)
        except OSError:
            Path(name).unlink(missing_ok=True)
