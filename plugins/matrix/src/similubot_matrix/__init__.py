"""A Matrix message that shows live progress and always ends on the final state."""

from similubot_core import SinkSpec, hookimpl
from similubot_matrix.settings import MatrixSettings
from similubot_matrix.sink import check_matrix, open_matrix_sink

__version__ = "0.1.0"

__all__ = ["MatrixSettings", "open_matrix_sink"]


@hookimpl
def similubot_sinks() -> list[SinkSpec]:
    """The sink "matrix": a notice in a room that is edited as the work goes on."""
    return [
        SinkSpec(
            name="matrix",
            summary="a message in a Matrix room: --sink matrix=https://SERVER/#ROOM:SERVER",
            factory=open_matrix_sink,
            settings=MatrixSettings,
            check=check_matrix,
        )
    ]
