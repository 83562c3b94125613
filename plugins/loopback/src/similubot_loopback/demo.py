"""`similubot demo`: the main job through the real plugins, on servers of this machine."""

import argparse
import sys
import tempfile
import urllib.request
from contextlib import ExitStack
from pathlib import Path

from similubot_core import (
    CancelToken,
    CommandContext,
    ConverterSpec,
    DownloaderSpec,
    Settings,
    StageError,
    UploaderSpec,
    UsageError,
    render,
)
from similubot_core.cli.foreground import run_in_foreground
from similubot_core.cli.sink_options import add_sink_option, open_sinks
from similubot_core.jobs.pipeline import JobResult, run_job
from similubot_core.plugins.planning import plan_job
from similubot_core.plugins.specs import Plugins, StageSpec
from similubot_core.process import run_process
from similubot_loopback.catbox_server import LoopbackCatbox
from similubot_loopback.media import make_video
from similubot_loopback.mega_server import LoopbackMega

SECONDS = 180
"""The length of the video that is made."""
BITRATE = 96
CONNECTION_BYTES_PER_SECOND = 256 * 1024
"""The MEGA server's limit for one connection, so that there is a bar to be seen."""
MAX_ANSWER_BYTES = 64 * 1024 * 1024

NEEDED: tuple[tuple[type[StageSpec], str], ...] = (
    (DownloaderSpec, "mega"),
    (ConverterSpec, "ffmpeg"),
    (UploaderSpec, "catbox"),
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `similubot demo`."""
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="keep the video and the result in this folder"
    )
    add_sink_option(parser)


def run(arguments: argparse.Namespace, context: CommandContext) -> int:
    """Run the demo; prints the link that the job ended in.

    Raises:
        UsageError: A plugin is missing.
        StageError: The job failed, or its result is not what it should be.
    """
    _check_plugins(context.plugins)
    with ExitStack() as stack:
        folder = _folder(arguments.keep, stack)
        return run_in_foreground(lambda token: _demo(arguments, context, folder, token))


def _demo(
    arguments: argparse.Namespace, context: CommandContext, folder: Path, token: CancelToken
) -> int:
    program = _ffmpeg(context.settings)
    _say(f"Making a video of {render.duration(SECONDS)} with FFmpeg …")
    video = make_video(folder / "Demo Clip.mp4", SECONDS, ffmpeg=program)
    with (
        LoopbackMega(limit=CONNECTION_BYTES_PER_SECOND) as mega,
        LoopbackCatbox(folder / "catbox") as catbox,
    ):
        link = mega.add_file(video.name, video)
        _say(f"It lies on a MEGA server of this machine: {render.redact_source(link)}")
        result = _job(arguments, context.plugins, _settings(mega, catbox), link, token)
        copy = folder / "Demo Clip.m4a"
        with urllib.request.urlopen(result.result, timeout=30) as answer:  # noqa: S310  (loopback)
            copy.write_bytes(answer.read(MAX_ANSWER_BYTES))
        _say(f"Fetched back and checked: {_check(copy, program, token)}.")
        if arguments.keep is not None:
            _say(f"Kept in {folder}: {video.name}, {copy.name}")
        print(result.result)  # noqa: T201
    return 0


def _job(
    arguments: argparse.Namespace,
    plugins: Plugins,
    settings: Settings,
    link: str,
    token: CancelToken,
) -> JobResult:
    """The job as `similubot convert LINK --bitrate 96 --to catbox` runs it."""
    job = plan_job(plugins, settings, link, bitrate=BITRATE, to="catbox")
    context = CommandContext(plugins, settings)
    with ExitStack() as stack:
        sinks = open_sinks(stack, context, arguments.sink or (), render.redact_source(link))
        return run_job(job, cancel=token, callbacks=tuple(sink.show for sink in sinks))


def _settings(mega: LoopbackMega, catbox: LoopbackCatbox) -> Settings:
    """Settings that point the real plugins at this machine's servers, and at nothing else."""
    return Settings(
        environ={
            "SIMILUBOT_MEGA_API_URL": mega.url,
            "SIMILUBOT_MEGA_BACKEND": "embedded",
            "SIMILUBOT_CATBOX_API_URL": catbox.catbox_url,
            "SIMILUBOT_CATBOX_LITTERBOX_URL": catbox.litterbox_url,
        }
    )


def _check_plugins(plugins: Plugins) -> None:
    """Say at once what is missing, before anything is made."""
    for kind, name in NEEDED:
        if all(spec.name != name for spec in plugins.all(kind)):
            raise UsageError(
                "The demo needs the plugins mega, ffmpeg and catbox; install them from a checkout "
                "with `pip install . ./plugins/*`, and see `similubot plugins`."
            )


def _ffmpeg(settings: Settings) -> Path:
    """The FFmpeg that the plugin would take.

    Raises:
        StageError: There is none.
    """
    from similubot_ffmpeg import FFmpegSettings
    from similubot_ffmpeg.program import find_program

    return find_program(settings.table(FFmpegSettings)).path


def _check(file: Path, program: Path, token: CancelToken) -> str:
    """Decode the whole file; a sentence of what it is.

    Raises:
        StageError: It is not AAC, has another length, or does not play to its end.
    """
    from similubot_ffmpeg import AudioConverter

    _, info, error = AudioConverter().get_media_info(file)
    decoded = run_process(
        [program, "-v", "error", "-i", f"file:{file}", "-f", "null", "-"], cancel=token
    )
    if info is None:
        raise StageError(f"The result cannot be read: {error}")
    if info.audio is None or info.audio.codec != "aac":
        raise StageError("The result is not AAC.")
    if info.duration is None or abs(info.duration - SECONDS) > 0.5:
        raise StageError(f"The result lasts {info.duration} s instead of {SECONDS} s.")
    if decoded.returncode != 0 or decoded.stderr_tail.strip():
        raise StageError("The result does not play to its end.", detail=decoded.stderr_tail)
    return f"AAC, {render.duration(info.duration)}, {render.size(file.stat().st_size)}, it plays"


def _folder(keep: Path | None, stack: ExitStack) -> Path:
    if keep is None:
        return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="similubot-demo-")))
    try:
        keep.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"The folder {keep} cannot be made: {error.strerror}.") from error
    return keep


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr)  # noqa: T201
