"""What the tests of the pages share: a viewer without a browser."""

import http.client
import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

PATIENCE = 60.0
State = dict[str, dict[str, Any]]


class Viewer:
    """Follows a page's stream as a browser does, and keeps the state."""

    def __init__(self, address: str, headers: dict[str, str] | None = None) -> None:
        url = urlsplit(address)
        self._connection = http.client.HTTPConnection(url.netloc, timeout=PATIENCE)
        self._connection.request("GET", f"{url.path}events", headers=headers or {})
        self._answer = self._connection.getresponse()
        self.status = self._answer.status
        self.state: State = {}
        self.events: list[str] = []
        self.hello: dict[str, Any] = {}

    def next(self) -> tuple[str, Any]:
        """Wait for the next event, and take it in; its name and data. ("", None) is the end."""
        end = time.monotonic() + PATIENCE
        name, data = "", None
        while line := self._answer.readline():
            if line == b"\n" and name:
                self._take(name, data)
                return name, data
            assert time.monotonic() < end, "nothing came"
            field, _, value = line.decode().rstrip("\n").partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                data = json.loads(value)
        return "", None

    def until(self, condition: Callable[[State], bool]) -> State:
        """Wait until the state is so."""
        end = time.monotonic() + PATIENCE
        while not condition(self.state):
            name, _ = self.next()
            assert name, f"the stream ended at {self.state}"
            assert time.monotonic() < end, f"it never came: {self.state}"
        return self.state

    def close(self) -> None:
        self._answer.close()
        self._connection.close()

    def _take(self, name: str, data: Any) -> None:
        self.events.append(name)
        if name == "you":
            self.hello = data
        elif name == "all":
            self.state = data
        elif name == "some":
            for key, fields in data.items():
                if fields is None:
                    self.state.pop(key, None)
                else:
                    self.state[key] = {**self.state.get(key, {}), **fields}


@pytest.fixture
def watch() -> Iterator[Callable[..., Viewer]]:
    """Begins to look at an address."""
    viewers: list[Viewer] = []

    def begin(address: str, headers: dict[str, str] | None = None) -> Viewer:
        viewers.append(Viewer(address, headers))
        return viewers[-1]

    yield begin
    for viewer in viewers:
        viewer.close()
