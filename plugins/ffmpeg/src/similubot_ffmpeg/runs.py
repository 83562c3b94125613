"""One run of FFmpeg: its arguments' common part, what it says on the way, and how it ended."""

import re
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGXCPU

from similubot_core import CancelToken, StageError
from similubot_core.process import (
    Access,
    LimitReached,
    Limits,
    LineSplitter,
    ProcessStalled,
    run_process,
)
from similubot_core.render import duration, size
from similubot_ffmpeg.output import OutputReader, Reading
from similubot_ffmpeg.settings import FFmpegSettings

KEPT_LINES = 60
_OPEN_FILES = 256
_UNTIL_THE_NEXT_READING = 256 * 1024 * 1024
_OVER = {
    "memory": (
        "FFmpeg needed more memory than it may have for this file and was stopped; raise "
        "max_memory in the table [ffmpeg]."
    ),
    "cpu_seconds": (
        "FFmpeg needed more processor time than it may have for this file and was stopped; raise "
        "max_cpu_time in the table [ffmpeg]."
    ),
    "file_size": "The result is larger than a file may be here; ask for a lower bitrate.",
}
# FFmpeg takes SIGXCPU for a wish to end early, and ends with what it has.
_TOO_MUCH_PROCESSOR_TIME = re.compile(rf"^Exiting normally, received signal {SIGXCPU:d}\.$")
MOST_STDOUT_BYTES = 4 * 1024 * 1024

# How FFmpeg counts at its end with `-v verbose`, 4.1 to 9.0.2. What a tag may have forged comes
# before, when the input is printed, so that only what follows the last `_INPUT_FILE` counts.
_INPUT = re.compile(
    r"(?:\[in#\d{1,4}/\S{1,200} @ 0x[0-9a-f]{1,16}\] )?"
    r"  Input stream #\d{1,4}:\d{1,4} \(audio\): "
    r"(\d{1,15}) packets read \((\d{1,18}) bytes\); "
    r"(?:(\d{1,15}) frames decoded(?:; (\d{1,15}) decode errors)?;? ?\((\d{1,18}) samples\); )?$"
)
_INPUT_FILE = re.compile(r"(?:\[in#\d{1,4}/\S{1,200} @ 0x[0-9a-f]{1,16}\] )?Input file #\d{1,4} \(")
_OUTPUT = re.compile(
    r"(?:\[out#\d{1,4}/\S{1,200} @ 0x[0-9a-f]{1,16}\] )?"
    r"  Output stream #\d{1,4}:\d{1,4} \(audio\): "
    r"(?:(\d{1,15}) frames encoded (?:\((\d{1,18}) samples\))?; )?(\d{1,15}) packets muxed \("
)
_UNDECODED = re.compile(r"Error while decoding|Error submitting packet to decoder|Decoding error")
_REPEATED = re.compile(r"    Last message repeated (\d{1,9}) times$")
_CUT_SHORT = re.compile(
    r": partial file$"  # mov, mp4, m4a: 4.2.2 to 9.0.2
    r"|\] File ended prematurely(?: at pos\. .*)?$"  # mkv, webm
    r"|: Input/output error$"  # WavPack
)
# After this FFmpeg reads no more of the input: 4.2.2 to 6, 7 to 9.0.2.
_STOPPED = re.compile(
    r"^file:.*: [A-Z][\w ,/]*$|\] Error during demuxing: "
    r"|^\[ogg @ 0x[0-9a-f]{1,16}\] New audio stream "  # 4.2.2, of another codec: it is dropped
)
# For each cover and video of a source, since `arguments.source` allows decoders of audio only.
_NO_DECODER = re.compile(
    r"^\[[^\]]{1,80}\] (?:Codec \(\w+\) not on whitelist|Failed to open codec in )"
)
_PASSED_OVER = re.compile(
    r"\] 0x[0-9A-F]{2} at pos \d{1,18} \(0x[0-9a-f]{1,16}\) invalid as first byte of an EBML "
    r"number$"
)
_CORRUPT = re.compile(r"\] Packet corrupt \(stream = \d+, dts = ")


@dataclass(slots=True)
class Counts:
    """What FFmpeg counted in a run, and what it complained of.

    Attributes:
        packets: Packets of audio that were read.
        packet_bytes: Bytes in them.
        frames: How many frames came out of the decoder; 0 where nothing was decoded.
        decoded: Samples of a channel in them.
        errors: How many packets the decoder refused.
        encoded: Samples of a channel that the encoder was given; 0 where nothing was encoded.
        written: Packets of audio in the output.
        undecoded: How many lines complained of a packet that could not be decoded.
        cut_short: Whether FFmpeg met the end of the file where there should be more.
        stopped: Whether FFmpeg stopped reading at something that it could not make out.
        passed_over: Whether FFmpeg passed over something in a Matroska file that it cannot read.
        last_packet_is_cut: Whether a packet that was read is not whole, and none came after it that
            FFmpeg complained of.
    """

    packets: int = 0
    packet_bytes: int = 0
    frames: int = 0
    decoded: int = 0
    errors: int = 0
    encoded: int = 0
    written: int = 0
    cut_short: bool = False
    stopped: bool = False
    passed_over: bool = False
    last_packet_is_cut: bool = False
    undecoded: int = 0
    _last_was_undecoded: bool = False

    def read(self, line: str) -> None:
        """Take one line of stderr."""
        if found := _INPUT.match(line):
            self._take_input(found)
        elif _INPUT_FILE.match(line):
            self.packets = self.packet_bytes = self.frames = self.decoded = 0
        elif found := _OUTPUT.match(line):
            self.encoded, self.written = int(found[2] or 0), int(found[3])
        elif found := _REPEATED.match(line):
            self.undecoded += int(found[1]) if self._last_was_undecoded else 0
            return
        elif _CUT_SHORT.search(line):
            self.cut_short = True
        elif _STOPPED.search(line):
            self.stopped = True
        elif _PASSED_OVER.search(line):
            self.passed_over = True
        elif _CORRUPT.search(line):
            self.last_packet_is_cut = True
        self._last_was_undecoded = bool(_UNDECODED.search(line))
        self.undecoded += self._last_was_undecoded

    def _take_input(self, found: re.Match[str]) -> None:
        if found[5] is None and (self.decoded or int(found[1]) < self.packets):
            return  # another track, of which FFmpeg read a packet to see what it is
        self.packets, self.packet_bytes = int(found[1]), int(found[2])
        self.frames, self.decoded = int(found[3] or 0), int(found[5] or 0)
        # Before 7.0 the errors are not counted, but each is a line.
        self.errors = self.undecoded if found[4] is None else int(found[4])


@dataclass(frozen=True, slots=True)
class Run:
    """How a run ended.

    Attributes:
        returncode: FFmpeg's exit status, which is 0 for many a broken result.
        out_time: Seconds of media written; None when FFmpeg did not say.
        lines: The last lines of stderr that are not about streams and tags, for the log and for
            `similubot_ffmpeg.faults`.
        counts: What it counted and complained of.
        stdout: What it printed besides its progress.
    """

    returncode: int
    out_time: float | None
    lines: tuple[str, ...]
    counts: Counts
    stdout: bytes = b""

    @property
    def detail(self) -> str:
        """For the log: the exit status and the last lines."""
        return f"ffmpeg ended with {self.returncode}: " + " | ".join(self.lines[-8:])


@dataclass(frozen=True, slots=True)
class FFmpeg:
    """An FFmpeg, the limits it runs within, and what it may reach. Any thread may use it."""

    program: Path
    settings: FFmpegSettings = field(default_factory=FFmpegSettings)
    access: Access = field(default_factory=Access)
    clock: Callable[[], float] = time.monotonic

    def run(
        self,
        arguments: Sequence[str],
        cancel: CancelToken,
        on_reading: Callable[[Reading], object] | None = None,
        on_line: Callable[[str], object] | None = None,
        keep_stdout: bool = False,
    ) -> Run:
        """Run it to its end, whatever that is.

        Args:
            arguments: What comes after ``ffmpeg -hide_banner -progress …``.
            cancel: Ends it within 2 seconds.
            on_reading: Called in this thread with how far it is, about twice a second.
            on_line: Called in this thread with each line of stderr.
            keep_stdout: Whether what is printed is the output of `arguments`, not the progress.

        Raises:
            Cancelled: The token was set.
            StageError: It hung, could not be started, or went over what is allowed it: duration,
                size, memory, processor time.
        """
        watch = Watch(self.settings, self.clock)
        reader = OutputReader()
        lines: deque[str] = deque(maxlen=KEPT_LINES)
        counts = Counts()
        stdout = bytearray()

        def on_stdout(line: str) -> None:
            reading = reader.read(line)
            if reading is not None:
                watch.take(reading)
                if on_reading:
                    on_reading(reading)

        def on_stderr(line: str) -> None:
            if on_line:
                on_line(line)
            counts.read(line)
            if not (line.startswith(" ") or _NO_DECODER.search(line)):
                lines.append(line[:500])

        def on_output(data: bytes) -> None:
            stdout.extend(data[: MOST_STDOUT_BYTES - len(stdout)])

        # Without -nostdin: with it, 7.0.2 ignores SIGTERM and SIGINT to its end. stdin is empty.
        splitters = LineSplitter(on_stdout), LineSplitter(on_stderr)
        # However many packets cannot be decoded is for the verdict to say, not for the exit status.
        common = ("-hide_banner", "-v", "verbose", "-y", "-nostats", "-max_error_rate", "1")
        progress = () if keep_stdout else ("-progress", "pipe:1")
        try:
            result = run_process(
                [self.program, *common, *progress, *arguments],
                cancel=cancel,
                on_stdout=on_output if keep_stdout else splitters[0].feed,
                on_stderr=splitters[1].feed,
                stall_timeout=self.settings.stall_timeout,
                limits=_limits(self.settings),
                access=self.access,
            )
        except LimitReached as error:
            raise _over_limit(error) from error
        for splitter in splitters:
            splitter.close()
        if any(_TOO_MUCH_PROCESSOR_TIME.match(line) for line in lines):
            raise StageError(_OVER["cpu_seconds"])
        return Run(result.returncode, watch.out_time, tuple(lines), counts, bytes(stdout))


class Watch:
    """Ends a run that moves no more, or that writes more than is allowed."""

    def __init__(self, settings: FFmpegSettings, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._moved = clock()
        self._last: tuple[float | None, int | None] = (None, None)
        self.out_time: float | None = None

    def take(self, reading: Reading) -> None:
        """Take a reading; raises `StageError` (`ProcessStalled`) when the run is to end."""
        if reading.out_time is not None:
            self.out_time = max(reading.out_time, self.out_time or 0.0)
        state = (reading.out_time, reading.total_size)
        now = self._clock()
        if state != self._last:
            self._last, self._moved = state, now
        elif now - self._moved > self._settings.stall_timeout and not reading.last:
            # FFmpeg from 7.0 on goes on printing its blocks while it hangs.
            raise ProcessStalled(
                f"FFmpeg made no progress for {self._settings.stall_timeout:g} s and was stopped; "
                "try again, or raise stall_timeout in the table [ffmpeg]."
            )
        if self.out_time is not None and self.out_time > self._settings.max_duration:
            raise too_long(self._settings)
        if (reading.total_size or 0) > self._settings.max_output_size:
            raise StageError(
                f"The result would be over the limit of {size(self._settings.max_output_size)}; "
                "ask for a lower bitrate, or raise max_output_size in the table [ffmpeg]."
            )


def _limits(settings: FFmpegSettings) -> Limits:
    return Limits(
        memory=settings.max_memory,
        cpu_seconds=settings.max_cpu_time,
        # `Watch` ends it first, at its next reading, and says what to do.
        file_size=settings.max_output_size + _UNTIL_THE_NEXT_READING,
        open_files=_OPEN_FILES,
        processes=0,
        disk=3 * settings.max_output_size + _UNTIL_THE_NEXT_READING,
    )


def _over_limit(error: LimitReached) -> StageError:
    return StageError(_OVER.get(error.limit, error.message), detail=error.detail)


def too_long(settings: FFmpegSettings) -> StageError:
    """The error for a source that plays longer than is allowed."""
    return StageError(
        f"The file plays longer than the limit of {duration(settings.max_duration)}; "
        "cut it, or raise max_duration in the table [ffmpeg]."
    )
