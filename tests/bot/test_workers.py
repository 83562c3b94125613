"""The bot with workers, each a process of its own, on a real Redis: what people see of it."""

import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from .conftest import (
    EDITS,
    PATIENCE,
    POSTS,
    BotProcess,
    answers,
    description,
    final_answer,
    is_final,
    title,
    wait_until,
)
from .test_long import assert_ends_once, wait_until_final

MakeSound = Callable[[float], Path]
ROUNDS = 10
SEEDS = range(1, 1 + int(os.environ.get("SIMILUBOT_TEST_KILL_SEEDS", "1")))
"""Each seed kills other processes at other moments, and takes some minutes."""

PASSWORD = "loopback-password-of-redis"


@dataclass
class Redis:
    """A real Redis."""

    folder: Path
    port: int
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        options = {
            "port": self.port,
            "bind": "127.0.0.1",
            "dir": self.folder,
            "requirepass": PASSWORD,
            "appendonly": "yes",
            "save": "",
        }
        words = [str(word) for key, value in options.items() for word in (f"--{key}", value)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(["redis-server", *words], stdout=log, stderr=log)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(PATIENCE)


@dataclass
class Fleet:
    """A bot, its Redis and its workers."""

    bot: BotProcess
    redis: Redis
    folder: Path
    workers: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    def start_worker(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "similubot_core", "worker", "--slots", "1"]
        with (self.folder / "workers.log").open("ab") as log:
            made = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.bot.environment(),
                cwd=self.folder,
            )
        self.workers.append(made)
        return made

    def log_text(self) -> str:
        return (self.folder / "workers.log").read_text(encoding="utf-8")

    def left_over(self) -> list[Path]:
        """Files of jobs, in the folders of workers."""
        return [path for path in (self.folder / "work").rglob("*") if path.suffix != ".lock"]


@pytest.fixture
def fleet(bot: BotProcess, tmp_path: Path, free_port: int) -> Iterator[Fleet]:
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not there; Debian's package redis-server brings it")
    (tmp_path / "redis").mkdir()
    redis = Redis(tmp_path / "redis", free_port)
    redis.start()
    bot.settings |= {
        "WORKERS_URL": f"redis://:{PASSWORD}@127.0.0.1:{free_port}/0",
        "WORKERS_KEY": Fernet.generate_key().decode(),
        "WORKERS_FOLDER": str(tmp_path / "work"),
        "WORKERS_LOCAL": "false",
    }
    made = Fleet(bot, redis, tmp_path)
    yield made
    for worker in made.workers:
        if worker.poll() is None:
            worker.kill()
            worker.wait(PATIENCE)
    redis.kill()
    assert "Traceback" not in made.log_text(), made.log_text()
    for text in (made.log_text(), bot.log_text()):
        assert PASSWORD not in text
        assert bot.settings["WORKERS_KEY"] not in text


def shown(bot: BotProcess) -> str:
    """The title and the text of the newest answer."""
    return "\n".join(f"{title(message)}\n{description(message)}" for message in answers(bot)[-1:])


@pytest.mark.slow
def test_a_job_that_begins_again_elsewhere_says_so_and_the_machines_are_listed(
    fleet: Fleet, make_sound: MakeSound
) -> None:
    bot = fleet.bot
    first = fleet.start_worker()
    bot.start()
    bot.mega.limit = 20_000
    bot.discord.type_message(f"!convert {bot.mega.add_file('song.wav', make_sound(5))}")
    bot.discord.wait(lambda: "MEGA Download" in shown(bot), PATIENCE)
    first.send_signal(signal.SIGKILL)
    first.wait(PATIENCE)
    fleet.start_worker()
    bot.discord.wait(lambda: "Begun again on another machine" in shown(bot), PATIENCE)
    status = subprocess.run(
        bot.command("ctl", "status"),
        env=bot.environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    ).stdout
    assert re.search(r"job 1 on workers: MEGA Download [\d.]+%", status), status
    assert "1 of 1 slots, jobs 1" in status
    bot.mega.limit = None
    assert title(final_answer(bot)) == "✅ Conversion Complete"
    assert len(bot.catbox.uploads) == 1


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", SEEDS)
def test_kills_of_bot_workers_and_redis_lose_nothing_and_leave_nothing(
    fleet: Fleet, make_sound: MakeSound, tmp_path: Path, seed: int
) -> None:
    bot, chance = fleet.bot, random.Random(seed)
    bot.discord.set_limit(EDITS, 5, 5.0)
    bot.discord.set_limit(POSTS, 5, 5.0)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    bot.settings["BOT_OPEN_PER_USER"] = "9"
    bot.more_environ = {"TMPDIR": str(temporary)}
    bot.mega.limit = 250_000
    users = [bot.discord.add_user(f"user{n}") for n in range(8)]
    channels = [bot.discord.add_channel(f"channel{n}") for n in range(8)]
    links = [bot.mega.add_file(f"song {n}.wav", make_sound(2)) for n in range(5)]
    for _ in range(2):
        fleet.start_worker()
    bot.start()
    for link in links:
        for user, channel in zip(users, channels, strict=True):
            bot.discord.type_message(f"!convert {link} 96", author=user, channel=channel)
    bot.discord.wait(lambda: len(answers(bot)) == 40, 300)

    began = time.monotonic()
    killed: Counter[str] = Counter()
    starts = 1
    for _ in range(ROUNDS):
        time.sleep(chance.uniform(2.0, 8.0))  # the random moment is what is tested
        victim = chance.choice(["bot", "worker", "redis"])
        killed[victim] += 1
        if victim == "bot":
            wait_until(lambda: bot.log_text().count("logging in") == starts, 120)  # noqa: B023
            bot.kill()
            bot.start(ready=False)
            starts += 1
        elif victim == "redis":
            fleet.redis.kill()
            time.sleep(chance.uniform(0.0, 3.0))
            fleet.redis.start()
        else:
            worker = chance.choice([w for w in fleet.workers if w.poll() is None])
            worker.kill()
            worker.wait(PATIENCE)
            fleet.start_worker()
    kills = time.monotonic() - began
    wait_until_final(bot, 900)

    assert len(answers(bot)) == 40
    assert {title(message) for message in answers(bot)} == {"✅ Conversion Complete"}
    for message in answers(bot):
        assert_ends_once(message)
    wait_until(lambda: not bot.left_over())
    assert bot.terminate() == 0
    with sqlite3.connect(bot.folder / "jobs.db") as db:
        rows = Counter(db.execute("SELECT outcome, shown FROM jobs"))
        attempts = db.execute("SELECT sum(starts) FROM jobs").fetchone()[0]
    assert rows == {("done", 1): 40}
    for worker in fleet.workers:
        if worker.poll() is None:
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(PATIENCE) == 0
    assert fleet.left_over() == []
    assert list(temporary.iterdir()) == []
    assert all(map(is_final, answers(bot)))
    print(
        f"\nseed {seed}: {ROUNDS} kills {dict(killed)} in {kills:.0f} s, 40 jobs in {attempts} "
        f"attempts, {len(bot.catbox.uploads)} uploads, all ended {time.monotonic() - began:.0f} s "
        "after the first kill"
    )
