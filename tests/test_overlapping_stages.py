"""Real jobs whose conversion runs while their download does, and what can go wrong meanwhile: each
ends rightly and leaves nothing.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from similubot_core import Cancelled, CancelToken, ConversionRequest, ProgressInfo, StageError
from similubot_core.jobs.folder_uploader import FolderUploader
from similubot_core.jobs.pipeline import Job, JobResult, run_job
from similubot_ffmpeg import AudioConverter, FFmpegSettings, parts
from similubot_ffmpeg.program import find_program
from similubot_loopback.media import make_video
from similubot_loopback.mega_server import LoopbackMega
from similubot_mega import MegaDownloader, MegaSettings
from similubot_mega.backoff import Waits

LIMIT = 45.0
SECONDS = 90
STALLED = 25
"""Percent of the file where nothing comes: within the first part, long before the second one."""
FAST = Waits(first=0.01, longest=0.05, busy=0.02, silence=10.0, reported=0.05)
needs_proc = pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its index lies at its end."""
    program = find_program(FFmpegSettings()).path
    return make_video(tmp_path_factory.mktemp("media") / "clip.mp4", SECONDS, program)


@pytest.fixture(scope="module")
def expected(video: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The digest of what is made of the whole video, in two parts."""
    with pytest.MonkeyPatch.context() as patch:
        cut_small(patch)
        folder = tmp_path_factory.mktemp("whole")
        job = Job(str(video), None, converter(), ConversionRequest(64), FolderUploader(folder))
        return digest(run_job(job))


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    cut_small(monkeypatch)


def cut_small(patch: pytest.MonkeyPatch) -> None:
    """Have a minute encoded in two parts, as half an hour is."""
    patch.setattr(parts, "PRE_ROLL", 64)
    patch.setattr(parts, "SHORTEST_PART", 192)
    patch.setattr(parts, "_ENCODED_PER_SECOND", 1e-6)


def converter() -> AudioConverter:
    return AudioConverter(settings=FFmpegSettings(threads=2))


def digest(result: JobResult) -> str:
    return hashlib.sha256(Path(result.result).read_bytes()).hexdigest()


class Running:
    """A job from a MEGA link into a folder, in a thread of its own."""

    def __init__(self, server: LoopbackMega, link: str, folder: Path) -> None:
        self.seen: list[ProgressInfo] = []
        self.encoding = threading.Event()
        self.token = CancelToken()
        self.result: JobResult | None = None
        self.error: BaseException | None = None
        self.own = folder / "own"
        self.kept = folder / "kept"
        for made in (self.own, self.kept):
            made.mkdir()
        # Nothing but its end, or a cancel, ends a wait for bytes.
        settings = MegaSettings(api_url=server.url, backend="embedded", stall_timeout=3600.0)
        downloader = MegaDownloader(folder / "out", settings, waits=FAST)
        request = ConversionRequest(64)
        self._job = Job(link, downloader, converter(), request, FolderUploader(self.kept))
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def join(self) -> None:
        self._thread.join(LIMIT)
        assert not self._thread.is_alive()

    @property
    def left(self) -> list[str]:
        """What is on the disk: nothing but results."""
        return [path.name for folder in (self.own, self.kept) for path in folder.rglob("*")]

    def _run(self) -> None:
        try:
            self.result = run_job(
                self._job, cancel=self.token, callbacks=(self._take,), folder=self.own
            )
        except (StageError, Cancelled) as error:
            self.error = error

    def _take(self, info: ProgressInfo) -> None:
        self.seen.append(info)
        if info.operation == "Audio Conversion" and info.percentage > 0:
            self.encoding.set()


@pytest.fixture
def run(
    loopback_mega: LoopbackMega, video: Path, tmp_path: Path
) -> Iterator[Callable[[], Running]]:
    started: list[Running] = []

    def start() -> Running:
        link = loopback_mega.add_file("clip.mp4", video)
        started.append(Running(loopback_mega, link, tmp_path))
        return started[-1]

    yield start
    for running in started:
        running.token.cancel()
        running.join()


def byte_at(video: Path, percent: int) -> int:
    return video.stat().st_size * percent // 100


def ffmpegs_of(folder: Path) -> list[int]:
    """The processes that have a file of `folder` on their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if os.fsencode(folder) in words and b"ffmpeg" in words.split(b"\0")[0]:
                found.append(int(entry.name))
    return found


def test_both_parts_are_encoded_as_it_comes_and_the_result_is_that_of_the_whole(
    run: Callable[[], Running], loopback_mega: LoopbackMega, video: Path, expected: str
) -> None:
    """The index at its end is fetched early, and each part's bytes as they are asked for."""
    loopback_mega.fail_data("stall", at=byte_at(video, STALLED), times=None)
    running = run()
    assert running.encoding.wait(LIMIT)
    loopback_mega.heal()
    loopback_mega.cut_connections()
    running.join()
    assert running.result is not None, running.error
    assert digest(running.result) == expected
    assert running.left == ["clip.m4a"]
    assert any("in 2 parts" in info.message for info in running.seen)


@pytest.mark.parametrize("percent", [10, 50, 99])
def test_a_download_that_fails_ends_the_job_with_its_own_sentence(
    percent: int, run: Callable[[], Running], loopback_mega: LoopbackMega, video: Path
) -> None:
    loopback_mega.fail_data("status", at=byte_at(video, percent), status=400, times=None)
    running = run()
    running.join()
    assert isinstance(running.error, StageError)
    assert "MEGA" in running.error.message
    assert running.left == []


def test_a_wrong_byte_that_only_the_mac_finds_is_not_in_the_result(
    run: Callable[[], Running], loopback_mega: LoopbackMega, video: Path, expected: str
) -> None:
    loopback_mega.fail_data("wrong_byte", at=byte_at(video, 40))
    running = run()
    running.join()
    assert running.result is not None, running.error
    assert digest(running.result) == expected
    assert running.left == ["clip.m4a"]


@needs_proc
def test_a_cancel_gets_through_while_ffmpeg_waits_for_bytes(
    run: Callable[[], Running], loopback_mega: LoopbackMega, video: Path
) -> None:
    loopback_mega.fail_data("stall", at=byte_at(video, STALLED), times=None)
    running = run()
    assert running.encoding.wait(LIMIT)
    running.token.cancel()
    running.join()
    assert isinstance(running.error, Cancelled)
    assert running.left == []
    assert ffmpegs_of(running.own) == []


@needs_proc
def test_a_job_that_is_killed_leaves_no_ffmpeg_and_goes_on_from_its_bytes(
    loopback_mega: LoopbackMega, video: Path, tmp_path: Path
) -> None:
    link = loopback_mega.add_file("clip.mp4", video)
    loopback_mega.fail_data("stall", at=byte_at(video, STALLED), times=None)
    environment = {
        **os.environ,
        "SIMILUBOT_MEGA_API_URL": loopback_mega.url,
        "SIMILUBOT_MEGA_BACKEND": "embedded",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
    }
    argv = [sys.executable, "-m", "similubot_core", "convert", link]
    argv += ["--bitrate", "64", "--output", str(tmp_path / "clip.m4a"), "--json"]
    process = subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout:
        next(line for line in process.stdout if "Encoding" in line)
        while not ffmpegs_of(tmp_path):  # it waits for bytes that do not come
            assert process.poll() is None
        process.kill()
        process.wait()
    while ffmpegs_of(tmp_path):  # it outlives the process by a moment only
        pass
    assert not (tmp_path / "clip.m4a").exists()
    loopback_mega.heal()
    before = loopback_mega.counters.bytes_served
    done = subprocess.run(argv, env=environment, capture_output=True, timeout=LIMIT, check=False)
    assert done.returncode == 0, done.stderr
    assert loopback_mega.counters.bytes_served - before < video.stat().st_size
    _, info, _ = AudioConverter().get_media_info(tmp_path / "clip.m4a")
    assert info is not None
    assert info.duration == pytest.approx(SECONDS, abs=0.1)


ON_A_SMALL_DISK = """
import sys
from pathlib import Path
from similubot_core import ConversionRequest, StageError
from similubot_core.jobs.folder_uploader import FolderUploader
from similubot_core.jobs.pipeline import Job, run_job
from similubot_ffmpeg import AudioConverter
from similubot_mega import MegaDownloader, MegaSettings
url, link, disk = sys.argv[1:]
others = Path(disk) / "of others"

def fill(info):
    if info.operation == "Audio Conversion" and not others.exists():
        with others.open("wb", buffering=0) as file:
            for size in (65536, 4096):
                try:
                    while file.write(bytes(size)) == size:
                        pass
                except OSError:
                    pass

downloader = MegaDownloader(Path(disk) / "out", MegaSettings(api_url=url, backend="embedded"))
job = Job(link, downloader, AudioConverter(), ConversionRequest(512), FolderUploader(Path(disk)))
try:
    print(run_job(job, folder=Path(disk), callbacks=(fill,)))
except StageError as error:
    print(error.message, [path.name for path in Path(disk).iterdir()])
"""


@pytest.mark.parametrize(
    ("size", "said"), [("30m", "make room, or choose another folder"), ("40m", "The disk is full")]
)
def test_a_full_disk_is_told_and_nothing_stays_on_it(
    size: str, said: str, loopback_mega: LoopbackMega, video: Path, tmp_path: Path
) -> None:
    """Of the first size, there is too little from the beginning; the other one others fill up."""
    link = loopback_mega.add_file("clip.mp4", video)
    script = tmp_path / "script.py"
    script.write_text(ON_A_SMALL_DISK)
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = f"mount -t tmpfs -o size={size} none '{disk}'"
    unshare = ("unshare", "-rm", "sh", "-c")
    if not shutil.which("unshare") or subprocess.run([*unshare, mount], check=False).returncode:
        pytest.skip("this machine does not let us mount a small disk of our own")
    done = subprocess.run(
        [
            *(*unshare, f'{mount} && exec "$@"', "sh", sys.executable, str(script)),
            *(loopback_mega.url, link, str(disk)),
        ],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert said in done.stdout, (done.stdout, done.stderr)
    assert done.stdout.strip().endswith(" []" if size == "30m" else " ['of others']")
