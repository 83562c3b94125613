"""A Matrix on loopback, and the real Synapse where it is there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from similubot_core import Settings
from similubot_loopback.matrix_server import LoopbackMatrix

from .synapse import Synapse


@pytest.fixture
def server() -> Iterator[LoopbackMatrix]:
    with LoopbackMatrix() as made:
        yield made


@pytest.fixture
def settings(server: LoopbackMatrix) -> Settings:
    return Settings(
        environ={
            "SIMILUBOT_MATRIX_TOKEN": server.token,
            "SIMILUBOT_MATRIX_UPDATE_INTERVAL": "0.05",
        }
    )


@pytest.fixture(scope="session")
def synapse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Synapse]:
    python = os.environ.get("SIMILUBOT_TEST_SYNAPSE", "")
    if not python:
        pytest.skip("SIMILUBOT_TEST_SYNAPSE names no Python that has matrix-synapse")
    made = Synapse(Path(python), tmp_path_factory.mktemp("synapse"))
    made.start()
    yield made
    made.stop()
