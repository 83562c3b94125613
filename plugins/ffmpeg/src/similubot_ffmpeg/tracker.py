"""FFmpegProgressTracker: FFmpeg's output, of versions 4 to 9, as progress."""

import threading
from collections.abc import Sequence

from similubot_core import ProgressTracker
from similubot_ffmpeg.cut import read_cut
from similubot_ffmpeg.output import OutputReader, Reading


class FFmpegProgressTracker(ProgressTracker):
    """The progress of one run of FFmpeg, read from what it prints.

    It reads both forms: the stats line on stderr and the blocks of ``-progress``. `current_size` is
    the output's bytes so far; `details` holds, where known, ``speed_factor`` (seconds of media a
    second), ``out_time`` and ``duration`` (seconds) and ``bitrate`` (kb/s). While the duration is
    unknown the percentage stays where it is, and the ETA is None.

    Every method may be called from any thread.

    Args:
        total_duration: Seconds that the output will have. None takes the longest input's duration
            from FFmpeg's own output, less what `command` cuts off.
        command: FFmpeg's own words, the program first, for ``-ss``, ``-t`` and ``-to``.
    """

    def __init__(self, total_duration: float | None = None, command: Sequence[str] = ()) -> None:
        super().__init__("Audio Conversion")
        self._reader_lock = threading.Lock()
        self._reader = OutputReader()
        self._cut = read_cut(command)
        self._total: float | None = None
        self.set_total_duration(total_duration)

    def set_total_duration(self, seconds: float | None) -> None:
        """Give the output's duration in seconds; it wins over what FFmpeg prints.

        None, and what cannot be a duration (zero, negative, NaN), is unknown.
        """
        self._total = seconds if seconds is not None and 0 < seconds < float("inf") else None

    def parse_output(self, text: str) -> bool:
        """Read one or more whole lines of FFmpeg's stdout or stderr; see the base class."""
        said = False
        for line in text.replace("\r", "\n").split("\n"):
            with self._reader_lock:
                reading = self._reader.read(line)
                duration = self._total or self._cut.length(self._reader.duration)
            if reading is not None:
                self.show(reading, duration)
                said = True
        return said

    def show(self, reading: Reading, duration: float | None) -> None:
        """Tell the callbacks of a reading.

        Args:
            reading: How far the run is.
            duration: Seconds that the output will have; None is unknown.
        """
        percentage = eta = None
        if reading.out_time is not None and duration:
            percentage = 100.0 * reading.out_time / duration
            if reading.speed:
                eta = max(0.0, duration - reading.out_time) / reading.speed
        details = {
            "speed_factor": reading.speed,
            "out_time": reading.out_time,
            "duration": duration,
            "bitrate": reading.bitrate,
        }
        self.update(
            percentage=percentage,
            current_size=reading.total_size,
            speed=None,  # the output's bytes a second tell nobody anything
            eta=eta,
            details={key: value for key, value in details.items() if value is not None},
        )
