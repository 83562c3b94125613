"""The bot as a process of its own, on a loopback Discord, MEGA and Catbox, with real FFmpeg."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from similubot_ffmpeg import AudioConverter
from similubot_ffmpeg.program import find_program
from similubot_ffmpeg.settings import FFmpegSettings
from similubot_loopback import media
from similubot_loopback.catbox_server import LoopbackCatbox
from similubot_loopback.discord_server import LoopbackDiscord, Message
from similubot_loopback.mega_server import LoopbackMega

PATIENCE = 60.0
EDITS = "PATCH /channels/{channel}/messages/{message}"
POSTS = "POST /channels/{channel}/messages"
TOKEN = "loopback-token-that-is-secret"


@dataclass
class BotProcess:
    """`similubot bot` as a child; `start` it again after `kill`."""

    discord: LoopbackDiscord
    mega: LoopbackMega
    catbox: LoopbackCatbox
    folder: Path
    log: Path
    settings: dict[str, str] = field(default_factory=dict)
    more_environ: dict[str, str] = field(default_factory=dict)
    recover: bool = False
    process: "subprocess.Popen[bytes] | None" = None

    def environment(self) -> dict[str, str]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("SIMILUBOT_")}
        values = {
            "DISCORD_TOKEN": self.discord.token,
            "DISCORD_API_URL": self.discord.api_url,
            "DISCORD_GATEWAY_URL": self.discord.gateway_url,
            "DISCORD_UPDATE_INTERVAL": "0.5",
            "MEGA_API_URL": self.mega.url,
            "MEGA_BACKEND": "embedded",
            "CATBOX_API_URL": self.catbox.catbox_url,
            "CATBOX_LITTERBOX_URL": self.catbox.litterbox_url,
            "BOT_DATA_FOLDER": str(self.folder),
            "BOT_COOLDOWN": "0",
            "BOT_MIN_FREE_DISK": "0",
            **self.settings,
        }
        named = {f"SIMILUBOT_{key}": value for key, value in values.items()}
        return clean | named | self.more_environ

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "similubot_core", "bot", *arguments]

    def start(self, *, ready: bool = True, **settings: str) -> None:
        """Start it, with further settings by their environment's names; wait until it is ready."""
        self.settings |= settings
        before = self.discord.identified
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(*(["--recover"] if self.recover else [])),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment(),
                cwd=self.log.parent,
            )
        if ready:
            self.discord.wait(lambda: self.discord.identified > before, PATIENCE)
            self.discord.wait(lambda: "convert" in self.discord.commands(), PATIENCE)

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """kill -9, at once."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(PATIENCE)

    def terminate(self) -> int:
        """SIGTERM; its exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def log_text(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def left_over(self) -> list[Path]:
        """What lies in the folder of the jobs."""
        return list((self.folder / "jobs").iterdir())


def run_bot(bot: BotProcess, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run `similubot bot` to its end."""
    environment = bot.environment() | environ
    return subprocess.run(
        bot.command(*arguments),
        env={k: v for k, v in environment.items() if v != "-"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        cwd=bot.log.parent,
        check=False,
    )


@pytest.fixture
def discord_server() -> Iterator[LoopbackDiscord]:
    """With wider buckets than Discord's, so that short intervals do not mean waiting."""
    with LoopbackDiscord(TOKEN) as server:
        server.set_limit(EDITS, 50, 5.0)
        server.set_limit(POSTS, 50, 5.0)
        yield server


@pytest.fixture
def mega() -> Iterator[LoopbackMega]:
    with LoopbackMega() as server:
        yield server


@pytest.fixture
def catbox(tmp_path: Path) -> Iterator[LoopbackCatbox]:
    with LoopbackCatbox(tmp_path / "catbox") as server:
        yield server


@pytest.fixture
def bot(
    discord_server: LoopbackDiscord, mega: LoopbackMega, catbox: LoopbackCatbox, tmp_path: Path
) -> Iterator[BotProcess]:
    """A bot that is not started yet."""
    made = BotProcess(discord_server, mega, catbox, tmp_path / "bot", tmp_path / "bot.log")
    yield made
    if made.alive:
        made.kill()
    text = made.log_text() if made.log.exists() else ""
    assert TOKEN not in text
    assert "Traceback" not in text, text


@pytest.fixture(scope="session")
def make_sound(tmp_path_factory: pytest.TempPathFactory) -> Callable[[float], Path]:
    """Makes a .wav of some seconds with real FFmpeg, each length once."""
    folder = tmp_path_factory.mktemp("sounds")
    program = find_program(FFmpegSettings()).path

    def make(seconds: float) -> Path:
        file = folder / f"{seconds:g}.wav"
        return file if file.exists() else media.make_sound(file, seconds, program)

    return make


@dataclass(frozen=True)
class Sound:
    codec: str
    duration: float


def fetch_sound(link: str, folder: Path) -> Sound:
    """Fetch a link, decode all of it with FFmpeg, and say what it is."""
    file = folder / "fetched.m4a"
    with urllib.request.urlopen(link, timeout=30) as answer:
        file.write_bytes(answer.read())
    _, info, error = AudioConverter().get_media_info(file)
    assert info is not None, error
    assert info.audio is not None
    assert info.duration is not None
    decoded = subprocess.run(
        [find_program(FFmpegSettings()).path, "-v", "error", "-i", file, "-f", "null", "-"],
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (decoded.returncode, decoded.stderr) == (0, b"")
    return Sound(info.audio.codec, info.duration)


FINAL_TITLES = ("✅ Conversion Complete", "❌ Error", "🚫 Cancelled")


def title(message: Message) -> str:
    return str(message.embeds[0].get("title", "")) if message.embeds else ""


def description(message: Message) -> str:
    return str(message.embeds[0].get("description", "")) if message.embeds else ""


def fields(message: Message) -> dict[str, str]:
    found: Sequence[Mapping[str, str]] = message.embeds[0].get("fields", ())
    return {field["name"]: field["value"] for field in found}


def is_final(message: Message) -> bool:
    return title(message) in FINAL_TITLES


def answers(bot: BotProcess) -> list[Message]:
    """The bot's messages, but for those that only notify somebody of another one's end."""
    found = bot.discord.messages(author=bot.discord.bot)
    own = {message.id for message in found}
    return [message for message in found if message.reply_to not in own]


def notices(bot: BotProcess) -> list[Message]:
    """The bot's replies to its own messages."""
    found = bot.discord.messages(author=bot.discord.bot)
    own = {message.id for message in found}
    return [message for message in found if message.reply_to in own]


def final_answer(bot: BotProcess, *, count: int = 1, timeout: float = PATIENCE) -> Message:
    """Wait until the bot has `count` messages, all final; the last of them."""

    def ended() -> Message | None:
        found = answers(bot)
        return found[-1] if len(found) >= count and all(map(is_final, found)) else None

    try:
        return bot.discord.wait(ended, timeout)
    except TimeoutError:
        seen = [(title(m), description(m), m.content) for m in answers(bot)]
        raise AssertionError(f"not ended: {seen}\n{bot.log_text()}") from None


def plain_answer(bot: BotProcess, *, count: int = 1) -> str:
    """Wait until the bot has `count` messages; the text of the last."""

    def there() -> Message | None:
        found = answers(bot)
        return found[-1] if len(found) >= count else None

    try:
        return bot.discord.wait(there, PATIENCE).content
    except TimeoutError:
        raise AssertionError(f"no answer\n{bot.log_text()}") from None


def wait_until(condition: Callable[[], bool], timeout: float = PATIENCE) -> None:
    """Poll a condition of the machine (a file, a process) that nobody tells us of."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def shared_bot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BotProcess]:
    """A bot that a module's tests share: for requests that leave nothing behind."""
    folder = tmp_path_factory.mktemp("shared")
    with (
        LoopbackDiscord(TOKEN) as discord_server,
        LoopbackMega() as mega,
        LoopbackCatbox(folder / "catbox") as catbox,
    ):
        discord_server.set_limit(POSTS, 50, 5.0)
        bot = BotProcess(discord_server, mega, catbox, folder / "bot", folder / "bot.log")
        bot.start()
        yield bot
        assert bot.terminate() == 0
        assert "Traceback" not in bot.log_text(), bot.log_text()


@pytest.fixture
def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
