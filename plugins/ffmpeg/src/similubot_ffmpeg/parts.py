"""A long source encoded in parts at the same time, which are joined frame by frame.

FFmpeg's AAC encoder uses one processor. Each part is cut on a boundary of frames (1,024 samples),
begins earlier and ends later than what is kept of it, and what overlaps is dropped.
"""

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path

from similubot_core import Cancelled, CancelToken, RateMeter
from similubot_ffmpeg import arguments
from similubot_ffmpeg.adts import FRAME_SAMPLES, copy_frames
from similubot_ffmpeg.media import AudioTrack
from similubot_ffmpeg.output import Reading
from similubot_ffmpeg.runs import FFmpeg, Run, Watch

PRE_ROLL = 2048
"""Frames that a part is encoded before its first one that is kept. The rate control of FFmpeg 7 to
9 remembers that much: measured around the join, with 16 frames the audio was up to 3 dB worse than
in one piece (20 dB for lone tones), with 2,048 within 0.6 dB for each of four kinds of audio."""
POST_ROLL = 3
SHORTEST_PART = 6 * PRE_ROLL
"""Frames, 285 s at 44,100 Hz: below that, what is encoded twice eats up what is won."""

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
    """

    begin: int
    end: int | None

    @property
    def encoded_from(self) -> int:
        """The first frame that is encoded."""
        return max(0, self.begin - PRE_ROLL)

    @property
    def filter(self) -> str:
        """FFmpeg's filter that cuts what is encoded, by counting samples, not by time stamps."""
        trim = f"atrim=start_sample={self.encoded_from * FRAME_SAMPLES}"
        if self.end is not None:
            trim += f":end_sample={(self.end + POST_ROLL) * FRAME_SAMPLES}"
        return f"{trim},asetpts=N/SR/TB"


def how_many(threads: int, length: float | None, track: AudioTrack) -> int:
    """In how many parts a track is to be encoded; 1 is in one piece.

    Args:
        threads: As in the settings: 0 is as many as there are processors.
        length: Seconds of the track; None is unknown.
        track: What is encoded; a rate that the encoder would change, or channels that ADTS has
            no number for, are encoded in one piece.
    """
    if length is None or track.sample_rate not in _RATES or track.layout not in _LAYOUTS:
        return 1
    frames = length * track.sample_rate / FRAME_SAMPLES
    return max(1, min(threads or _processors(), int(frames / SHORTEST_PART)))


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cut(count: int, length: float, sample_rate: int) -> list[Part]:
    """`count` parts of a track of `length` seconds, each of which takes as long as the others.

    The last one goes on to the end, wherever that is. The first needs no pre-roll, so it is longer.
    """
    frames = int(length * sample_rate / FRAME_SAMPLES)
    each = (frames + (count - 1) * PRE_ROLL) // count
    begins = [0, *(each + (each - PRE_ROLL) * number for number in range(count - 1))]
    return [Part(begin, end) for begin, end in zip(begins, [*begins[1:], None], strict=True)]


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
        The run of the last part, which read the whole source, with what all parts together wrote as
        its `counts.encoded` and `counts.written`, and the joined frames; or the run that failed,
        and None. None after a run that did not fail means that the parts do not fit together: the
        track is to be encoded in one piece then.

    Raises:
        Cancelled: The token was set.
        StageError: A run hung or went over the limits.
    """
    own = CancelToken()  # so that one that fails ends the others
    together = _Together(ffmpeg, parts, length, sample_rate, on_reading)

    def encode(number: int) -> Run:
        part = parts[number]
        skipping = part.encoded_from * FRAME_SAMPLES / sample_rate / _SKIPPED_PER_SECOND
        patient = replace(ffmpeg.settings, stall_timeout=ffmpeg.settings.stall_timeout + skipping)
        run = replace(ffmpeg, settings=patient).run(
            arguments.encode_part(file, track, bitrate, part.filter, _part_file(work, number)),
            own,
            on_reading=lambda reading: together.take(number, reading),
        )
        if run.returncode != 0:
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
    runs = [future.result() for future in futures if not future.exception()]
    for run in runs:
        if run.returncode != 0:
            return run, None
    joined = work / "joined.aac"
    frames = _join(parts, work, joined)
    if not frames:
        return runs[-1], None
    # The first frame is the encoder's delay; the last one is filled up, by less than a frame.
    counts = replace(runs[-1].counts, encoded=(frames - 1) * FRAME_SAMPLES, written=frames)
    return replace(runs[-1], counts=counts), joined


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
