"""One conversion, from reading the source to a result that was checked, inside a work folder."""

import logging
from dataclasses import dataclass, field, replace
from pathlib import Path

from similubot_core import CancelToken, ConversionRequest, StageError
from similubot_core.jobs import GrowingFile
from similubot_core.render import duration, size
from similubot_ffmpeg import arguments, faults
from similubot_ffmpeg.adts import FRAME_SAMPLES, are_of_one_kind
from similubot_ffmpeg.cover import cover_demuxer, cover_size_in, cover_tag
from similubot_ffmpeg.encryption import encryption_of
from similubot_ffmpeg.evidence import gather, of_clip
from similubot_ffmpeg.formats import FORMATS, M4A, ORIGINAL, Format, container_of
from similubot_ffmpeg.media import AudioTrack, MediaInfo
from similubot_ffmpeg.mp4 import Mp4Track, read_source_tracks, read_tracks
from similubot_ffmpeg.parts import ENCODERS, cut, encode_parts, how_many
from similubot_ffmpeg.plan import Plan, choose
from similubot_ffmpeg.probe import measure, probe
from similubot_ffmpeg.runs import FFmpeg, Run, too_long
from similubot_ffmpeg.seeking import is_exact
from similubot_ffmpeg.tracker import FFmpegProgressTracker
from similubot_ffmpeg.tracks import candidates
from similubot_ffmpeg.verdict import Evidence, decide, tolerance

logger = logging.getLogger(__name__)

ATTEMPTS = 4
PIECE_SECONDS = 2.0
"""How much of a copy's begin, middle and end is decoded: 6 s take a thousandth of what encoding an
hour takes, and 0.01 s besides FFmpeg's start."""

_SAY_ONCE = ("mov,", "matroska")
"""What the containers begin with that say once for all frames what their AAC is, as the result
does. Elsewhere each frame may say it anew (ADTS), or what comes between the frames (FLV)."""


_MOST_ERRORS = 9
"""Packets refused for each frame decoded, above which a track is noise. A file of which a tenth was
fetched, with zeros for the rest, has nine."""


class _CannotCopyError(Exception):
    """The track cannot lie in an MPEG-4 file as it is."""


class _NotDecodableError(Exception):
    """Nothing of a track could be decoded; another one may do."""

    def __init__(self, error: StageError) -> None:
        self.error = error


@dataclass(frozen=True, slots=True)
class _Made:
    """A result that is not checked yet: its file, and the run that wrote the audio."""

    file: Path
    run: Run


@dataclass(frozen=True, slots=True)
class Ahead:
    """A track that was encoded while its source was still being downloaded.

    Attributes:
        of: What was encoded, and how: it serves where the whole source asks for the same.
        made: The result, not checked yet.
    """

    of: tuple[object, ...]
    made: _Made


@dataclass(slots=True)
class Conversion:
    """One conversion. Used by one thread.

    Attributes:
        ffmpeg: What runs.
        file: The source, as FFmpeg is given it; for `encode_ahead` its address.
        name: The source's name for people.
        work: A folder for everything that is written; its owner removes it.
        cancel: Ends it.
        tracker: Told of the progress; the owner starts and ends it.
        default_bitrate: Kilobits per second where none is asked for.
        ahead: What `encode_ahead` made of the same source; None when there is none.
        growing: The source, for `encode_ahead`; else None.
        summary: What was done, in a sentence, once `run` has returned.
        suffix: The ending of the result's name, once `run` has returned.
        damaged: Whether what `run` returned lacks something that the source should have.
    """

    ffmpeg: FFmpeg
    file: arguments.Source
    name: str
    work: Path
    cancel: CancelToken
    tracker: FFmpegProgressTracker
    default_bitrate: int
    ahead: Ahead | None = None
    growing: GrowingFile | None = None
    summary: str = ""
    damaged: bool = False
    suffix: str = M4A.suffix
    _notes: list[str] = field(default_factory=list)
    _source_tracks: tuple[Mp4Track, ...] = ()

    def run(self, request: ConversionRequest) -> Path:
        """Do it; returns the checked result inside the work folder.

        Raises:
            StageError: With the sentence for the user.
            Cancelled: The token was set.
        """
        assert isinstance(self.file, Path)
        info = probe(self.ffmpeg, self.file, self.name, self.cancel)
        if not info.tracks:
            raise faults.no_audio(self.name)
        if info.format.startswith("mov,"):
            self._source_tracks = read_source_tracks(self.file)
        cover = self._extract_cover(info)
        settings = self.ffmpeg.settings
        tracks = candidates(info.tracks, settings.languages, request.track, self.name)
        error: StageError | None = None
        for track in tracks:
            try:
                result = self._convert(info, track, request, cover)
            except _NotDecodableError as undecodable:
                logger.info("%s, %s: %s", self.name, track.label, undecodable.error.message)
                error = error or undecodable.error
                continue
            if error:
                self._notes.append(f"{tracks[0].label} could not be decoded")
            if len(info.tracks) > 1:
                self._notes.append(f"{track.label} of {len(info.tracks)}")
            self.summary = "; ".join((self.summary, *self._notes))
            return result
        assert error is not None
        raise error

    def encode_ahead(self, request: ConversionRequest) -> Ahead | None:
        """Encode the track that `run` will most likely choose, from a source that still grows.

        None where nothing is encoded, or the source's beginning does not say enough, or anything
        fails: `run` finds out why, from the whole source.

        Raises:
            Cancelled: The token was set.
        """
        try:
            return self._try_ahead(request)
        except (StageError, OSError, _NotDecodableError) as error:
            logger.info("%s is encoded once it is here: %s", self.name, error)
            return None

    def _try_ahead(self, request: ConversionRequest) -> Ahead | None:
        assert self.growing is not None
        info = probe(self.ffmpeg, self.file, self.name, self.cancel)
        if info.format.startswith("mov,"):  # FFmpeg has read the index, so it is here
            self._source_tracks = read_source_tracks(self.growing.path)
        format_ = FORMATS[request.format or M4A.name]
        if not info.tracks or info.estimated or format_ is ORIGINAL:
            return None
        languages = self.ffmpeg.settings.languages
        track = candidates(info.tracks, languages, request.track, self.name)[0]
        length = info.length_of(track)
        if length is None or length > self.ffmpeg.settings.max_duration:
            return None
        length = self._length(info, track, request)
        cover = self._extract_cover(info)
        plan = choose(
            track,
            request,
            self.default_bitrate,
            length,
            cover_size=cover_size_in(cover, format_),
            may_copy=request.clip is None,
            format=format_,
        )
        if plan.copies:
            return None
        final = cover is None or not format_.holds_cover
        made = self._make_track(info, track, format_, plan, length, final, request)
        if made.run.counts.errors or made.run.counts.cut_short:
            return None
        return Ahead(_what(track, format_, plan, final, request), made)

    def _convert(
        self, info: MediaInfo, track: AudioTrack, request: ConversionRequest, cover: Path | None
    ) -> Path:
        """Convert one track; returns the result."""
        assert isinstance(self.file, Path)
        if encryption := encryption_of(self.file, info.format, track):
            raise _NotDecodableError(faults.encrypted(self.name, encryption))
        made = FORMATS[request.format or M4A.name]
        if made is ORIGINAL:
            made = container_of(track.codec)
        self.suffix = made.suffix
        length = self._length(info, track, request)
        if info.estimated:
            track = replace(track, bitrate=info.bitrate_over(track, length))
        cover_size = cover_size_in(cover, made)
        # What is copied can be cut between packets only.
        exact = request.clip is None or not made.encoder
        allowed, may_copy = request.max_size, exact and not self._encryption(track)
        for _ in range(ATTEMPTS):
            plan = choose(
                track,
                replace(request, max_size=allowed),
                self.default_bitrate,
                length,
                cover_size=cover_size,
                may_copy=may_copy,
                format=made,
            )
            self._notes.clear()
            try:
                result = self._make(info, track, made, plan, length, cover, request)
            except _CannotCopyError:
                if not made.encoder:
                    raise faults.cannot_copy(self.name, track.codec) from None
                logger.info("%s: it cannot be copied, so it is encoded", self.name)
                may_copy = False
                continue
            over = result.stat().st_size - (request.max_size or 0)
            if allowed is None or over <= 0:
                return result
            if plan.bitrate is not None:
                allowed -= over  # the encoder went over the bitrate it was given: aim lower
            elif made.bitrates is None:
                break
            may_copy = False
        raise StageError(
            f"{self.name} could not be made to fit {size(request.max_size)}; allow more."
        )

    def _length(
        self, info: MediaInfo, track: AudioTrack, request: ConversionRequest
    ) -> float | None:
        """Seconds of the track, measured where the file does not say and it matters."""
        length = info.length_of(track)
        longest = self.ffmpeg.settings.max_duration
        copied = track.codec == "aac" and not request.bitrate and not request.max_size
        if request.clip is not None:
            begin, end = request.clip
            ends = [second for second in (length, end) if second is not None]
            return max(0.0, min(ends) - begin) if ends else None
        unknown = (length is None or info.estimated) and not copied
        # Time stamps that jump back make a recording of 20 s say that it takes 26 hours.
        if unknown or (length is not None and length > longest):
            self.tracker.update(message="Measuring the audio")
            stream = f"a:{track.number}"
            claimed = length if length is not None and length <= longest else None
            length = measure(self.ffmpeg, self.file, stream, self.cancel) or claimed
        if length is not None and length > longest:
            raise too_long(self.ffmpeg.settings)
        return length

    def _extract_cover(self, info: MediaInfo) -> Path | None:
        """The cover art as a file; None without one, or where FFmpeg cannot take it out."""
        if info.cover is None:
            return None
        picture = self.work / "cover"
        self.ffmpeg.run(arguments.extract_cover(self.file, info.cover, picture), self.cancel)
        return picture if picture.exists() and picture.stat().st_size else None

    def _make(
        self,
        info: MediaInfo,
        track: AudioTrack,
        format: Format,  # noqa: A002
        plan: Plan,
        length: float | None,
        cover: Path | None,
        request: ConversionRequest,
    ) -> Path:
        """Copy or encode, add the cover, and check; returns the result."""
        cover = cover if format.holds_cover else None
        final = cover is None
        if plan.copies and format.codec == M4A.codec and request.clip is None:
            made = self._copy(info, track, length, final)
        elif self.ahead is not None and self.ahead.of == _what(track, format, plan, final, request):
            made = self.ahead.made
        else:
            made = self._make_track(info, track, format, plan, length, final, request)
        result = made.file if cover is None else self._with_cover(made.file, cover, format)
        if format.muxer == M4A.muxer:
            index = self._check_result(result, made.run, format)
        else:
            index = self._read_result(result, made.run, format)
        if plan.copies:
            self._check_pieces(result, index, made.run)
        played = (
            min(index.plays, index.filled) if plan.copies else made.run.counts.encoded / index.rate
        )
        assert isinstance(self.file, Path)
        seen = gather(
            self.ffmpeg,
            self.file,
            info,
            track,
            self._index_of(track),
            made.run.counts,
            played,
            self.cancel,
        )
        self._judge(of_clip(seen, request.clip), made.run, request)
        bitrate = "" if plan.bitrate is None else f"{plan.bitrate} kb/s, "
        method = "copied as it was, " if plan.copies else bitrate
        name = "AAC" if format is M4A else format.codec
        self.summary = f"{name}, {method}{duration(index.plays)}, {size(result.stat().st_size)}"
        if info.cover is not None and result == made.file:
            self._notes.append("without its cover art")
        return result

    def _make_track(
        self,
        info: MediaInfo,
        track: AudioTrack,
        format: Format,  # noqa: A002
        plan: Plan,
        length: float | None,
        final: bool,
        request: ConversionRequest,
    ) -> _Made:
        """In parts at once where that pays, else in one piece."""
        threads, count = self.ffmpeg.settings.threads, 1
        if length is not None and (index := self._index_of(track)) is not None and index.packets:
            length = min(length, index.plays)  # another track of the file may be longer
        in_parts = format is M4A and request.clip is None and plan.bitrate is not None
        if in_parts:
            still_comes = self.growing.seconds_left if self.growing is not None else None
            count = how_many(threads, length, track, still_comes)
        with ENCODERS.take(count, threads) as count:
            if in_parts and plan.bitrate is not None:
                return self._encode(info, track, plan.bitrate, length, count, final)
            return self._make_in_one(info, track, format, plan, length, request)

    def _make_in_one(
        self,
        info: MediaInfo,
        track: AudioTrack,
        format: Format,  # noqa: A002
        plan: Plan,
        length: float | None,
        request: ConversionRequest,
    ) -> _Made:
        """Any format, or a part of the source: copied or encoded in one piece."""
        rate = "" if plan.bitrate is None else f" at {plan.bitrate} kb/s"
        message = "Copying the audio" if plan.copies else f"Encoding {format.name}{rate}"
        self.tracker.update(message=message)
        audio = self.work / f"audio{format.suffix}"
        run = self.ffmpeg.run(
            arguments.make(self.file, info.format, track, format, plan, audio, request.clip),
            self.cancel,
            on_reading=lambda reading: self.tracker.show(reading, length),
        )
        if plan.copies:
            self._check_copied(run)
            return _Made(audio, run)
        if faults.disk_is_full(run) or faults.was_stopped(run):
            raise faults.failed(self.name, run)
        if request.clip is not None and run.returncode == 0 and not run.counts.encoded:
            raise faults.clip_is_empty(self.name, request.clip[0])
        self._check_decoded(track, run)
        if run.returncode != 0:
            raise faults.failed(self.name, run)
        return _Made(audio, run)

    def _copy(self, info: MediaInfo, track: AudioTrack, length: float | None, final: bool) -> _Made:
        """The track as it is, in a file of its own."""
        self.tracker.update(message="Copying the audio")
        audio = self.work / "audio.m4a"
        if len(self._codecs(track)) > 1:
            raise _CannotCopyError
        if not info.format.startswith(_SAY_ONCE):
            return self._copy_frames(info, track, length, audio, final)
        run = self.ffmpeg.run(
            arguments.convert(self.file, info.format, track, None, audio, final=final),
            self.cancel,
            on_reading=lambda reading: self.tracker.show(reading, length),
        )
        self._check_copied(run)
        return _Made(audio, run)

    def _copy_frames(
        self, info: MediaInfo, track: AudioTrack, length: float | None, audio: Path, final: bool
    ) -> _Made:
        """The same by way of bare frames, whose heads are looked at one by one."""
        frames = self.work / "frames.aac"
        run = self.ffmpeg.run(
            arguments.copy_frames(self.file, track, frames),
            self.cancel,
            on_reading=lambda reading: self.tracker.show(reading, length),
        )
        self._check_copied(run)
        with frames.open("rb") as stream:
            if not are_of_one_kind(stream):
                raise _CannotCopyError
        wrapped = self.ffmpeg.run(
            arguments.wrap(frames, 0.0, self.file, info.format, track, audio, final=final),
            self.cancel,
        )
        frames.unlink()
        self._check_copied(wrapped)
        return _Made(audio, run)

    def _check_copied(self, run: Run) -> None:
        if faults.disk_is_full(run):
            raise faults.failed(self.name, run)
        if run.returncode != 0 or not run.counts.written:
            raise _CannotCopyError

    def _encode(
        self,
        info: MediaInfo,
        track: AudioTrack,
        bitrate: int,
        length: float | None,
        count: int,
        final: bool,
    ) -> _Made:
        """AAC, in `count` parts."""
        rate = track.sample_rate
        if count > 1 and length is not None and rate is not None:
            made = self._encode_parts(info, track, bitrate, length, rate, count, final)
            if made is not None:
                return made
        self.tracker.update(message=f"Encoding at {bitrate} kb/s")
        audio = self.work / "audio.m4a"
        run = self.ffmpeg.run(
            arguments.convert(self.file, info.format, track, bitrate, audio, final=final),
            self.cancel,
            on_reading=lambda reading: self.tracker.show(reading, length),
        )
        # 5.1.9 ends with 0 where the disk is full only when the index is written.
        if faults.disk_is_full(run) or faults.was_stopped(run):
            raise faults.failed(self.name, run)
        self._check_decoded(track, run)
        if run.returncode != 0:
            raise faults.failed(self.name, run)
        return _Made(audio, run)

    def _encode_parts(
        self,
        info: MediaInfo,
        track: AudioTrack,
        bitrate: int,
        length: float,
        rate: int,
        count: int,
        final: bool,
    ) -> _Made | None:
        """Encoded in parts at once; None where it is to be done in one piece."""
        index, growing = self._index_of(track), self.growing is not None
        sought = is_exact(info, track, index, still_comes=growing)
        self.tracker.update(message=f"Encoding at {bitrate} kb/s in {count} parts")
        run, frames = encode_parts(
            self.ffmpeg,
            self.file,
            track,
            bitrate,
            cut(count, length, rate, sought=sought),
            length,
            rate,
            self.work,
            self.cancel,
            on_reading=lambda reading: self.tracker.show(reading, length),
        )
        failed = run.returncode != 0 and not sought  # a seek may go beyond a source that is cut
        if failed or faults.disk_is_full(run) or faults.was_stopped(run):
            raise faults.failed(self.name, run)
        counts = run.counts
        # The last part decodes the whole source. Where the audio changes its kind on the way, parts
        # may lack what one piece has; what is damaged is judged in one piece too.
        same = sought or abs(counts.decoded - counts.encoded) < 2 * FRAME_SAMPLES
        if frames is None or not same or counts.errors or counts.cut_short:
            logger.info("%s is encoded anew in one piece: %s", self.name, run.detail)
            return None
        audio = self.work / "audio.m4a"
        delay = FRAME_SAMPLES / rate
        wrapped = self.ffmpeg.run(
            arguments.wrap(frames, delay, self.file, info.format, track, audio, final=final),
            self.cancel,
        )
        frames.unlink()
        if wrapped.returncode != 0 or faults.disk_is_full(wrapped):
            raise faults.failed(self.name, wrapped)
        return _Made(audio, run)

    def _check_decoded(self, track: AudioTrack, run: Run) -> None:
        """Raise where so little could be decoded that the track is not what it is said to be."""
        counts, encryption = run.counts, self._encryption(track)
        if encryption and (counts.errors or run.returncode != 0 or not counts.decoded):
            raise _NotDecodableError(faults.encrypted(self.name, encryption, run.detail))
        if counts.decoded == 0 or counts.errors > _MOST_ERRORS * counts.frames:
            raise _NotDecodableError(faults.failed(self.name, run))

    def _with_cover(self, audio: Path, cover: Path, format: Format) -> Path:  # noqa: A002
        """The file with the cover art; `audio` itself when FFmpeg cannot put it in."""
        result = self.work / f"result{format.suffix}"
        demuxer = cover_demuxer(cover)
        if demuxer is None:
            return audio
        if format.cover_is_a_tag:
            run = self.ffmpeg.run(arguments.check_cover(cover, demuxer), self.cancel)
            if run.returncode == 0:
                tags = self.work / "tags"
                tags.write_bytes(cover_tag(cover.read_bytes(), demuxer))
                run = self.ffmpeg.run(arguments.add_tags(audio, tags, result, format), self.cancel)
        else:
            run = self.ffmpeg.run(
                arguments.add_cover(audio, cover, demuxer, result, format), self.cancel
            )
        if faults.disk_is_full(run):
            raise faults.failed(self.name, run)
        if run.returncode == 0:
            return result
        logger.warning("%s: its cover art cannot be kept: %s", self.name, run.detail)
        return audio

    def _read_result(self, result: Path, run: Run, format: Format) -> Mp4Track:  # noqa: A002
        """The same of any container, read by FFmpeg to its last packet."""
        read = self.ffmpeg.run(arguments.measure(result, "a:0"), self.cancel)
        (track,) = probe(self.ffmpeg, result, self.name, self.cancel).tracks or (None,)
        if track is None or track.codec != format.codec or not track.sample_rate:
            raise faults.broken_result(self.name, f"it has no track of {format.codec}", run)
        # Demuxers join and divide packets of samples, so only a loss shows.
        seconds = read.out_time or 0.0
        expected = run.counts.encoded / track.sample_rate
        if read.returncode != 0 or seconds < expected - tolerance(expected):
            why = f"it plays {duration(seconds)}, not {duration(expected)}"
            raise faults.broken_result(self.name, why, run)
        return Mp4Track(
            (track.codec,), track.sample_rate, read.counts.packets, seconds, seconds, seconds
        )

    def _check_result(self, result: Path, run: Run, format: Format) -> Mp4Track:  # noqa: A002
        """Raise unless the result's own index lists what FFmpeg said it wrote."""
        try:
            (index,) = read_tracks(result)
        except (OSError, ValueError) as error:
            raise faults.broken_result(self.name, f"{error}", run) from error
        if index.codecs != ("alac" if format.codec == "alac" else "mp4a",):
            raise faults.broken_result(self.name, "it has no AAC track", run)
        if index.packets != run.counts.written:
            why = f"it has {index.packets} packets, not {run.counts.written}"
            raise faults.broken_result(self.name, why, run)
        return index

    def _check_pieces(self, result: Path, index: Mp4Track, run: Run) -> None:
        """Raise unless the begin, the middle and the end of a copy can be decoded.

        A copy holds what the source held, noise and encrypted bytes included.
        """
        last = max(0.0, index.plays - PIECE_SECONDS)
        begins = sorted({0.0, last / 2, last} if last > 2 * PIECE_SECONDS else {0.0})
        seconds = PIECE_SECONDS if len(begins) > 1 else index.plays + 1.0
        least = min(seconds, index.plays) / 2  # a seek lands on a packet; an encoder has a delay
        for begin in begins:
            # One run each: the threads of three inputs need more memory than is allowed.
            piece = self.ffmpeg.run(arguments.decode_piece(result, begin, seconds), self.cancel)
            counts = piece.counts
            complete = counts.decoded / index.rate >= least
            if piece.returncode != 0 or counts.undecoded or not complete:
                logger.info("%s: a piece of the copy is broken: %s", self.name, piece.detail)
                raise _CannotCopyError

    def _judge(self, seen: Evidence, run: Run, request: ConversionRequest) -> None:
        """Raise unless the result is whole, or is to be kept all the same."""
        verdict = decide(seen)
        logger.info("%s: %s, from %s", self.name, "whole" if verdict.whole else "damaged", seen)
        self._notes.extend(verdict.notes)
        self.damaged = not verdict.whole
        if verdict.whole:
            return
        if not (request.keep_damaged or self.ffmpeg.settings.keep_damaged):
            raise faults.damaged(self.name, verdict.damage, run)
        self._notes.insert(0, f"DAMAGED: {verdict.damage}")

    def _index_of(self, track: AudioTrack) -> Mp4Track | None:
        """What the index of an MPEG-4 source says of a track; None elsewhere."""
        tracks = self._source_tracks
        return tracks[track.number] if track.number < len(tracks) else None

    def _codecs(self, track: AudioTrack) -> tuple[str, ...]:
        index = self._index_of(track)
        return index.codecs if index is not None else (track.fourcc,)

    def _encryption(self, track: AudioTrack) -> str | None:
        """What the index of an MPEG-4 source says that a track is encrypted with; None elsewhere.

        FFmpeg calls CENC's "enca" by the name of what is encrypted.
        """
        names = faults.ENCRYPTIONS
        return next((names[code] for code in self._codecs(track) if code in names), None)


def _what(
    track: AudioTrack,
    format: Format,  # noqa: A002
    plan: Plan,
    final: bool,
    request: ConversionRequest,
) -> tuple[object, ...]:
    """All that decides what an encoder gets of a source."""
    chosen = (track.number, track.codec, track.sample_rate, track.layout, track.language)
    return (*chosen, format.name, plan, final, request.clip)
