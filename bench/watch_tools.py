# ruff: noqa: E501  (a case is a line)
"""What `similubot watch` shows of real programs, on a terminal and on a pipe.

    python bench/watch_tools.py [--only NAME]… [--group N/M] [--record FOLDER] [--markdown FILE]

Each program that is installed here really runs, on inputs that this script makes; what was shown
after 10, 50 and 90 % of its time stands beside each other. Programs that mostly wait run side by
side, those that compute alone. Beside them stands by how many points at most what was shown differed
from what was true while it claimed to know: from the share of the time, or, of a program that does much
besides or computes, from the share of its output that it had written or of its input that it had
read. More than 10 is wrong, and so is over 90 in the first third. `--record` keeps what the programs printed, and
when, as the tests' samples; `--label` marks those of another version, found first on PATH.
"""

import argparse
import concurrent.futures
import contextlib
import gzip
import hashlib
import http.server
import io
import json
import os
import random
import re
import selectors
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

OFF_BY = 10.0
AT_ONCE = 8
LOOKING_SECONDS = 0.05
EVENT = re.compile(rb'\{"event": "progress".*?"timestamp": [\d.]+\}\n?')
MOST_RECORDED = 30_000
MOST_OF_A_PIECE = 500


@dataclass(frozen=True)
class Case:
    """One program's run.

    Attributes:
        name: Its row in the table.
        command: A line for `sh -c exec`, in the folder of the inputs.
        needs: The program that has to be there.
        before: What is done before each run, by `sh -c`.
        truth: What a percentage is compared with: "time", "wrote NAME", "read NAME", or
            "" where nothing can be seen from outside.
        computes: Whether it takes a processor for itself.
        works: A command that tells whether it can run here, besides that it is installed.
    """

    name: str
    command: str
    needs: str
    before: str = ""
    truth: str = "time"
    computes: bool = False
    works: str = ""


@dataclass
class Run:
    """What came of it."""

    seconds: float = 0.0
    status: int = 0
    output: list[tuple[float, bytes]] = field(default_factory=list)
    events: list[tuple[float, dict[str, object]]] = field(default_factory=list)
    truth: list[tuple[float, float]] = field(default_factory=list)

    def shown(self, share: float) -> tuple[float, str, int]:
        """The percentage (0 is unknown), the sentence and the bytes at this share of the time."""
        until = self.seconds * share
        now = [event for at, event in self.events if at <= until]
        if not now:
            return 0.0, "", 0
        last = now[-1]
        done = int(str(last["current_size"] or 0))
        return float(str(last["percentage"])), str(last["message"]), done

    def true_at(self, seconds: float, truth: str) -> float | None:
        """What is true then, in per cent; None is unknown."""
        if truth == "time":
            return 100 * seconds / max(self.seconds, 0.01)
        if not truth:
            return None
        return max((share for at, share in self.truth if at <= seconds), default=0.0)

    def furthest(self, truth: str) -> tuple[float, bool]:
        """By how many points at most what was shown was off, and whether it was over 90 too soon."""
        off, too_soon, last = 0.0, False, 0.0
        for at, event in self.events:
            percentage = float(str(event["percentage"]))
            if event["status"] != "in_progress" or percentage == last:
                continue  # a program that reports once a second is right when it does
            last = percentage
            true = self.true_at(at, truth)
            # What was seen of a file is up to one look old.
            soon = self.true_at(at + 2 * LOOKING_SECONDS, truth)
            if true is not None and soon is not None:
                off = max(off, true - percentage, percentage - soon)
            too_soon = too_soon or (percentage > 90 and at < self.seconds / 3)
        for share in (0.1, 0.5, 0.9):
            true, percentage = self.true_at(self.seconds * share, truth), self.shown(share)[0]
            if true is not None and percentage:
                off = max(off, abs(true - percentage))
        return off, too_soon


PY = sys.executable
SERVE = "http://127.0.0.1:$PORT"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CASES = (
    Case("git clone", "git clone --progress file://$W/repo clone", "git", "rm -rf clone", truth="", computes=True),
    Case("git checkout", "git -C clone2 checkout --progress -f HEAD -- .", "git",
         "rm -rf clone2; git clone -q -n file://$W/repo clone2", truth=""),
    Case("rsync --info=progress2", "rsync -a --info=progress2 --bwlimit=2000 big/ out/", "rsync",
         "rm -rf out"),
    Case("rsync progress2, many folders", "rsync -a --info=progress2 --bwlimit=1200 many/ out/",
         "rsync", "rm -rf out", truth=""),
    Case("rsync --progress", "rsync -a --progress --bwlimit=3500 big/ out/", "rsync", "rm -rf out"),
    Case("rsync --progress, one file", "rsync --progress --bwlimit=2000 big/a.bin out.bin",
         "rsync", "rm -rf out.bin"),
    Case("curl", f"curl --limit-rate 2M -o out.bin {SERVE}/40000000", "curl"),
    Case("curl, no length", f"curl --limit-rate 4M -o out.bin {SERVE}/chunked/40000000", "curl"),
    Case("curl -#", f"curl -# --limit-rate 2M -o out.bin {SERVE}/40000000", "curl", truth="wrote out.bin"),
    Case("curl, two links", f"curl --limit-rate 4M -o 1 {SERVE}/20000000 -o 2 {SERVE}/20000000",
         "curl"),
    Case("wget", f"wget --limit-rate=3M -O out.bin {SERVE}/40000000", "wget"),
    Case("wget, no length", f"wget --limit-rate=4M -O out.bin {SERVE}/chunked/40000000", "wget"),
    Case("wget, two links", f"wget --limit-rate=4M {SERVE}/20000000 {SERVE}/20000001", "wget",
         "rm -f 2000000*"),
    Case("aria2c", f"aria2c --max-download-limit=2M -o out.bin {SERVE}/40000000", "aria2c",
         "rm -f out.bin*"),
    Case("aria2c, two links",
         f"aria2c -Z -j1 --max-download-limit=4M {SERVE}/20000000 {SERVE}/20000001", "aria2c",
         "rm -f 2000000*"),
    Case("yt-dlp", f"yt-dlp --no-config -r 2M -o out.mp4 {SERVE}/long.mp4", "yt-dlp",
         "rm -f out.mp4*",
         truth="wrote out.mp4*"),
    Case("rclone -P", "rclone copy -P --stats 500ms --bwlimit 3M big out", "rclone", "rm -rf out"),
    Case("rclone --use-json-log",
         "rclone copy -v --use-json-log --stats 500ms --bwlimit 3M big out", "rclone", "rm -rf out"),
    Case("rclone -v", "rclone copy -v --stats 500ms --bwlimit 3M big out", "rclone", "rm -rf out"),
    Case("restic backup", "restic -r repo.restic --limit-upload 4000 backup big", "restic",
         "rm -rf repo.restic; restic -q -r repo.restic init"),
    Case("restic backup --json", "restic -r repo.restic --json --limit-upload 4000 backup big",
         "restic", "rm -rf repo.restic; restic -q -r repo.restic init"),
    Case("restic restore", "restic -r repo.restic --limit-download 4000 restore latest --target out",
         "restic", "rm -rf out; [ -e repo.restic ] || { restic -q -r repo.restic init; restic -q -r repo.restic backup big; }"),
    Case("borg create", "borg create --progress -C zlib,9 repo.borg::x text", "borg",
         "rm -rf repo.borg; borg init -e none repo.borg", computes=True),
    Case("borg create --log-json", "borg create --progress --log-json -C zlib,9 repo.borg::x text",
         "borg", "rm -rf repo.borg; borg init -e none repo.borg", computes=True),
    Case("borg extract", "sh -c 'cd out && borg extract --progress ../repo.borg::x'", "borg",
         "rm -rf out; mkdir out; [ -e repo.borg ] || { borg init -e none repo.borg; borg create repo.borg::x big; }", truth="", computes=True),
    Case("zstd", "zstd -19 -T1 -v -f text/a.txt -o out.zst", "zstd", computes=True),
    Case("zstd, two files", "zstd -17 -T1 -v -f text/a.txt text/b.txt", "zstd", computes=True),
    Case("xz -v", "xz -v -6 -k -f -T1 text/a.txt", "xz", truth="read text/a.txt", computes=True),
    Case("xz -v, two files", "xz -v -6 -k -f -T1 text/b.txt text/a.txt", "xz", computes=True),
    Case("xz -v, on its way through", "sh -c 'xz -v -4 -T1 < text/a.txt > out.xz'", "xz", computes=True),
    Case("7z a", "7z a -bsp1 -mx5 -mmt1 out.7z text/a.txt", "7z", "rm -f out.7z", computes=True),
    Case("7z x", "7z x -bsp1 -y -oout kept.7z", "7z", "rm -rf out; [ -e kept.7z ] || 7z a -mx5 kept.7z text", computes=True),
    Case("tar --checkpoint", "tar --checkpoint=200 -czf out.tgz text", "tar", computes=True),
    Case("tar with a total", "tar --checkpoint=200 --totals -cJf out.txz text/a.txt", "tar", computes=True),
    Case("dd status=progress", "sh -c 'python3 slow.py | dd of=out.bin bs=64k status=progress'",
         "dd"),
    Case("pv", "sh -c 'pv -L 2M big/a.bin > out.bin'", "pv"),
    Case("pv -n", "sh -c 'pv -n -L 2M big/a.bin > out.bin'", "pv"),
    Case("pv, no length", "sh -c 'cat big/a.bin | pv -L 4M > out.bin'", "pv"),
    Case("flac", "flac -8 -e -p -f -o out.flac sound.wav", "flac", truth="read sound.wav", computes=True),
    Case("HandBrakeCLI", "HandBrakeCLI -i clip.mp4 -o out.mkv --encoder-preset slow", "HandBrakeCLI",
         "rm -f out.mkv", computes=True),
    Case("ffmpeg", "ffmpeg -y -nostdin -i clip.mp4 -c:v libx264 -preset slower out.mkv", "ffmpeg", computes=True),
    Case("nice ffmpeg -t", "nice ffmpeg -y -nostdin -i clip.mp4 -t 25 -preset slower out.mkv", "ffmpeg", computes=True),
    Case("ninja", "ninja -j1 -C ninja", "ninja", "touch ninja/in"),
    Case("cmake --build", "cmake --build cmake", "cmake",
         "rm -rf cmake; cmake -S cmake.src -B cmake > cmake.log", computes=True),
    Case("cargo build", "cargo build --offline --manifest-path crate/Cargo.toml -j1", "cargo",
         "rm -rf crate/target", computes=True),
    Case("pip download", f"pip download --no-cache-dir --no-deps --no-index {SERVE}/big-1.0-py3-none-any.whl"
         " -d out", "pip", "rm -rf out"),
    Case("uv pip install", f"uv pip install --no-cache --no-deps --no-index --target out"
         f" 'big @ {SERVE}/big-1.0-py3-none-any.whl'", "uv", "rm -rf out"),
    Case("apt-get download", "apt-get download libicu-dev -o Acquire::http::Dl-Limit=700", "apt-get", "rm -f *.deb", truth="wrote *.deb", works="[ $(id -u) = 0 ]"),
    Case("apt-get install", "apt-get install -y --reinstall -o Dpkg::Progress=1 cowsay figlet pv", "apt-get", "rm -f *.deb",
         truth="", works="[ $(id -u) = 0 ] && apt-get -s install --reinstall cowsay", computes=True),
    Case("docker pull", "docker pull 127.0.0.1:$PORT/x", "docker", "docker rmi -f $(docker images -q --filter reference='127.0.0.1:*/x')", works="docker info"),
    Case("docker build", "docker build --progress=plain --network=none --no-cache docker", "docker", truth="", works="docker buildx version && docker info"),
    Case("shred -v", "shred -v -n 3 shred.bin", "shred", "cp big/a.bin shred.bin", truth=""),
    Case("tqdm", f"{PY} bars.py tqdm", "python3"),
    Case("tqdm, nested", f"{PY} bars.py nested", "python3"),
    Case("rich, two bars", f"{PY} bars.py rich", "python3"),
    Case("docker's rows", f"{PY} bars.py docker", "python3"),
    Case("OSC 9;4", f"{PY} bars.py osc", "python3"),
    Case("a count of steps", f"{PY} bars.py steps", "python3"),
    Case("pytest", f"{PY} -m pytest -q -p no:cacheprovider tests.py", "python3"),
    Case("montage -monitor", "montage -monitor -geometry 400x400 img/*.png out.png", "montage",
         computes=True),
    Case("sha256sum", "sh -c 'python3 slow.py | sha256sum'", "sha256sum"),
)  # fmt: skip

BARS = """
import sys, time
def tqdm():
    from tqdm import tqdm
    for _ in tqdm(range(50)): time.sleep(.08)
def nested():
    from tqdm import tqdm
    for _ in tqdm(range(5), desc="outer"):
        for _ in tqdm(range(20), desc="inner", leave=False): time.sleep(.04)
def rich():
    from rich.progress import Progress
    with Progress() as p:
        a, b = p.add_task("one", total=100), p.add_task("two", total=50)
        for _ in range(100): p.advance(a); p.advance(b, .25); time.sleep(.04)
def docker():
    names = ["a3be5d4ce401", "0f0e6b0d1b2c", "b1c2d3e4f5a6"]
    for n in names: print(n + ": Pulling fs layer", flush=True)
    for t in range(40):
        for k, n in enumerate(names):
            print(f"\\x1b[{3-k}A\\x1b[2K\\r{n}: Downloading [{'=' * t}>] {t+1}MB/41MB\\r\\x1b[{3-k}B", end="", flush=True)
        time.sleep(.1)
    for k, n in enumerate(names): print(f"\\x1b[{3-k}A\\x1b[2K\\r{n}: Pull complete\\r\\x1b[{3-k}B", end="", flush=True)
def osc():
    for n in range(0, 101, 2): print(f"\\x1b]9;4;1;{n}\\x07", end="", flush=True); time.sleep(.08)
def steps():
    for n in range(1, 41): print(f"step {n} of 40: file{n}.c", flush=True); time.sleep(.1)
globals()[sys.argv[1]]()
"""


def make_inputs(work: Path) -> None:
    """Everything that the programs work on."""
    noise = random.Random(1)
    words = [
        bytes(noise.choices(b"abcdefghijklmnopqrstuvwxyz", k=noise.randint(2, 9)))
        for _ in range(20_000)
    ]
    for name, megabytes in (("a", 32), ("b", 6), ("c", 2)):
        path = work / "big" / f"{name}.bin"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(noise.randbytes(megabytes * 1_000_000))
    (work / "text").mkdir()
    for name, count in (("a", 1_600_000), ("b", 400_000)):
        (work / "text" / f"{name}.txt").write_bytes(b" ".join(noise.choices(words, k=count)))
    for n in range(40):
        for m in range(25):
            path = work / "many" / f"d{n:02}" / "sub" / str(m)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(noise.randbytes(4_000))
    (work / "many" / "zz.bin").write_bytes(noise.randbytes(8_000_000))
    (work / "bars.py").write_text(BARS)
    (work / "slow.py").write_text(
        "import sys, time\nfor _ in range(50): sys.stdout.buffer.write(bytes(600_000)); time.sleep(.08)\n"
    )
    (work / "tests.py").write_text(
        "import pytest, time\n@pytest.mark.parametrize('n', range(1440))\n"
        "def test_it(n): time.sleep(.01)\n"
    )
    (work / "ninja").mkdir()
    (work / "ninja" / "build.ninja").write_text(
        "rule r\n  command = sleep 0.1; touch $out\n"
        + "".join(f"build o{n}: r in\n" for n in range(40))
    )
    source = work / "cmake.src"
    source.mkdir()
    (source / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.10)\nproject(x C)\nadd_library(x STATIC "
        + " ".join(f"f{n}.c" for n in range(60)) + ")\n"
    )  # fmt: skip
    for n in range(60):
        (source / f"f{n}.c").write_text(f"#include <stdio.h>\nint f{n}(void) {{ return {n}; }}\n")
    crate = work / "crate"
    (crate / "src").mkdir(parents=True)
    depends = ""
    for n in range(12):
        part = crate / f"p{n}"
        (part / "src").mkdir(parents=True)
        (part / "Cargo.toml").write_text(
            f'[package]\nname = "p{n}"\nversion = "0.1.0"\nedition = "2021"\n'
        )
        (part / "src" / "lib.rs").write_text(
            "".join(
                f'pub fn f{k}(x: &str) -> String {{ format!("{{x}}{k}") }}\n' for k in range(1500)
            )
        )
        depends += f'p{n} = {{ path = "p{n}" }}\n'
    (crate / "Cargo.toml").write_text(
        f'[package]\nname = "x"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\n{depends}'
    )
    (crate / "src" / "main.rs").write_text("fn main() {}\n")
    make_image(work)
    script = """
    mkdir repo && cd repo && git init -q . && git config user.email a@example.invalid && git config user.name a
    mkdir d; i=0; while [ $i -lt 3000 ]; do head -c 9000 /dev/urandom > d/$i; i=$((i+1)); done
    git add -A && git commit -qm x; cd ..
    ffmpeg -v error -f lavfi -i testsrc2=s=640x360:d=40 -f lavfi -i sine=d=40 -shortest clip.mp4
    (cat clip.mp4; head -c 30000000 /dev/zero) > long.mp4
    ffmpeg -v error -f lavfi -i anoisesrc=d=180:a=0.2 -ac 2 sound.wav
    mkdir img; for i in 1 2 3 4 5 6 7 8; do montage -size 1500x1500 plasma: img/$i.png 2>/dev/null; done
    mkdir w; cd w; mkdir big; cp ../big/a.bin big/; mkdir big-1.0.dist-info
    printf 'Metadata-Version: 2.1\\nName: big\\nVersion: 1.0\\n' > big-1.0.dist-info/METADATA
    printf 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n' > big-1.0.dist-info/WHEEL
    printf 'big/a.bin,,\\nbig-1.0.dist-info/METADATA,,\\nbig-1.0.dist-info/WHEEL,,\\nbig-1.0.dist-info/RECORD,,\\n' > big-1.0.dist-info/RECORD
    python3 -m zipfile -c ../big-1.0-py3-none-any.whl big big-1.0.dist-info
    """
    subprocess.run(["sh", "-c", script], cwd=work, check=False)


def make_image(work: Path) -> None:
    """An image of four layers, as a registry has it, and what another is built from."""

    def keep(data: bytes) -> dict[str, object]:
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        (work / digest).write_bytes(data)
        return {"digest": digest, "size": len(data)}

    kinds = "application/vnd.docker."
    layers, diffs = [], []
    for number, megabytes in enumerate((16, 1, 9, 4)):
        made = io.BytesIO()
        with tarfile.open(fileobj=made, mode="w") as tar:
            info = tarfile.TarInfo(f"file{number}")
            info.size = megabytes * 1_000_000
            tar.addfile(info, io.BytesIO(random.Random(number).randbytes(info.size)))
        diffs.append(f"sha256:{hashlib.sha256(made.getvalue()).hexdigest()}")
        packed = gzip.compress(made.getvalue(), 1)
        layers.append({"mediaType": f"{kinds}image.rootfs.diff.tar.gzip", **keep(packed)})
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": diffs},
    }
    manifest = json.dumps({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": {"mediaType": f"{kinds}container.image.v1+json", **keep(json.dumps(config).encode())},
        "layers": layers,
    }).encode()  # fmt: skip
    keep(manifest)
    (work / "latest").write_bytes(manifest)
    (work / "docker").mkdir()
    busybox = shutil.which("busybox")
    if busybox:
        shutil.copy(busybox, work / "docker" / "busybox")
    (work / "docker" / "Dockerfile").write_text(
        'FROM scratch\nCOPY busybox /bin/busybox\nSHELL ["/bin/busybox", "sh", "-c"]\n'
        + "".join(f"RUN busybox sleep 1 && busybox echo part {n}\n" for n in range(8))
    )


class Server(http.server.BaseHTTPRequestHandler):
    """/N and /chunked/N: so many bytes; else a file of the inputs, 10 MB a second."""

    protocol_version = "HTTP/1.1"
    work = Path()

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        parts = unquote(self.path).strip("/").split("/")
        file = self.work / parts[-1]
        data = (
            file.read_bytes()
            if file.is_file()
            else bytes(int(parts[-1]))
            if parts[-1].isdigit()
            else b""
        )
        chunked = parts[0] == "chunked"
        begin, end = 0, len(data)
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked and not chunked:
            begin, end = int(asked[1]), int(asked[2] or len(data) - 1) + 1
        self.send_response(206 if asked and not chunked else 200)
        kind = "video/mp4" if file.suffix == ".mp4" else "application/octet-stream"
        kind = MANIFEST if "manifests" in parts else kind
        self.send_header("Content-Type", kind)
        self.send_header("Accept-Ranges", "bytes")
        if asked and not chunked:
            self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{len(data)}")
        self.send_header(
            *(("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(end - begin)))
        )
        self.end_headers()
        if self.command == "HEAD":
            return
        try:
            for at in range(begin, end, 200_000):
                block = data[at : min(at + 200_000, end)]
                self.wfile.write(b"%x\r\n%b\r\n" % (len(block), block) if chunked else block)
                time.sleep(0.1 if parts[-1].startswith("sha256:") else 0.02)
            if chunked:
                self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.close_connection = True

    def log_message(self, *args: object) -> None:
        pass


def run(case: Case, work: Path, environment: dict[str, str], *, pty: bool) -> Run:
    """Run the program under watch; what it printed, and what was shown, each with its time."""
    if case.before:
        subprocess.run(
            ["sh", "-c", case.before], cwd=work, env=environment, capture_output=True, check=False
        )
    words = shlex_split(case.command, environment)
    options = ["--pty"] if pty else ["--pipe"]
    command = [PY, "-m", "similubot_core", "watch", *options, "--sink", "json=stderr", "--", *words]
    result = Run()
    with subprocess.Popen(
        command, cwd=work, env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
    ) as process, selectors.DefaultSelector() as selector:  # fmt: skip
        waiting = b""
        began = looked = 0.0
        for stream in (process.stdout, process.stderr):
            selector.register(stream, selectors.EVENT_READ)  # type: ignore[arg-type]
        while selector.get_map():
            ready = selector.select(LOOKING_SECONDS)
            if began and time.monotonic() - looked >= LOOKING_SECONDS:
                looked = time.monotonic()
                if (done := bytes_done(case, work, process.pid)) is not None:
                    result.truth.append((looked - began, done))
            for key, _ in ready:
                data = os.read(key.fd, 65_536)
                now = time.monotonic()
                if not data:
                    selector.unregister(key.fileobj)
                elif key.fileobj is process.stdout:
                    result.output.append((now - began if began else 0.0, data))
                else:
                    waiting += data
                    last = 0
                    for match in EVENT.finditer(waiting):
                        began = began or now
                        if plain := waiting[last : match.start()]:
                            result.output.append((now - began, plain))
                        event = json.loads(match[0])
                        if event["parent"] is None:
                            result.events.append((now - began, event))
                        last = match.end()
                    waiting = waiting[last:]
                    if b'{"event"' not in waiting[-2000:] and waiting:
                        result.output.append((now - began if began else 0.0, waiting))
                        waiting = b""
        result.status = process.wait()
    most = max((done for _, done in result.truth), default=0) or 1
    result.truth = [(at, 100 * done / most) for at, done in result.truth]
    result.seconds = result.events[-1][0] if result.events else 0.0
    return result


def bytes_done(case: Case, work: Path, first: int) -> int | None:
    """How much of its input a program has read, or of its output written; None is not asked."""
    kind, _, name = case.truth.partition(" ")
    if kind == "wrote":
        return sum(path.stat().st_size for path in work.glob(name))
    if kind != "read":
        return None
    file, at = (work / name).stat(), 0
    for process in Path("/proc").glob("[0-9]*"):
        if int(process.name) < first:
            continue
        with contextlib.suppress(OSError):  # it has just ended, or closed it
            for link in (process / "fd").iterdir():
                if os.path.samestat(link.stat(), file):
                    told = (process / "fdinfo" / link.name).read_text()
                    at = max(at, int(told.split()[1]))
    return at


def shlex_split(line: str, environment: dict[str, str]) -> list[str]:
    """The words of a command line, with the variables of the environment."""
    import shlex

    for name in ("PORT", "W"):
        line = line.replace(f"${name}", environment[name])
    words = []
    for word in shlex.split(line):
        found = sorted(map(str, Path(environment["W"]).glob(word))) if "*" in word else []
        words += found or [word]
    return words


def _without_places(text: str, environment: dict[str, str]) -> str:
    """A text without the names of this machine and its folders."""
    for name, value in (("W", "/home/me"), ("PORT", "8000")):
        text = text.replace(environment[name], value)
    for place in (environment["HOME"], sys.prefix, str(Path.home())):
        text = text.replace(place, "/home/me")
    text = re.sub(r"(?m)^[NW]: .*\n?", "", text)  # what apt says of this machine
    text = re.sub(r"//[a-z.]+/(debian|ubuntu)", r"//packages.example/\1", text)
    return text.replace(sys.executable, "python3").replace(socket.gethostname(), "here")


def record(
    folder: Path, case: Case, label: str, environment: dict[str, str], run: Run, *, pty: bool
) -> None:
    """Keep what a program printed, and when, as a sample; long ones are left out in the middle."""
    name = re.sub(r"[^a-z0-9]+", "-", case.name.lower()).strip("-")
    output = [
        (round(at, 3), _without_places(data.decode(errors="replace"), environment))
        for at, data in run.output
    ]
    # What a reader can tell apart; a terminal's rows are drawn far more often.
    kept = together(output, 0.02)
    if sum(len(text) for _, text in kept) > MOST_RECORDED:
        kept = [(at, _last_lines(text)) for at, text in together(output, 0.25)]
    words = [_without_places(w, environment) for w in shlex_split(case.command, environment)]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}{label}.{'terminal' if pty else 'pipe'}.json"
    truth = [[round(at, 2), round(share, 1)] for at, share in run.truth]
    value = {
        "command": words,
        "version": _without_places(version(case.needs, environment), environment),
        "seconds": round(run.seconds, 3),
        "truth": truth or (case.truth == "time"),
        "output": kept,
    }
    path.write_text(json.dumps(value, ensure_ascii=False, indent=0) + "\n")


def together(output: list[tuple[float, str]], seconds: float) -> list[tuple[float, str]]:
    """What came within so many seconds as one piece."""
    kept: list[tuple[float, str]] = []
    for at, text in output:
        if kept and at - kept[-1][0] < seconds:
            kept[-1] = (kept[-1][0], kept[-1][1] + text)
        else:
            kept.append((at, text))
    return kept


def _last_lines(text: str) -> str:
    """The end of a long text, from the beginning of a line on."""
    if len(text) <= MOST_OF_A_PIECE:
        return text
    end = text[-MOST_OF_A_PIECE:]
    return end[max(end.find("\n"), end.find("\r")) + 1 :]


def version(program: str, environment: dict[str, str]) -> str:
    """The first line in which a program tells its version; "" for what is no program's."""
    for option in ("--version", "version", "-V", ""):
        told = subprocess.run(
            [program, *filter(None, [option])], env=environment, capture_output=True, text=True,
            errors="replace", check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        for line in (told.stdout + told.stderr).splitlines():
            if re.search(r"\d\.\d", line):
                return line.strip()[:80]
    return ""


def describe(run: Run, share: float) -> str:
    """What was shown, in a few words."""
    percentage, message, done = run.shown(share)
    if percentage:
        return f"{percentage:.0f} %"
    told = [message[:40], f"{done / 1e6:.1f} MB" if done else ""]
    return " ".join(("unknown", *(f"({text})" for text in told if text)))


def chosen(only: list[str], group: str, environment: dict[str, str]) -> list[Case]:
    """Those that can run here."""
    number, of = map(int, group.split("/"))
    found = []
    for at, case in enumerate(CASES):
        if (only and not any(word in case.name for word in only)) or at % of != number - 1:
            continue
        works = subprocess.run(["sh", "-c", case.works], cwd=environment["W"], env=environment, capture_output=True, check=False)  # fmt: skip
        if shutil.which(case.needs) and works.returncode == 0:
            found.append(case)
        else:
            print(f"{case.name}: {case.needs} is not installed, or cannot run", file=sys.stderr)
    return found


def own_folder(case: Case, work: Path, environment: dict[str, str]) -> tuple[Path, dict[str, str]]:
    """The inputs by other names, so that programs that run side by side do not meet."""
    own = work / "own" / re.sub(r"[^a-z0-9]+", "-", case.name.lower())
    if not own.exists():
        own.mkdir(parents=True)
        for path in work.iterdir():
            if path.name != "own" and not path.is_socket():
                subprocess.run(["cp", "-al", path, own], check=True)
    return own, {**environment, "W": str(own)}


def main() -> int:
    """Run them all; 1 when one was shown wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", action="append", default=[], metavar="WORD")
    parser.add_argument(
        "--group", default="1/1", metavar="N/M", help="every Mth case, from the Nth on"
    )
    parser.add_argument(
        "--kind", choices=("waits", "computes"), help="those that mostly wait, or not"
    )
    parser.add_argument("--record", type=Path, metavar="FOLDER")
    parser.add_argument("--label", default="", help="what the names of the recordings get besides")
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE", help="add the rows of the table there"
    )
    parser.add_argument("--work", type=Path, help="where the inputs are, or are made and kept")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        work = arguments.work or Path(made)
        if not (work / "bars.py").exists():
            work.mkdir(exist_ok=True)
            make_inputs(work)
        Server.work = work
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        environment = {
            **os.environ, "PORT": str(server.server_port), "W": str(work), "TERM": "xterm-256color",
            "RESTIC_PASSWORD": "x", "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
            "COLUMNS": "80", "LC_ALL": "C.UTF-8", "no_proxy": "127.0.0.1", "HOME": str(work),
            "RUSTUP_HOME": os.environ.get("RUSTUP_HOME", str(Path.home() / ".rustup")),
            "CARGO_HOME": os.environ.get("CARGO_HOME", str(Path.home() / ".cargo")),
        }  # fmt: skip

        def measure(case: Case) -> list[tuple[bool, tuple[str, ...]]]:
            own, its = own_folder(case, work, environment)
            rows = []
            for pty in (True, False):
                done = run(case, own, its, pty=pty)
                if arguments.record and done.status == 0:
                    record(arguments.record, case, arguments.label, its, done, pty=pty)
                off, too_soon = done.furthest(case.truth)
                off_by = f"{off:.0f}" if case.truth else "-"
                where = "terminal" if pty else "pipe"
                shown = [describe(done, share) for share in (0.1, 0.5, 0.9)]
                row = (case.name, where, f"{done.seconds:.1f} s", *shown, off_by)
                is_wrong = off > OFF_BY or too_soon
                mark = " WRONG" if is_wrong else ""
                failed = f" (exit status {done.status})" if done.status else ""
                print(" | ".join(row) + mark + failed, flush=True)
                rows.append((is_wrong, row))
            return rows

        found = chosen(arguments.only, arguments.group, environment)
        if arguments.kind:
            found = [case for case in found if case.computes == (arguments.kind == "computes")]
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            results = list(pool.map(measure, [case for case in found if not case.computes]))
        results += [measure(case) for case in found if case.computes]
        server.shutdown()
    rows = [row for result in results for row in result]
    if arguments.markdown:
        with arguments.markdown.open("a") as table:
            table.writelines("| " + " | ".join(row) + " |\n" for _, row in rows)
    return 1 if any(is_wrong for is_wrong, _ in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
