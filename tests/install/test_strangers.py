"""Two strangers' plugins of every kind as wheels beside ours: each is chosen, none blocks."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from similubot_ffmpeg.program import find_program
from similubot_ffmpeg.settings import FFmpegSettings
from similubot_loopback import media
from similubot_loopback.discord_server import LoopbackDiscord, Message

from .environments import Environment
from .stranger_wheels import write_strangers

pytestmark = pytest.mark.slow

OURS = ("bot", "http", "yt-dlp", "tools", "loopback")
PATIENCE = 60.0
NO_LOOK = {"SIMILUBOT_CORE_CHECK_LINKS": "false"}
UNDECIDED = (
    "Several downloaders accept links such as https://harp.example/1.mp3: harp-fetch and http.",
    "Several converters make mp3: ffmpeg and harp-press.",
)
DECIDED = {"SIMILUBOT_CORE_PREFER": "harp-fetch,ffmpeg"}


@pytest.fixture(scope="module")
def shared(
    new_environment: Callable[[], Environment], tmp_path_factory: pytest.TempPathFactory
) -> Environment:
    """An environment with ours and the strangers'."""
    environment = new_environment()
    strangers = write_strangers(tmp_path_factory.mktemp("strangers"))
    environment.install(*(f"similubot-{name}" for name in OURS), *strangers)
    (site,) = environment.folder.glob("lib/python*/site-packages")
    media.make_sound(site / "sound.wav", 1, find_program(FFmpegSettings()).path)
    return environment


@pytest.fixture
def work(shared: Environment, tmp_path: Path) -> Path:
    (tmp_path / "clip.wav").write_bytes(
        next(shared.folder.glob("lib/*/site-packages/sound.wav")).read_bytes()
    )
    return tmp_path


Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(shared: Environment, work: Path) -> Run:
    def similubot(*words: str, **environ: str) -> "subprocess.CompletedProcess[str]":
        return shared.similubot(*words, cwd=work, ok=False, **NO_LOOK, **environ)

    return similubot


# -- the command line --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "result"),
    [
        ("convert https://trumpet.example/1", "fetched.m4a"),
        ("download https://trumpet.example/1", "fetched.wav"),
        ("convert https://other.example/page --from harp-fetch", "fetched.m4a"),
        ("convert clip.wav -o clip.brass", "clip.brass"),
        ("convert clip.wav --format strings", "clip.strings"),
        ("convert clip.wav --format opus", "clip.opus"),
        ("convert clip.wav --format brass --to harp-shelf", "https://harp.example/clip.brass"),
        ("convert clip.wav --to trumpet-shelf", "https://trumpet.example/clip.m4a"),
        ("upload clip.wav --to folder=.", "clip (2).wav"),
    ],
)
def test_each_is_chosen_and_none_blocks(words: str, result: str, run: Run) -> None:
    ended = run(*words.split(), "--quiet")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.strip().endswith(result)


def test_what_two_make_is_decided_by_the_settings(run: Run, work: Path) -> None:
    undecided = run("convert", "clip.wav", "-o", "clip.mp3")
    assert (undecided.returncode, undecided.stdout) == (2, "")
    assert "ffmpeg and harp-press" in undecided.stderr
    for converter in ("ffmpeg", "harp-press"):
        words = ("convert", "clip.wav", "-o", "clip.mp3", "--overwrite", "--quiet")
        assert run(*words, SIMILUBOT_CORE_PREFER=converter).returncode == 0
        by_harp = (work / "clip.mp3").read_bytes() == b"mp3 by Harp"
        assert by_harp == (converter == "harp-press")


def test_what_two_download_is_decided_by_what_is_typed_or_by_the_settings(run: Run) -> None:
    plan = ("convert", "https://media.example/a.mp3", "--dry-run")
    undecided = run(*plan)
    assert undecided.returncode == 2
    assert "Choose one with --from harp-fetch" in undecided.stderr
    for name in ("harp-fetch", "http", "yt-dlp"):
        assert f": download ({name})" in run(*plan, "--from", name).stdout
    assert ": download (http)" in run(*plan, SIMILUBOT_CORE_PREFER="http").stdout


@pytest.mark.parametrize("command", ["plugins", "doctor", "bot --check"])
def test_what_is_undecided_is_told_until_it_is_decided(command: str, run: Run) -> None:
    told = run(*command.split()).stdout
    for sentence in UNDECIDED:
        assert told.count(sentence) == 1
    assert "Several" not in run(*command.split(), **DECIDED).stdout


# -- the bot -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def discord() -> Iterator[LoopbackDiscord]:
    with LoopbackDiscord("token") as server:
        for route in ("POST /channels/{channel}/messages",
                      "PATCH /channels/{channel}/messages/{message}"):  # fmt: skip
            server.set_limit(route, 50, 5.0)
        yield server


@pytest.fixture(scope="module")
def bot(
    shared: Environment, discord: LoopbackDiscord, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """The bot of that environment; its log."""
    folder = tmp_path_factory.mktemp("bot")
    log = folder / "log"
    settings = {
        "DISCORD_TOKEN": "token",
        "DISCORD_API_URL": discord.api_url,
        "DISCORD_GATEWAY_URL": discord.gateway_url,
        "DISCORD_UPDATE_INTERVAL": "0.5",
        "BOT_DATA_FOLDER": str(folder / "data"),
        "BOT_COOLDOWN": "0",
        "BOT_MIN_FREE_DISK": "0",
    }
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("SIMILUBOT_", "PYTHON"))}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [shared.folder / "bin/similubot", "bot"],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder,
            env=clean | NO_LOOK | {f"SIMILUBOT_{key}": value for key, value in settings.items()},
        )  # fmt: skip
    try:
        discord.wait(lambda: discord.identified and "convert" in discord.commands(), PATIENCE)
        yield log
    finally:
        process.kill()
        process.wait()


def answer(discord: LoopbackDiscord, request: str, log: Path) -> str:
    """Type a request; all that the bot says at the end of it."""
    before = {message.id for message in discord.messages(author=discord.bot)}
    discord.type_message(f"!convert {request}")

    def ended() -> Message | None:
        found = [m for m in discord.messages(author=discord.bot) if m.id not in before]
        return found[-1] if found and (not found[-1].embeds or _is_final(found[-1])) else None

    try:
        message = discord.wait(ended, PATIENCE)
    except TimeoutError:
        raise AssertionError(log.read_text()) from None
    return message.content + json.dumps(list(message.embeds), ensure_ascii=False)


def _is_final(message: Message) -> bool:
    return message.embeds[0].get("title") in ("✅ Conversion Complete", "❌ Error")


@pytest.mark.parametrize(
    ("request_", "link"),
    [
        ("https://trumpet.example/1 trumpet-shelf", "https://trumpet.example/fetched.m4a"),
        ("https://trumpet.example/1 brass harp-shelf", "https://harp.example/fetched.brass"),
        ("https://other.example/page strings harp-shelf", "https://harp.example/fetched.strings"),
        ("https://other.example/page opus trumpet-shelf", "https://trumpet.example/fetched.opus"),
    ],
)
def test_each_is_chosen_in_the_bot_and_none_blocks(
    request_: str, link: str, discord: LoopbackDiscord, bot: Path
) -> None:
    told = answer(discord, request_, bot)
    assert "Conversion Complete" in told
    assert link in told


@pytest.mark.parametrize(
    "request_", ["https://media.example/a.mp3 strings", "https://trumpet.example/1 mp3"]
)
def test_in_the_bot_an_undecided_choice_is_its_operators(
    request_: str, discord: LoopbackDiscord, bot: Path
) -> None:
    told = answer(discord, f"{request_} harp-shelf", bot)
    assert "`similubot doctor` says how" in told
    assert "--from" not in told


def test_a_stage_that_cannot_be_made_is_told_and_does_not_keep_the_bot_from_starting(
    bot: Path,
) -> None:
    assert "The downloader bent of stranger-trumpet 1.2.3 cannot be used" in bot.read_text()
