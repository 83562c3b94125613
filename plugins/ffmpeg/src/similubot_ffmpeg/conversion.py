"""One conversion, from reading the source to a result that was checked, inside a work folder."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

from similubot_core import CancelToken, ConversionRequest, StageError
from similubot_core.render import duration, size
from similubot_ffmpeg import arguments
from similubot_ffmpeg.faults import broken_result, damaged, disk_is_full, failed, no_sound
from similubot_ffmpeg.mp4 import read_sound
from similubot_ffmpeg.ogg import ogg_is_cut
from similubot_ffmpeg.parts import cut, encode_parts, how_many
from similubot_ffmpeg.plan import Plan, choose
from similubot_ffmpeg.probe import MediaInfo, measure, probe
from similubot_ffmpeg.runs import FFmpeg, Run, too_long
from similubot_ffmpeg.tracker import FFmpegProgressTracker
from similubot_ffmpeg.wav import wav_seconds

logger = logging.getLogger(__name__)

ATTEMPTS = 4


class _CannotCopyError(Exception):
    """The track cannot lie in an MPEG-4 file as it is."""


@dataclass(slots=True)
class Conversion:
    """One conversion. Used by one thread.

    Attributes:
        ffmpeg: What runs.
        file: The source, as FFmpeg is given it.
        name: The source's name for people.
        work: A folder for everything that is written; its owner removes it.
        cancel: Ends it.
        tracker: Told of the progress; the owner starts and ends it.
        default_bitrate: Kilobits per second where none is asked for.
        summary: What was done, in a sentence, once `run` has returned.
    """

    ffmpeg: FFmpeg
    file: Path
    name: str
    work: Path
    cancel: CancelToken
    tracker: FFmpegProgressTracker
    default_bitrate: int
    summary: str = ""

    def run(self, request: ConversionRequest) -> Path:
        """Do it; returns the checked result inside the work folder.

        Raises:
            StageError: With the sentence for the user.
            Cancelled: The token was set.
        """
        info = probe(self.ffmpeg, self.file, self.name, self.cancel)
        if info.audio is None:
            raise no_sound(self.name)
        length = self._length(info, request)
        if info.estimated:
            info = info.with_bitrate_over(length)
        cover = self._extract_cover(info)
        cover_size = cover.stat().st_size if cover else 0
        allowed, may_copy = request.max_size, True
        for _ in range(ATTEMPTS):
            plan = choose(
                info,
                replace(request, max_size=allowed),
                self.default_bitrate,
                length,
                cover_size=cover_size,
                may_copy=may_copy,
            )
            try:
                result = self._make(info, plan, length, cover)
            except _CannotCopyError:
                logger.info("%s: its AAC cannot be copied, so it is encoded", self.name)
                may_copy = False
                continue
            over = result.stat().st_size - (request.max_size or 0)
            if allowed is None or over <= 0:
                return result
            if plan.bitrate is not None:
                allowed -= over  # the encoder went over the bitrate it was given: aim lower
            may_copy = False
        raise StageError(
            f"{self.name} could not be made to fit {size(request.max_size)}; allow more."
        )

    def _length(self, info: MediaInfo, request: ConversionRequest) -> float | None:
        """Seconds of the sound, measured where the file does not say and it matters."""
        length = info.sound_duration
        if length is None or info.estimated:
            copied = info.audio is not None and info.audio.codec == "aac" and not request.bitrate
            if not copied or request.max_size:
                self.tracker.update(message="Measuring the sound")
                length = measure(self.ffmpeg, self.file, "a:0", self.cancel) or length
        if length is not None and length > self.ffmpeg.settings.max_duration:
            raise too_long(self.ffmpeg.settings)
        return length

    def _extract_cover(self, info: MediaInfo) -> Path | None:
        """The cover art as a file; None without one, or where FFmpeg cannot take it out."""
        if info.cover is None:
            return None
        picture = self.work / "cover"
        self.ffmpeg.run(arguments.extract_cover(self.file, info.cover, picture), self.cancel)
        return picture if picture.exists() and picture.stat().st_size else None

    def _make(self, info: MediaInfo, plan: Plan, length: float | None, cover: Path | None) -> Path:
        """Copy or encode, add the cover, and check; returns the result."""
        final = cover is None
        run, audio = self._in_parts(info, plan, length, final) or self._in_one(
            info, plan, length, final
        )
        result = audio if cover is None else self._with_cover(audio, cover)
        self._check_result(result, run)
        self.summary = (
            f"AAC, {'copied as it was' if plan.bitrate is None else f'{plan.bitrate} kb/s'}, "
            f"{duration(run.out_time)}, {size(result.stat().st_size)}"
            + ("; damaged places left out" if run.damage.errors else "")
            + ("; without its cover art" if info.cover is not None and result == audio else "")
        )
        return result

    def _in_one(
        self, info: MediaInfo, plan: Plan, length: float | None, final: bool
    ) -> tuple[Run, Path]:
        """The sound, copied or encoded in one piece."""
        copies = plan.bitrate is None
        self.tracker.update(
            message="Copying the sound" if copies else f"Encoding at {plan.bitrate} kb/s"
        )
        sound = self.work / "sound.m4a"
        run = self.ffmpeg.run(
            arguments.convert(self.file, plan.bitrate, sound, final=final),
            self.cancel,
            on_reading=lambda reading: self.tracker.show(reading, length),
        )
        # 5.1.9 ends with 0 where the disk is full only when the index is written.
        if run.returncode != 0 or not run.out_time or disk_is_full(run):
            if copies and not disk_is_full(run):
                raise _CannotCopyError
            raise failed(self.name, run)
        self._check_whole(info, run)
        return run, sound

    def _in_parts(
        self, info: MediaInfo, plan: Plan, length: float | None, final: bool
    ) -> tuple[Run, Path] | None:
        """The sound, encoded in parts at once; None where it is to be done in one piece."""
        assert info.audio is not None
        count = how_many(self.ffmpeg.settings.threads, length, info.audio)
        rate = info.audio.sample_rate
        if plan.bitrate is None or count == 1 or length is None or rate is None:
            return None
        self.tracker.update(message=f"Encoding at {plan.bitrate} kb/s in {count} parts")
        run, frames = encode_parts(
            self.ffmpeg,
            self.file,
            plan.bitrate,
            cut(count, length, rate),
            length,
            rate,
            self.work,
            self.cancel,
            on_reading=lambda reading: self.tracker.show(reading, length),
        )
        if run.returncode != 0 or disk_is_full(run):
            raise failed(self.name, run)
        try:
            if frames is None:
                raise StageError("The parts do not fit together.", detail=run.detail)
            self._check_whole(info, run)
        except StageError as error:
            # Where time stamps jump, or the sound changes its kind on the way, parts may lack what
            # one piece has; what is damaged is judged in one piece too.
            logger.info("%s is encoded anew in one piece: %s", self.name, error.message)
            return None
        sound = self.work / "sound.m4a"
        wrapped = self.ffmpeg.run(
            arguments.wrap(frames, rate, self.file, sound, final=final), self.cancel
        )
        frames.unlink()
        if wrapped.returncode != 0 or disk_is_full(wrapped):
            raise failed(self.name, wrapped)
        return run, sound

    def _with_cover(self, audio: Path, cover: Path) -> Path:
        """The file with the cover art; `audio` itself when FFmpeg cannot put it in."""
        result = self.work / "result.m4a"
        demuxer = _cover_demuxer(cover)
        if demuxer is None:
            return audio
        run = self.ffmpeg.run(arguments.add_cover(audio, cover, demuxer, result), self.cancel)
        if disk_is_full(run):
            raise failed(self.name, run)
        if run.returncode == 0:
            return result
        logger.warning("%s: its cover art cannot be kept: %s", self.name, run.detail)
        return audio

    def _check_whole(self, info: MediaInfo, run: Run) -> None:
        """Raise when a part of the source's sound is missing: FFmpeg's exit status is 0 then."""
        converted = run.out_time or 0.0
        expected = None if info.estimated else info.sound_duration
        if info.format == "wav":
            expected = wav_seconds(self.file)
        # The index can be whole, and the rest all there but for a last, empty piece.
        cut = run.damage.cut_short and (expected is None or converted < expected - 0.1)
        if info.format == "ogg":
            cut = ogg_is_cut(self.file)
        if not cut and expected is not None and converted < expected - tolerance(expected):
            cut = not info.has_video or self._picture_is_cut(expected)
        if cut:
            raise damaged(self.name, converted, expected, run)

    def _picture_is_cut(self, expected: float) -> bool:
        """Whether the picture ends early too; where it does not, the sound is just shorter."""
        picture = measure(self.ffmpeg, self.file, "V:0", self.cancel)
        return picture is None or picture < expected - tolerance(expected)

    def _check_result(self, result: Path, run: Run) -> None:
        """Raise unless the result is an AAC track of the length that FFmpeg said it wrote."""
        said = run.out_time or 0.0
        try:
            sound = read_sound(result)
        except (OSError, ValueError) as error:
            raise broken_result(self.name, f"{error}", run) from error
        if sound.codec != "mp4a":
            raise broken_result(self.name, "it has no AAC track", run)
        # Sound that begins after the picture begins late in the result. FFmpeg 4.2.2, 7.0.2 and
        # 9.0.2 do not count that as what they wrote, while 5.1.9 does.
        plays = sound.seconds + sound.start
        if min(abs(plays - said), abs(sound.seconds - said)) > tolerance(said):
            raise broken_result(self.name, f"it plays {duration(plays)}, not {duration(said)}", run)


def _cover_demuxer(cover: Path) -> str | None:
    """FFmpeg's demuxer for a picture that an MPEG-4 file takes; None for any other."""
    with cover.open("rb") as stream:
        start = stream.read(8)
    if start == b"\x89PNG\r\n\x1a\n":
        return "png_pipe"
    return "jpeg_pipe" if start.startswith(b"\xff\xd8\xff") else None


def tolerance(length: float) -> float:
    """Seconds that a result may differ from `length`: containers round, encoders pad."""
    return max(0.5, 0.005 * length)
