"""A Matrix message that shows live progress and always ends on the final state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from similubot_core import Check, Settings, Sink, SinkContext, SinkSpec, hookimpl
from similubot_core.lazy import lazy_names

if TYPE_CHECKING:
    from similubot_matrix.settings import MatrixSettings
    from similubot_matrix.sink import open_matrix_sink

__version__ = "0.1.0"

__all__ = ["MatrixSettings", "open_matrix_sink"]

__getattr__ = lazy_names(__name__, {"MatrixSettings": "settings", "open_matrix_sink": "sink"})


def _open_sink(context: SinkContext) -> Sink:
    from similubot_matrix.sink import open_matrix_sink

    return open_matrix_sink(context)


def _check(settings: Settings) -> Sequence[Check]:
    from similubot_matrix.sink import check_matrix

    return check_matrix(settings)


@hookimpl
def similubot_sinks() -> list[SinkSpec]:
    """The sink "matrix": a notice in a room that is edited as the work goes on."""
    from similubot_matrix.settings import MatrixSettings

    return [
        SinkSpec(
            name="matrix",
            summary="a message in a Matrix room: --sink matrix=https://SERVER/#ROOM:SERVER",
            factory=_open_sink,
            settings=MatrixSettings,
            check=_check,
        )
    ]
