"""Sealed messages: only who has the key reads or writes them, and only in the same version."""

import time
from collections.abc import Callable

import pytest
from cryptography.fernet import Fernet

from similubot_bot import JobTask
from similubot_core import ProgressInfo, ProgressStatus, UsageError
from similubot_workers import messages
from similubot_workers.messages import (
    A_PRESENCE,
    A_TASK,
    SOME_NEWS,
    TASK_SECONDS,
    Attempt,
    OtherVersionError,
    Presence,
    Seal,
    SealError,
    State,
    Task,
)

KEY = Fernet.generate_key().decode()
LINK = "https://mega.nz/file/abc#the-secret-key"
TASK = Task("bot", JobTask(1, 1, LINK, "link", "song", 128, "catbox", 10**9, userhash="mine"))


def test_a_task_arrives_as_it_was_sent_and_shows_no_secret_on_the_way() -> None:
    sealed = Seal(KEY, "bot").close(TASK)
    assert Seal(KEY, "worker").open(sealed, A_TASK, TASK_SECONDS)[0] == TASK
    for secret in ("the-secret-key", "mine"):
        assert secret.encode() not in sealed
        assert secret not in repr(TASK)


def test_a_state_arrives_as_it_was_sent_with_all_its_details() -> None:
    info = ProgressInfo(
        "MEGA Download", ProgressStatus.IN_PROGRESS, 41.5, 415, 1000, None, 11.7, "song – ♪",
        {"connections": 4, "nested": {"eta": None}}, id="5e3a90c1-17", parent="5e3a90c1-16",
    )  # fmt: skip
    seal = Seal(KEY, "worker")
    state = State(Attempt("bot", 1, 1), info)
    assert seal.open(seal.close(state), SOME_NEWS)[0] == state


@pytest.mark.parametrize(
    "spoil",
    [
        lambda sealed: Seal(Fernet.generate_key().decode(), "x").close(TASK),
        lambda sealed: sealed[:-9] + b"AAAAAAAA=",
        lambda sealed: b"",
        lambda sealed: Seal(KEY, "x").close(Presence("bot", {})),
        lambda sealed: Fernet(KEY).encrypt_at_time(b"{}", int(time.time())),
    ],
    ids=["another key", "changed", "nothing", "another kind", "no envelope"],
)
def test_what_is_no_task_of_the_keys_is_not_opened(spoil: Callable[[bytes], bytes]) -> None:
    seal = Seal(KEY, "worker")
    with pytest.raises(SealError):
        seal.open(spoil(seal.close(TASK)), A_TASK, TASK_SECONDS)


def test_a_task_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    seal = Seal(KEY, "worker")
    sealed = seal.close(TASK)
    later = time.time() + TASK_SECONDS + 1
    monkeypatch.setattr(time, "time", lambda: later)
    with pytest.raises(SealError):
        seal.open(sealed, A_TASK, TASK_SECONDS)
    assert seal.open(sealed, A_TASK)[0] == TASK


def test_a_message_of_another_version_says_whose_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(messages, "VERSION", "0.0")
        patch.setattr(messages, "__version__", "0.0.9")
        sealed = Seal(KEY, "old-worker").close(Presence("bot", {}))
    with pytest.raises(OtherVersionError) as raised:
        Seal(KEY, "bot").open(sealed, A_PRESENCE)
    assert (raised.value.sender, raised.value.package) == ("old-worker", "0.0.9")


def test_a_key_that_is_none_is_refused_with_a_sentence() -> None:
    with pytest.raises(UsageError, match="`similubot workers --new-key` makes one"):
        Seal("secret", "bot")
