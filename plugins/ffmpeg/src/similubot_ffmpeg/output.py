"""What FFmpeg prints while it works: stats lines, ``-progress`` blocks and durations."""

import math
import re
from dataclasses import dataclass, field

_NUMBER = r"-?\d{1,30}(?:\.\d{1,30})?(?:e[+-]?\d{1,3})?"
_VALUE = re.compile(rf"({_NUMBER})(kB|KiB|MB|MiB|GB|GiB|B|kbits/s|x)?")
_CLOCK = re.compile(r"(-?)(\d{1,12}):(\d{2}):(\d{2}(?:\.\d{1,9})?)")

# `-loglevel level` (4.x on) and `time`, `datetime` (7.1 on) put words before a line.
_PREFIX = r"(?:(?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d\.\d+ )?(?:\[\w+\] )?"
# 4.1 to 9.0.2: `frame=` comes first when there is a picture; the last line has `Lsize=` then.
_STATS = re.compile(rf"{_PREFIX}(?=(?:frame|L?size)=)(?=.*\btime=)")
_STATS_PART = re.compile(r"\b(\w{1,16})= {0,16}(\S{1,64})")
_BLOCK = re.compile(
    r"(frame|fps|stream_\d+_\d+_\w+|bitrate|total_size|out_time_us|out_time_ms|out_time"
    r"|dup_frames|drop_frames|speed|progress)=[ ]*(\S{1,64})[ ]*$"
)
# The demuxer's own line is indented by two blanks; tags, which can hold anything, by four or more.
_DURATION = re.compile(rf"{_PREFIX}  Duration: (?:N/A|({_CLOCK.pattern})), (?:start: |bitrate: )")
_FILE = re.compile(rf"{_PREFIX}(Input|Output) #(\d+), ")
_NAME_LINES = 64

_UNITS = {
    "B": 1,
    "kB": 1024,  # FFmpeg before 7.0 writes kB and means 1,024 bytes
    "KiB": 1024,
    "MB": 1024**2,
    "MiB": 1024**2,
    "GB": 1024**3,
    "GiB": 1024**3,
}


@dataclass(frozen=True, slots=True)
class Reading:
    """How far FFmpeg says it is.

    Attributes:
        out_time: Seconds of media written; None while FFmpeg prints N/A.
        total_size: Bytes written; None where it does not count them (``-f null``, segments).
        bitrate: Kilobits per second of the output so far; None when unknown.
        speed: Seconds of media a second, on average since the start; None when unknown.
        last: Whether FFmpeg says that this is the last one. It says so after a kill too.
    """

    out_time: float | None = None
    total_size: int | None = None
    bitrate: float | None = None
    speed: float | None = None
    last: bool = False


@dataclass(slots=True)
class OutputReader:
    """Reads FFmpeg's output line by line; keeps the unfinished block and the inputs' durations.

    Any text at all leaves it without an exception. Used from one thread at a time.
    """

    durations: dict[int, float | None] = field(default_factory=dict)
    """Seconds of each input by its number, as its demuxer printed them; None for N/A."""
    _block: dict[str, str] = field(default_factory=dict)
    _input: int | None = None
    _name_lines: int = 0

    @property
    def duration(self) -> float | None:
        """The longest duration among the inputs in seconds; None when none is known."""
        return max((d for d in self.durations.values() if d), default=None)

    def read(self, line: str) -> Reading | None:
        """Take one line; returns what it completes: a stats line's reading, or a block's."""
        line = line.rstrip("\r\n")
        if self._is_file_line(line):
            return None
        block = _BLOCK.match(line)
        if block:
            return self._take_block(block[1], block[2])
        stats = _STATS.match(line)
        if stats:
            return _from_stats(dict(_STATS_PART.findall(line, stats.end())))
        duration = _DURATION.match(line)
        if duration and self._input is not None:
            self.durations[self._input] = seconds(duration[1]) if duration[1] else None
            self._input = None
        return None

    def _is_file_line(self, line: str) -> bool:
        """Whether the line names an input or an output, or goes on with a name of several lines.

        A file's name may hold line ends, and after them text like a stats line or a duration.
        """
        if self._name_lines:
            self._name_lines = 0 if line.endswith("':") else self._name_lines - 1
            return True
        match = _FILE.match(line)
        if not match:
            return False
        if match[1] == "Input":
            self._input = int(match[2][:6])
            if self._input == 0:
                self.durations.clear()  # another run in the same output
        if not line.endswith("':"):
            self._name_lines = _NAME_LINES
        return True

    def _take_block(self, key: str, value: str) -> Reading | None:
        if key != "progress":
            self._block[key] = value
            return None
        block, self._block = self._block, {}
        time_us = number(block.get("out_time_us"))
        # Before 4.1 there is no out_time_us, and out_time_ms counts microseconds all the same.
        time = time_us / 1e6 if time_us is not None else seconds(block.get("out_time"))
        return Reading(
            out_time=None if time is None else max(0.0, time),
            total_size=_whole(number(block.get("total_size"))),
            bitrate=_positive(number(block.get("bitrate"))),
            speed=_positive(number(block.get("speed"))),
            last=value == "end",
        )


def _from_stats(parts: dict[str, str]) -> Reading:
    time = seconds(parts.get("time"))
    return Reading(
        out_time=None if time is None else max(0.0, time),
        total_size=_whole(number(parts.get("Lsize", parts.get("size")))),
        bitrate=_positive(number(parts.get("bitrate"))),
        speed=_positive(number(parts.get("speed"))),
        last="Lsize" in parts,
    )


def seconds(text: str | None) -> float | None:
    """Seconds of "01:02:03.45" or "-577014:32:22.77"; None for N/A and anything else."""
    match = _CLOCK.fullmatch(text or "")
    if not match:
        return None
    value = int(match[2]) * 3600 + int(match[3]) * 60 + float(match[4])
    return -value if match[1] else value


def number(text: str | None) -> float | None:
    """The number of "256kB", "67.0kbits/s", "1e+03x" or "12"; sizes in bytes; None for N/A."""
    match = _VALUE.fullmatch(text or "")
    if not match:
        return None
    value = float(match[1]) * _UNITS.get(match[2] or "", 1)
    return value if math.isfinite(value) else None


def _positive(value: float | None) -> float | None:
    return value if value is not None and value >= 0 else None


def _whole(value: float | None) -> int | None:
    return int(value) if value is not None and value >= 0 else None
