"""What a taken-over FFmpeg can do from inside a real job: without us, within limits, locked in."""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from similubot_core import CancelToken, ConversionRequest, StageError
from similubot_core.jobs.pipeline import Job, run_job
from similubot_core.process import Access, LimitReached, Limits, _sandbox, run_process
from similubot_ffmpeg import AudioConverter, FFmpegSettings

MARK = "s3cret-mark"
MIB = 1024 * 1024
SOURCE = Path(__file__).with_name("attacker.py")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what locks in is Linux's")


class Scene:
    """A machine with things to steal, and an attacker who knows where they are."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        for name in ("home", "job", "bot"):
            (folder / name).mkdir()
        places = {
            "database": folder / "bot" / "jobs.db",
            "home": folder / "home",
            "other": folder / "bot" / "other.mp3",
            "folder": folder / "job",
            "input": folder / "bot" / "clip.mp3",
            "socket": folder / "bot" / "service",
            "abstract": f"similubot-{os.getpid()}-{folder.name}",
        }
        self.input = folder / "bot" / "clip.mp3"
        for file in ("bot/jobs.db", "bot/other.mp3", "bot/clip.mp3", "home/diary"):
            (folder / file).write_text("something")
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(("127.0.0.1", 0))
        for address in (str(places["socket"]), f"\0{places['abstract']}"):
            server = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            server.bind(address)
            server.listen()
        # As the bot was started: with a token in its environment.
        bot = subprocess.Popen(
            [sys.executable, "-c", "import sys; sys.stdin.read()"],
            stdin=subprocess.PIPE,
            env={"TOKEN": MARK},
        )
        stack.enter_context(bot)
        source = SOURCE.read_text(encoding="utf-8")
        source = source.replace(
            "PLACES: dict[str, str] = {}", f"PLACES = { {k: str(v) for k, v in places.items()} }"
        )
        ports = {"tcp": tcp.getsockname()[1], "udp": udp.getsockname()[1]}
        source = source.replace("PORTS: dict[str, int] = {}", f"PORTS = {ports}")
        source = re.sub(r"^BOT = 0", f"BOT = {os.getpid()}", source, flags=re.M)
        self.program = folder / "ffmpeg"
        self.program.write_text(f"#!{os.path.realpath(sys.executable)} -IS\n{source}")
        self.program.chmod(0o755)

    def without_us(self) -> set[str]:
        """What it could do as a child of an ordinary program."""
        environ = os.environ | {"TMPDIR": str(self.folder / "job")}
        ended = subprocess.run(
            [self.program], capture_output=True, text=True, env=environ, check=False
        )
        return told(ended.stderr)

    def in_a_job(self) -> set[str]:
        """What it could do as the FFmpeg of a job."""
        converter = AudioConverter(settings=FFmpegSettings(program=str(self.program)))
        job = Job(str(self.input), None, converter, ConversionRequest(), None, self.folder / "job")
        with pytest.raises(StageError) as caught:
            run_job(job)
        return told(caught.value.detail)


def told(text: str) -> set[str]:
    match = re.search(r"FOUND (\[.*?\])", text)
    assert match, text
    return set(json.loads(match[1]))


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setenv("SIMILUBOT_DISCORD_TOKEN", MARK)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with ExitStack() as stack:
        yield Scene(tmp_path, stack)


@pytest.fixture
def lock_in_by(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Have programs locked in by this and nothing else, or skip where the machine cannot."""

    def choose(how: str) -> None:
        if how == "bubblewrap" and not _sandbox.bubblewrap_works():
            pytest.skip("bubblewrap is not installed, or may not make namespaces here")
        if how == "landlock" and not _sandbox.landlock_version():
            pytest.skip("this kernel has no Landlock")
        monkeypatch.setattr(_sandbox, "_mechanism", lambda: how)
        monkeypatch.setattr(_sandbox, "_ask_mode", lambda: "off" if how == "limits" else "require")

    return choose


@pytest.mark.parametrize("how", ["landlock", "bubblewrap"])
def test_nothing_gets_out_of_a_job_that_is_locked_in(
    scene: Scene, lock_in_by: Callable[[str], None], how: str
) -> None:
    lock_in_by(how)
    assert scene.in_a_job() == set()
    assert sorted(p.name for p in (scene.folder / "job").iterdir()) == []


def test_without_us_it_gets_nearly_everything_so_that_the_tries_are_real(scene: Scene) -> None:
    reached = scene.without_us()
    assert reached >= {
        "read a token in its environment",
        "read a token in /proc",
        "read jobs.db",
        "read a file at home",
        "write beside the output",
        "write at home",
        "connect by TCP to the bot's port",
        "send by UDP",
        "connect to a service's socket",
        "signal the bot",
        "leave a link to jobs.db",
        "leave a hard link to jobs.db",
        "start programs without end",
        "take memory that is not counted",
        "change the bot's limits",
    }


def test_limits_alone_keep_it_from_tokens_memory_and_other_programs(
    scene: Scene, lock_in_by: Callable[[str], None]
) -> None:
    lock_in_by("limits")
    assert not scene.in_a_job() & {
        "read a token in its environment",
        "inherit a descriptor",
        "take a terminal",
        "gain privileges by a setuid program",
        "leave a core dump",
        "take 3 GB of memory",
        "take memory that is not counted",
        "start programs without end",
        "trace the bot",
        "leave a link to jobs.db",
        "leave a hard link to jobs.db",
        "make namespaces",
        "use io_uring",
    }


@pytest.mark.parametrize("how", ["limits", "landlock", "bubblewrap"])
def test_a_folder_that_is_filled_file_by_file_is_ended_by_a_limit(
    scene: Scene, lock_in_by: Callable[[str], None], how: str
) -> None:
    lock_in_by(how)
    own = scene.folder / "job"
    with pytest.raises(LimitReached, match=r"ffmpeg was stopped: .* 64\.0 MB of disk\.$"):
        run_process(
            [scene.program, "--fill"],
            cancel=CancelToken(),
            limits=Limits(disk=64 * MIB, processes=0),
            access=Access(writes=(own,)),
            env={"TMPDIR": str(own)},
        )


CONNECT = """
import socket, sys
def told(what, function):
    try:
        function()
        print(what, end=" ")
    except OSError:
        pass
allowed, other = map(int, sys.argv[1:])
told("allowed", lambda: socket.create_connection(("127.0.0.1", allowed), 5))
told("other", lambda: socket.create_connection(("127.0.0.1", other), 5))
told("ipv6", lambda: socket.socket(socket.AF_INET6))
told("unix", lambda: socket.socket(socket.AF_UNIX))
told("udp", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(
    b"x", ("127.0.0.1", other)))
told("listen", lambda: socket.create_server(("127.0.0.1", 0)))
"""


@pytest.mark.parametrize("how", ["landlock", "bubblewrap"])
def test_where_one_port_is_allowed_nothing_else_of_the_network_is(
    lock_in_by: Callable[[str], None], how: str, tmp_path: Path
) -> None:
    lock_in_by(how)
    if _sandbox.landlock_version() < 4:
        pytest.skip("this kernel's Landlock tells no ports apart")
    with (
        socket.create_server(("127.0.0.1", 0)) as allowed,
        socket.create_server(("127.0.0.1", 0)) as bots_own,
    ):
        ports = [server.getsockname()[1] for server in (allowed, bots_own)]
        access = Access(writes=(tmp_path,), network=ports[0])
        python = os.path.realpath(sys.executable)
        ended = run_process(
            [python, "-IS", "-c", CONNECT, *map(str, ports)], cancel=CancelToken(), access=access
        )
    assert (ended.returncode, ended.stderr_tail) == (0, "")
    assert ended.stdout_tail.split() == ["allowed"]
