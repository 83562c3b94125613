"""MEGA's answers, right and hostile."""

import contextlib
import json
import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from similubot_core import CancelToken, StageError
from similubot_http import CancellableSession
from similubot_mega.api import MegaApi, MegaError, read_reply, size_in, time_left
from similubot_mega.backoff import Waits, retry_after


@pytest.mark.parametrize("form", ["{}", "[{}]"])
def test_an_object_is_the_answer_alone_or_in_a_list(form: str) -> None:
    reply = {"s": 5, "at": "x"}
    assert read_reply(form.replace("{}", json.dumps(reply)).encode()) == reply


@pytest.mark.parametrize("body", [b"-9", b"[-9]", b'{"err":-9}', b'{"e":-9}', b'[{"e":-9,"tl":5}]'])
def test_an_error_is_read_in_every_form(body: bytes) -> None:
    with pytest.raises(MegaError) as caught:
        read_reply(body)
    assert caught.value.code == -9


def test_quota_in_an_object_is_told_with_its_time_left() -> None:
    with pytest.raises(MegaError, match="try again in 2h 0m"):
        read_reply(b'[{"e":-17,"tl":7200}]')


@pytest.mark.parametrize(
    "body", [b"-17", b'{"e":-17,"tl":-5}', b'{"e":-17,"tl":"x"}', b'{"e":-17,"tl":1e99}']
)
def test_quota_without_a_sensible_time_is_told_without(body: bytes) -> None:
    with pytest.raises(MegaError, match="try again in some hours"):
        read_reply(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"null",
        b"true",
        b"5",
        b"0",
        b"[]",
        b'"x"',
        b"[[]]",
        b'{"e":"x"}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_answer_of_megas_is_told(body: bytes) -> None:
    with pytest.raises(MegaError, match="not MEGA's API"):
        read_reply(body)


@given(
    st.binary(max_size=100)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["e", "err", "tl", "s", "g"]), inner, max_size=3)
        ),
    ).map(lambda value: json.dumps(value).encode())
)
def test_any_answer_is_an_object_or_an_error(body: bytes) -> None:
    with contextlib.suppress(StageError):
        assert isinstance(read_reply(body), dict)


@pytest.mark.parametrize("size", [None, -1, True, "5", 1.5, 1 << 60, [5]])
def test_a_size_that_cannot_be_is_refused(size: object) -> None:
    with pytest.raises(MegaError):
        size_in({"s": size})


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("60", 60.0), ("", None), ("x", None), ("-5", None), ("9" * 50, None), ("²", None)],
)
def test_the_time_left_is_seconds_or_nothing(text: str, seconds: float | None) -> None:
    assert time_left({"X-MEGA-Time-Left": text}) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [(None, 0), ("3", 3), ("9999", 30), ("nan", 0), ("-1", 0), ("inf", 30), ("Wed, 21 Oct", 0)],
)
def test_retry_after_is_bounded(text: str | None, seconds: float) -> None:
    assert retry_after(text, 30.0) == seconds


def test_waits_double_with_jitter_up_to_the_longest() -> None:
    waits = Waits(first=1.0, longest=30.0)
    for failures, whole in [(1, 1), (2, 2), (3, 4), (5, 16), (6, 30), (1000, 30)]:
        drawn = {waits.after(failures) for _ in range(50)}
        assert all(whole / 2 <= wait <= whole for wait in drawn)
        assert len(drawn) > 1


@pytest.mark.parametrize("begin", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"])
def test_an_answer_that_comes_by_drips_ends_within_the_patience(begin: bytes) -> None:
    ended = threading.Event()

    def drip(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection, contextlib.suppress(OSError):
            connection.sendall(begin)
            while not ended.wait(0.05):
                connection.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip, args=(server,))
        thread.start()
        cancel = CancelToken()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        with CancellableSession(cancel) as session:
            api = MegaApi(session, url, cancel, 1.0, Waits(0.01, 0.01))
            with pytest.raises(MegaError):
                api.command({"a": "g"})
        ended.set()
        thread.join()
