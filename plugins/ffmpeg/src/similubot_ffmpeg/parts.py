"""A long source encoded in parts at the same time, which are joined frame by frame.

FFmpeg's AAC encoder uses one processor. Each part is cut on a boundary of frames (1,024 samples),
begins earlier and ends later than what is kept of it, and what overlaps is dropped. There are as
many parts as processors and no more, since each join costs `PRE_ROLL` frames that are encoded
twice.

Where a seek is exact (`similubot_ffmpeg.seeking`), each part's FFmpeg begins to read where the part
begins, so that of a source that is still being downloaded the parts are encoded as the bytes of
each come. Elsewhere each reads the source from its beginning, and counts samples.
"""

import math
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from similubot_core import Cancelled, CancelToken, RateMeter
from similubot_ffmpeg import arguments
from similubot_ffmpeg.adts import FRAME_SAMPLES, copy_frames
from similubot_ffmpeg.media import AudioTrack
from similubot_ffmpeg.output import Reading
from similubot_ffmpeg.runs import Counts, FFmpeg, Run, Watch

PRE_ROLL = 2048
"""Frames that a part is encoded before its first one that is kept. The rate control of FFmpeg 7 to
9 remembers that much: measured around the join, with 16 frames the audio was up to 3 dB worse than
in one piece (20 dB for lone tones), with 2,048 within 0.75 dB for eight kinds of audio at 64 to 128
kb/s; at 256, where the rate swings by itself, up to 5.4 dB after a quiet passage."""
POST_ROLL = 3
_SEEK_MARGIN = 16
"""Frames before the first one that is wanted: of AAC, 9.0.2 drops the first one after a seek."""
SHORTEST_PART = 3 * PRE_ROLL
"""Frames, 143 s at 44,100 Hz: below that, what is encoded twice eats up what is won."""
_ENCODED_PER_SECOND = 80.0
"""Seconds of stereo sound that a processor encodes in a second, for comparison with a download."""

_ROUNDED_FRAMES = 4
"""By how many frames a container's length may differ from what is decoded: encoders pad."""
_SKIPPED_PER_SECOND = 50.0
"""Seconds of media that a slow machine decodes in a second, to reach a part's begin."""
_RATES = (
    *(96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8000),
)
_LAYOUTS = ("mono", "stereo", "1 channels", "2 channels", "5.1", "5.1(side)")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a track, in frames of the whole.

    Attributes:
        begin: The first frame that is kept.
        end: The frame after the last one that is kept; None is the end of the track.
        sought: Whether FFmpeg begins to read where the part begins.
    """

    begin: int
    end: int | None
    sought: bool = False

    @property
    def encoded_from(self) -> int:
        """The first frame that is encoded."""
        return max(0, self.begin - PRE_ROLL)

    @property
    def encoded(self) -> int | None:
        """How many samples of a channel are encoded; None is all to the end."""
        if self.end is None:
            return None
        return (self.end + POST_ROLL - self.encoded_from) * FRAME_SAMPLES

    def seek(self, sample_rate: int) -> float | None:
        """Seconds of the source that FFmpeg skips; None is none."""
        first = self.encoded_from - _SEEK_MARGIN
        return first * FRAME_SAMPLES / sample_rate if self.sought and first > 0 else None

    def filter(self, sample_rate: int) -> str:
        """FFmpeg's filter that cuts what is encoded: after a seek by time stamps, which count from
        there; else by counting samples, which a gap in the time stamps does not change.
        """
        first = self.encoded_from * FRAME_SAMPLES
        last = None if self.encoded is None else first + self.encoded
        if not self.sought:
            end = "" if last is None else f":end_sample={last}"
            return f"atrim=start_sample={first}{end},asetpts=N/SR/TB"
        skipped = self.seek(sample_rate) or 0.0
        end = "" if last is None else f":end={last / sample_rate - skipped:.6f}"
        return f"atrim=start={first / sample_rate - skipped:.6f}{end},asetpts=N/SR/TB"


def how_many(
    threads: int, length: float | None, track: AudioTrack, still_comes: float | None = None
) -> int:
    """In how many parts a track is to be encoded; 1 is in one piece.

    Args:
        threads: As in the settings: 0 is as many as there are processors.
        length: Seconds of the track; None is unknown.
        track: What is encoded; a rate that the encoder would change, or channels that ADTS has
            no number for, are encoded in one piece.
        still_comes: For how many seconds the source will still be downloaded: there are no more
            parts than are needed to encode in that time. None where all is here, or unknown.
    """
    if length is None or track.sample_rate not in _RATES or track.layout not in _LAYOUTS:
        return 1
    frames = length * track.sample_rate / FRAME_SAMPLES
    count = min(threads or _processors(), int(frames / SHORTEST_PART))
    if still_comes:
        count = min(count, math.ceil(length / _ENCODED_PER_SECOND / still_comes))
    return max(1, count)


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Encoders:
    """How many encoders run in this process, so that a conversion is not cut into more parts than
    there are processors that have nothing to do. Any thread may use it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = 0

    @contextmanager
    def take(self, wanted: int, threads: int) -> Iterator[int]:
        """Take places for the time of a with block; yields how many, from 1 to `wanted`.

        Args:
            wanted: How many encoders have work.
            threads: As in `how_many`: how many may run, but for one of each conversion.
        """
        with self._lock:
            free = (threads or _processors()) - self._running
            count = max(1, min(wanted, free))
            self._running += count
        try:
            yield count
        finally:
            with self._lock:
                self._running -= count


ENCODERS = Encoders()
"""Those of this process."""


def cut(count: int, length: float, sample_rate: int, *, sought: bool = False) -> list[Part]:
    """`count` parts of a track of `length` seconds, each of which takes as long as the others.

    The last one goes on to the end, wherever that is. The first needs no pre-roll, so it is longer.
    """
    frames = int(length * sample_rate / FRAME_SAMPLES)
    each = (frames + (count - 1) * PRE_ROLL) // count
    begins = [0, *(each + (each - PRE_ROLL) * number for number in range(count - 1))]
    ends = [*begins[1:], None]
    return [Part(begin, end, sought) for begin, end in zip(begins, ends, strict=True)]


def encode_parts(
    ffmpeg: FFmpeg,
    file: arguments.Source,
    track: AudioTrack,
    bitrate: int,
    parts: Sequence[Part],
    length: float,
    sample_rate: int,
    work: Path,
    cancel: CancelToken,
    on_reading: Callable[[Reading], object],
) -> tuple[Run, Path | None]:
    """Encode the parts at the same time and join them.

    Args:
        ffmpeg: What runs.
        file: The source.
        track: What is encoded of it.
        bitrate: Kilobits per second.
        parts: From `cut`.
        length: Seconds of the track.
        sample_rate: Hertz of the track.
        work: The folder for what is written.
        cancel: Ends all of them.
        on_reading: Told how far all are together.

    Returns:
        One run for all of them, with what they wrote together as its `counts.encoded` and
        `counts.written`, and the joined frames; or the run that failed, and None. None after a run
        that did not fail, or that was to seek, means that the parts do not fit together: the track
        is to be encoded in one piece then.

    Raises:
        Cancelled: The token was set.
        StageError: A run hung or went over the limits.
    """
    own = CancelToken()  # so that one that fails ends the others
    together = _Together(ffmpeg, parts, length, sample_rate, on_reading)

    def encode(number: int) -> Run:
        part = parts[number]
        skipped = 0 if part.sought else part.encoded_from
        skipping = skipped * FRAME_SAMPLES / sample_rate / _SKIPPED_PER_SECOND
        patient = replace(ffmpeg.settings, stall_timeout=ffmpeg.settings.stall_timeout + skipping)
        trim, begin = part.filter(sample_rate), part.seek(sample_rate)
        run = replace(ffmpeg, settings=patient).run(
            arguments.encode_part(file, track, bitrate, trim, _part_file(work, number), begin),
            own,
            on_reading=lambda reading: together.take(number, reading),
        )
        if not _is_as_cut(part, run, length * sample_rate):
            own.cancel()
        return run

    with cancel.on_cancel(own.cancel), ThreadPoolExecutor(len(parts)) as pool:
        futures = [pool.submit(encode, number) for number in range(len(parts))]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            own.cancel()
    cancel.raise_if_cancelled()
    for future in futures:
        if (error := future.exception()) and not isinstance(error, Cancelled):
            raise error
    for part, future in zip(parts, futures, strict=True):
        if future.exception() is None and not _is_as_cut(
            part, future.result(), length * sample_rate
        ):
            return future.result(), None
    runs = [future.result() for future in futures]
    joined = work / "joined.aac"
    frames = _join(parts, work, joined)
    if not frames:
        return runs[-1], None
    # The first frame is the encoder's delay; the last one is filled up, by less than a frame.
    counts = replace(_counts(parts, runs), encoded=(frames - 1) * FRAME_SAMPLES, written=frames)
    return replace(runs[-1], counts=counts), joined


def _is_as_cut(part: Part, run: Run, samples: float) -> bool:
    """Whether a part was encoded; and, where it was sought, has all the samples that lie between
    its time stamps, so that there is no gap in them and they do say which samples these are.

    The track has about as many as `samples`, so that the last part is held to a few frames only.
    """
    if run.returncode != 0 or not part.sought:
        return run.returncode == 0
    if part.encoded is not None:
        return run.counts.encoded == part.encoded
    rest = samples - part.encoded_from * FRAME_SAMPLES
    return abs(run.counts.encoded - rest) <= _ROUNDED_FRAMES * FRAME_SAMPLES


def _counts(parts: Sequence[Part], runs: Sequence[Run]) -> Counts:
    """What was counted of the whole source: the last part's, which read all of it; else of all
    parts together, where what two of them read counts twice.
    """
    last = runs[-1].counts
    if not parts[-1].sought:
        return last
    each = [run.counts for run in runs]
    return replace(
        last,
        packets=sum(counts.packets for counts in each),
        packet_bytes=sum(counts.packet_bytes for counts in each),
        frames=sum(counts.frames for counts in each),
        decoded=sum(counts.decoded for counts in each),
        errors=sum(counts.errors for counts in each),
        undecoded=sum(counts.undecoded for counts in each),
        cut_short=any(counts.cut_short for counts in each),
        stopped=any(counts.stopped for counts in each),
    )


def _part_file(work: Path, number: int) -> Path:
    return work / f"part{number}.aac"


def _join(parts: Sequence[Part], work: Path, joined: Path) -> int | None:
    """Join what is kept of the parts; returns how many frames, None when they do not fit."""
    total, ended = 0, False
    with joined.open("wb") as target:
        for number, part in enumerate(parts):
            expected = None if part.end is None else part.end - part.begin
            with _part_file(work, number).open("rb") as source:
                try:
                    copied = copy_frames(source, target, part.begin - part.encoded_from, expected)
                except ValueError:
                    return None
            if ended and copied:
                return None  # an earlier part ended early, but this one has something
            ended = ended or copied != expected
            total += copied
            _part_file(work, number).unlink()
    return total


class _Together:
    """The parts' readings as one: of what all have to do, how much is done."""

    def __init__(
        self,
        ffmpeg: FFmpeg,
        parts: Sequence[Part],
        length: float,
        sample_rate: int,
        on_reading: Callable[[Reading], object],
    ) -> None:
        self._lock = threading.Lock()
        self._length = length
        whole = int(length * sample_rate / FRAME_SAMPLES)
        self._to_do = [
            max(1, (part.end or whole) - part.encoded_from) * FRAME_SAMPLES / sample_rate
            for part in parts
        ]
        self._last: list[Reading] = [Reading() for _ in parts]
        self._watch = Watch(ffmpeg.settings, ffmpeg.clock)
        # FFmpeg's own speed is an average that counts the time it took to reach a part's begin.
        self._rate = RateMeter(ffmpeg.clock)
        self._on_reading = on_reading

    def take(self, number: int, reading: Reading) -> None:
        """Take one part's reading; safe from any thread."""
        with self._lock:
            self._last[number] = reading
            done = [
                min(reading.out_time or 0.0, to_do)
                for reading, to_do in zip(self._last, self._to_do, strict=True)
            ]
            out_time = self._length * sum(done) / sum(self._to_do)
            self._rate.sample(out_time)
            size = sum(reading.total_size or 0 for reading in self._last)
            together = Reading(
                out_time=out_time,
                total_size=size,
                bitrate=size * 8 / 1000 / out_time if out_time > 0 else None,
                speed=self._rate.speed,
            )
            self._watch.take(together)
            self._on_reading(together)
