"""The loopback Matrix limits and answers as Synapse does."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

from similubot_loopback.matrix_server import LoopbackMatrix, Room

Answer = tuple[int, dict[str, object]]


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def ask(server: LoopbackMatrix, method: str, path: str, body: object = None) -> Answer:
    request = urllib.request.Request(
        f"{server.url}/_matrix/client/v3/{path}",
        None if body is None else json.dumps(body).encode(),
        {"Authorization": f"Bearer {server.token}"},
        method=method,
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return 200, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def send(server: LoopbackMatrix, room: Room, name: str, **content: object) -> Answer:
    body = {"msgtype": "m.notice", "body": name, **content}
    return ask(server, "PUT", f"rooms/{room.id}/send/m.room.message/{name}", body)


def test_ten_events_pass_at_once_and_then_one_in_five_seconds() -> None:
    clock = Clock()
    with LoopbackMatrix(clock=clock) as server:
        room = server.add_room("#x")
        assert {send(server, room, f"first-{n}")[0] for n in range(10)} == {200}
        status, answer = send(server, room, "eleventh")
        assert (status, answer["errcode"]) == (429, "M_LIMIT_EXCEEDED")
        assert answer["retry_after_ms"] == 5000
        clock.now += 5.0
        assert send(server, room, "eleventh")[0] == 200
        assert send(server, room, "twelfth")[0] == 429


def test_an_event_sent_again_under_its_name_does_not_come_twice() -> None:
    with LoopbackMatrix() as server:
        room = server.add_room("#x")
        assert send(server, room, "one") == send(server, room, "one")
        assert len(room.messages) == 1


def test_an_edit_changes_what_people_see_and_is_lost_on_a_deleted_message() -> None:
    with LoopbackMatrix() as server:
        room = server.add_room("#x")
        event = send(server, room, "one")[1]["event_id"]
        edit = {
            "m.new_content": {"msgtype": "m.notice", "body": "two"},
            "m.relates_to": {"rel_type": "m.replace", "event_id": event},
        }
        assert send(server, room, "edit", **edit)[0] == 200
        (message,) = room.messages
        assert (message.body, message.edits) == ("two", 1)
        server.delete(message)
        assert send(server, room, "again", **edit)[0] == 200
        assert message.body == ""
        found = ask(server, "GET", f"rooms/{room.id}/event/{event}")[1]
        assert "redacted_because" in str(found["unsigned"])


def test_errors_have_matrixs_codes() -> None:
    with LoopbackMatrix() as server:
        out = server.add_room("#out", joined=False, invited=False)
        room = server.add_room("#x")
        codes = [
            send(server, out, "x")[1]["errcode"],
            ask(server, "POST", f"join/{out.id}", {})[1]["errcode"],
            ask(server, "GET", "directory/room/%23none:x")[1]["errcode"],
            ask(server, "GET", f"rooms/{room.id}/state/m.room.encryption")[1]["errcode"],
            send(server, room, "big", formatted_body="x" * 70_000)[1]["errcode"],
            ask(server, "GET", "whatever")[1]["errcode"],
        ]
    assert codes == [
        "M_FORBIDDEN", "M_FORBIDDEN", "M_NOT_FOUND", "M_NOT_FOUND", "M_TOO_LARGE", "M_UNRECOGNIZED",
    ]  # fmt: skip
