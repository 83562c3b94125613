"""Fetch older FFmpegs for the tests: the ones that earlier wheels of imageio-ffmpeg carry.

    export SIMILUBOT_TEST_FFMPEGS="$(python plugins/ffmpeg/tests/fetch_ffmpegs.py build/ffmpegs)"
    pytest plugins/ffmpeg

What is in the folder already is not fetched again. About 50 MB a version.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

WHEELS = {"4.2.2": "0.4.9", "7.0.2": "0.6.0"}
"""The versions of FFmpeg, and of the imageio-ffmpeg that carries each."""


def fetch(wheel: str, target: Path) -> None:
    """Unpack the FFmpeg of one version of imageio-ffmpeg to `target`."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
                *("--only-binary", ":all:", "--dest", folder, f"imageio-ffmpeg=={wheel}"),
            ],
            check=True,
            stdout=sys.stderr,
        )
        (archive,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(archive) as opened:
            (member,) = (n for n in opened.namelist() if "/binaries/ffmpeg-" in n)
            with opened.open(member) as source, target.with_suffix(".part").open("wb") as part:
                shutil.copyfileobj(source, part)
    target.with_suffix(".part").chmod(0o755)
    target.with_suffix(".part").replace(target)


def main(folder: Path) -> None:
    """Fetch what is not there yet; print the paths, as the tests' variable takes them."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for version, wheel in WHEELS.items():
        target = (folder / f"ffmpeg-{version}").absolute()
        if not target.exists():
            fetch(wheel, target)
        paths.append(str(target))
    print(os.pathsep.join(paths))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "build/ffmpegs"))
