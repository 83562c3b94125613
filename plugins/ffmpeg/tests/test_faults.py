"""Every fault, met by real FFmpegs in real files, is a sentence, and leaves no file."""

import resource
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from similubot_core import CancelToken, ConversionRequest, StageContext, StageError
from similubot_core.process import Access
from similubot_ffmpeg import AudioConverter, FFmpegSettings
from similubot_ffmpeg.faults import cannot_read, failed
from similubot_ffmpeg.runs import Counts, FFmpeg, Run
from similubot_loopback.media import make_sound, run_ffmpeg

Shapes = Callable[[str], Path]


def refused(converter: AudioConverter, source: Path, bitrate: int | None = 64) -> str:
    """The sentence for a source that cannot be converted; nothing is left of it."""
    ok, path, error = converter.convert_to_aac(source, bitrate)
    assert (ok, path) == (False, None)
    assert not converter.temp_dir.exists() or not list(converter.temp_dir.iterdir())
    return error or ""


def cut(source: Path, folder: Path, share: float = 0.6) -> Path:
    """The first part of a file, under the same name."""
    target = folder / source.name
    data = source.read_bytes()
    target.write_bytes(data[: int(len(data) * share)])
    return target


@pytest.mark.parametrize("bitrate", [None, 64])
@pytest.mark.parametrize(
    "shape",
    ["mp4 with its index first", "mkv", "flac", "wav", "mp3 with art", "m4a with art"],
)
def test_a_cut_file_says_how_much_of_it_could_be_converted(
    shape: str, bitrate: int | None, shapes: Shapes, converter: AudioConverter, tmp_path: Path
) -> None:
    if shape == "m4a with art":  # whose index lies at its end where the sample was made
        source = tmp_path / "front.m4a"
        run_ffmpeg(
            converter._ffmpeg(Access()).program, "-i", str(shapes(shape)), *FRONT, str(source)
        )
    else:
        source = shapes(shape)
    (tmp_path / "cut").mkdir()
    error = refused(converter, cut(source, tmp_path / "cut"), bitrate)
    assert error.startswith(f"{source.name} is damaged: only ")
    converted, expected = (
        float(word.rstrip("s")) for word in error.split() if word.rstrip("s")[:1].isdigit()
    )
    assert 3 < converted < 6
    assert expected == pytest.approx(8.0, abs=0.1)


FRONT = ("-map", "0:a", "-c", "copy", "-movflags", "+faststart")


@pytest.mark.parametrize("shape", ["ogg", "opus", "webm without a duration"])
def test_a_cut_file_whose_whole_length_nobody_knows_says_where_it_ends(
    shape: str, shapes: Shapes, converter: AudioConverter, tmp_path: Path
) -> None:
    error = refused(converter, cut(shapes(shape), tmp_path))
    assert "is damaged: it is cut off at its end, and only its first " in error
    assert error.endswith("Get the whole file, or keep what there is of it.")


def test_a_cut_file_with_its_index_at_the_end_says_that_it_is_missing(
    shapes: Shapes, converter: AudioConverter, tmp_path: Path
) -> None:
    error = refused(converter, cut(shapes("mp4 with its index last"), tmp_path))
    assert error.startswith("last.mp4 is damaged: its index is missing")


def test_sound_that_ends_before_the_picture_is_no_damage(
    converter: AudioConverter, maker: Path, tmp_path: Path
) -> None:
    for name in ("short.mp4", "short.mkv", "short.flv"):
        source = tmp_path / name
        run_ffmpeg(
            maker,
            *("-f", "lavfi", "-i", "testsrc2=s=160x90:r=10:d=10", "-f", "lavfi", "-i"),
            *("sine=d=4", "-c:v", "flv1" if name.endswith("flv") else "mpeg4", "-c:a", "aac"),
            str(source),
        )
        ok, _, error = converter.convert_to_aac(source, 64)
        assert (ok, error) == (True, None)


def test_sound_that_begins_after_the_picture_is_no_damage(
    converter: AudioConverter, maker: Path, tmp_path: Path
) -> None:
    source = tmp_path / "late.mkv"
    run_ffmpeg(
        maker,
        *("-f", "lavfi", "-i", "testsrc2=s=64x64:r=10:d=9", "-itsoffset", "4", "-f", "lavfi"),
        *("-i", "sine=d=5", "-c:v", "mpeg4", "-c:a", "aac", str(source)),
    )
    for bitrate in (None, 64):
        assert converter.convert_to_aac(source, bitrate)[2] is None


def test_files_that_were_written_into_a_pipe_are_whole(
    converter: AudioConverter, maker: Path, tmp_path: Path
) -> None:
    for kind in ("wav", "flac", "ogg", "caf", "au"):
        source = tmp_path / f"piped.{kind}"
        with source.open("wb") as file:
            subprocess.run(
                [maker, "-v", "error", "-f", "lavfi", "-i", "sine=d=2", "-f", kind, "-"],
                stdout=file,
                check=True,
                timeout=60,
            )
        assert converter.convert_to_aac(source, 64)[2] is None, kind


def test_damage_in_the_middle_is_left_out_and_told(
    shapes: Shapes, converter: AudioConverter, tmp_path: Path
) -> None:
    data = bytearray(shapes("mp3 with art").read_bytes())
    middle = len(data) // 2
    data[middle : middle + 900] = b"\x55" * 900
    source = tmp_path / "scratched.mp3"
    source.write_bytes(data)
    seen: list[str] = []
    ok, _, error = converter.convert_to_aac_with_progress(
        source, progress_callback=lambda info: seen.append(info.message)
    )
    assert (ok, error) == (True, None)
    assert "damaged places left out" in seen[-1]


def test_no_sound_track(converter: AudioConverter, maker: Path, tmp_path: Path) -> None:
    source = tmp_path / "silent film.mp4"
    run_ffmpeg(maker, "-f", "lavfi", "-i", "testsrc2=d=1", "-c:v", "mpeg4", str(source))
    assert refused(converter, source) == (
        "silent film.mp4 has no audio track, so there is nothing to convert."
    )


@pytest.mark.parametrize("name", ["noise", "noise.mp4", "noise.mp3", "noise.wav", "noise.flac"])
def test_random_bytes_are_no_media(name: str, converter: AudioConverter, tmp_path: Path) -> None:
    source = tmp_path / name
    source.write_bytes(bytes(i * i * 31 % 251 for i in range(50_000)))
    error = refused(converter, source)
    assert error.startswith(name)
    assert "is not an audio or video file" in error or "holds no audio" in error


def test_a_text_file_is_no_media(converter: AudioConverter, tmp_path: Path) -> None:
    source = tmp_path / "notes.txt"
    source.write_text("a line of text\n" * 500)
    assert "is not an audio or video file" in refused(converter, source)


def test_a_picture_is_no_media(converter: AudioConverter, maker: Path, tmp_path: Path) -> None:
    for name in ("picture.png", "picture.jpg"):
        source = tmp_path / name
        run_ffmpeg(maker, "-f", "lavfi", "-i", "testsrc2", "-frames:v", "1", str(source))
        assert "is not an audio or video file" in refused(converter, source)


def test_a_sound_file_without_any_sound_is_refused(
    converter: AudioConverter, tmp_path: Path
) -> None:
    source = tmp_path / "nothing.wav"
    source.write_bytes(
        b"RIFF"
        + struct.pack("<I", 36)
        + b"WAVEfmt "
        + struct.pack("<IHHIIHH", 16, 1, 2, 44_100, 176_400, 4, 16)
        + b"data"
        + bytes(4)
    )
    assert "holds no audio that can be decoded" in refused(converter, source)


def test_what_is_no_regular_file_is_refused_at_once(newest: AudioConverter, tmp_path: Path) -> None:
    import os

    assert refused(newest, tmp_path / "missing.mp3") == "There is no file missing.mp3."
    folder = tmp_path / "folder.mp3"
    folder.mkdir()
    assert refused(newest, folder) == "folder.mp3 is a folder; give a media file."
    empty = tmp_path / "empty.mp3"
    empty.touch()
    assert refused(newest, empty) == "empty.mp3 is empty; get the file again."
    fifo = tmp_path / "fifo.mp3"
    os.mkfifo(fifo)
    assert refused(newest, fifo) == "fifo.mp3 is not a regular file; give a media file."
    assert "null character" in refused(newest, tmp_path / "a\0b.mp3")


def test_a_folder_that_cannot_be_written_to_is_named(
    shapes: Shapes, ffmpeg: Path, tmp_path: Path
) -> None:
    converter = AudioConverter(settings=FFmpegSettings(program=str(ffmpeg)))
    ok, _, error = converter.convert_to_aac(shapes("wav"), output_file=tmp_path / "no" / "x.m4a")
    assert not ok
    assert (
        error == f"The result cannot be written into {tmp_path / 'no'}: No such file or directory."
    )


def test_ffmpeg_missing_says_how_to_get_it(
    shapes: Shapes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    ok, _, error = AudioConverter(temp_dir=tmp_path).convert_to_aac(shapes("wav"))
    assert not ok
    assert (error or "").startswith("FFmpeg is missing: install FFmpeg (on Debian and Ubuntu: ")
    assert list(tmp_path.iterdir()) == []


def test_an_ffmpeg_of_the_settings_that_is_not_there_is_named(
    shapes: Shapes, tmp_path: Path
) -> None:
    settings = FFmpegSettings(program="/no/such/ffmpeg")
    ok, _, error = AudioConverter(temp_dir=tmp_path, settings=settings).convert_to_aac(
        shapes("wav")
    )
    assert not ok
    assert "The FFmpeg of the settings, /no/such/ffmpeg, is not there" in (error or "")


def test_an_encoder_that_is_missing_is_told(ffmpeg: Path, shapes: Shapes, tmp_path: Path) -> None:
    # No FFmpeg here lacks "aac"; libfdk_aac is what none of them may carry, and fails the same.
    run = FFmpeg(ffmpeg, access=Access((shapes("wav"),), (tmp_path,))).run(
        ["-i", str(shapes("wav")), "-c:a", "libfdk_aac", str(tmp_path / "x.m4a")], CancelToken()
    )
    error = failed("sound.wav", run)
    assert error.message.startswith("This FFmpeg was built without an AAC encoder; install ")
    assert "Unknown encoder" in error.detail


def test_a_crash_of_ffmpeg_is_told(ffmpeg: Path) -> None:
    run = Run(-11, None, (), Counts())
    assert "FFmpeg crashed on x.ts (signal 11)" in cannot_read("x.ts", run).message
    assert "FFmpeg crashed on x.ts (signal 11)" in failed("x.ts", run).message


IN_A_SMALL_DISK = """
import sys
from pathlib import Path
from similubot_ffmpeg import AudioConverter, FFmpegSettings
source, disk, program = sys.argv[1:]
converter = AudioConverter(temp_dir=disk, settings=FFmpegSettings(program=program))
print(converter.convert_to_aac(source, 128)[2], list(Path(disk).iterdir()))
"""


def test_a_full_disk_is_told_and_nothing_stays_on_it(
    ffmpeg: Path, shapes: Shapes, tmp_path: Path
) -> None:
    disk, script = tmp_path / "disk", tmp_path / "script.py"
    disk.mkdir()
    script.write_text(IN_A_SMALL_DISK)
    mount = f"mount -t tmpfs -o size=100k none '{disk}'"
    if not shutil.which("unshare") or _run("unshare", "-rm", "sh", "-c", mount).returncode:
        pytest.skip("this machine does not let us mount a small disk of our own")
    # So small that the sound does not fit, and so large that only the index at its end does not.
    for size in ("40k", "124k"):
        mount = f"mount -t tmpfs -o size={size} none '{disk}'"
        result = _run(
            *("unshare", "-rm", "sh", "-c", f'{mount} && exec "$@"', "sh", sys.executable),
            *(str(script), str(shapes("wav")), str(disk), str(ffmpeg)),
        )
        assert result.stderr == ""
        assert result.stdout.strip() == (
            "The disk is full, so the result could not be written; make room and try again. []"
        ), size


def test_a_limit_on_the_size_of_files_is_told(ffmpeg: Path, shapes: Shapes, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(IN_A_SMALL_DISK)
    (tmp_path / "disk").mkdir()
    result = subprocess.run(
        [sys.executable, script, shapes("wav"), tmp_path / "disk", ffmpeg],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)),
    )
    assert result.stdout.strip() == (
        "The result is larger than a file may be here; ask for a lower bitrate. []"
    )


def _run(*command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_source_longer_than_allowed_is_refused(
    ffmpeg: Path, shapes: Shapes, tmp_path: Path
) -> None:
    settings = FFmpegSettings(program=str(ffmpeg), max_duration=5.0)
    converter = AudioConverter(temp_dir=tmp_path / "results", settings=settings)
    for shape in ("wav", "webm without a duration", "ADTS", "mp4 with its index first"):
        for bitrate in (None, 64) if shape == "ADTS" else (64,):
            error = refused(converter, shapes(shape), bitrate)
            assert error.startswith("The file plays longer than the limit of 5s; ")


def test_a_result_larger_than_allowed_is_stopped(ffmpeg: Path, maker: Path, tmp_path: Path) -> None:
    source = make_sound(tmp_path / "a.wav", 50.0, maker)
    settings = FFmpegSettings(program=str(ffmpeg), max_output_size=50_000)
    converter = AudioConverter(temp_dir=tmp_path / "results", settings=settings)
    error = refused(converter, source)
    assert error.startswith("The result would be over the limit of 48.8 KB; ")


def test_a_result_fits_the_size_that_is_asked_for(
    shapes: Shapes, converter: AudioConverter, tmp_path: Path
) -> None:
    for number, shape in enumerate(("flac", "mp3 with art", "ADTS", "mkv")):
        folder = tmp_path / str(number)
        folder.mkdir()
        request = ConversionRequest(max_size=100_000)
        result = converter.run(shapes(shape), request, StageContext(folder))
        assert 75_000 < result.stat().st_size <= 100_000


def test_what_cannot_fit_is_said_before_encoding(
    shapes: Shapes, newest: AudioConverter, tmp_path: Path
) -> None:
    with pytest.raises(StageError, match=r"cannot be made to fit 29\.3 KB"):
        newest.run(shapes("flac"), ConversionRequest(max_size=30_000), StageContext(tmp_path))
    assert list(tmp_path.iterdir()) == []
