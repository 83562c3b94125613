"""The verdict on a conversion: whether all of the source's audio is in the result. Pure.

It rests on what was seen, and says on what:

1. *Decoded*: how many packets FFmpeg read, how many of them its decoder refused, and how many
   seconds came out of it. FFmpeg counts them itself (``-v verbose``, 4.1 to 9.0.2).
2. *Written*: seconds that the encoder was given, and the packets that the result's index lists.
   `similubot_ffmpeg.conversion` raises before a verdict where these do not agree.
3. *The end*: whether the source ends where its own structure says that it ends; see
   `similubot_ffmpeg.source_end` and what FFmpeg says on reading past it.
   A long run of zeros in what is coded in frames was never fetched. FFmpeg passes over both.
4. *A claim*: how long the source's own track says it is. A claim alone proves nothing: containers
   that were cut or joined keep old ones. It only tells how much is missing where 1 or 3 show that
   something is.
"""

from dataclasses import dataclass

from similubot_core.render import duration

EXACT = 0.1
"""Seconds that a claim and what was decoded differ by where nothing is missing: encoders pad."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen of a source while it was converted.

    Attributes:
        converted: Seconds that are in the result.
        claimed: Seconds that the source's own track says it has; None when it does not say.
        end_is_missing: Whether the source ends before its structure says that it ends.
        share: How much of its audio the structure says is there, within 0 and 1; None is unknown.
        last_packet_is_cut: Whether the last packet that FFmpeg read was not whole.
        packets: How many packets FFmpeg read.
        errors: How many of them the decoder refused.
        listed: How many packets the source's own index lists, where its edit list has them left
            out; else None.
        reaches: Up to which second packets come that follow each other without a pause; None where
            that tells nothing.
        stopped: Whether FFmpeg stopped within the file, at something that it cannot read.
        passed_over: Whether FFmpeg passed over something within the file that it cannot read.
        blank: How much of the file is long runs of zeros, as downloaders leave for what they have
            not fetched, within 0 and 1; 0 where they may be right, or nothing is in doubt.
    """

    converted: float
    claimed: float | None = None
    end_is_missing: bool = False
    share: float | None = None
    last_packet_is_cut: bool = False
    packets: int = 0
    errors: int = 0
    listed: int | None = None
    reaches: float | None = None
    stopped: bool = False
    passed_over: bool = False
    blank: float = 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the evidence says.

    Attributes:
        whole: Whether no audio is missing.
        damage: What is missing, in a sentence without its end; "" when nothing is.
        notes: What people should know besides, each without its end.
    """

    whole: bool
    damage: str = ""
    notes: tuple[str, ...] = ()


def decide(seen: Evidence) -> Verdict:
    """The verdict. Audio that is proven to be missing is damage; a mere claim is a note."""
    expected = _expected(seen)
    missing = max(0.0, expected - seen.converted) if expected is not None else None
    if seen.end_is_missing and (missing is None or missing > EXACT):
        return Verdict(False, _cut_off(seen.converted, expected))
    if seen.stopped and (missing is None or missing > EXACT):
        return Verdict(False, _unread(seen.converted))
    if seen.reaches is not None and seen.reaches - seen.converted > tolerance(seen.reaches):
        return Verdict(False, _only(seen.converted, seen.reaches))
    gone = seen.converted * seen.blank / max(1e-9, 1 - seen.blank)
    unread = seen.listed is not None and seen.packets < seen.listed
    broken = seen.errors > 0 or seen.last_packet_is_cut or seen.passed_over
    proven = broken or unread or gone > tolerance(seen.converted)
    if missing is not None and missing > tolerance(expected) and proven:
        return Verdict(False, _only(seen.converted, expected))
    lost = seen.converted * seen.errors / max(1, seen.packets - seen.errors)
    if expected is None and lost > tolerance(seen.converted):
        about = seen.converted + lost
        return Verdict(False, f"about {_exact(lost)} of {_exact(about)} cannot be decoded")
    if expected is None and gone > tolerance(seen.converted):
        about = seen.converted + gone
        return Verdict(
            False, f"about {_exact(gone)} of {_exact(about)} are missing, with zeros in their place"
        )
    return Verdict(True, notes=tuple(_notes(seen, missing)))


def _expected(seen: Evidence) -> float | None:
    """Seconds that the source should have; None when nothing says so."""
    if seen.share is not None and 0 < seen.share < 1:
        return seen.converted / seen.share
    return seen.claimed


def _notes(seen: Evidence, missing: float | None) -> list[str]:
    notes = []
    if seen.errors:
        notes.append("damaged places left out")
    elif seen.last_packet_is_cut and seen.claimed is None:
        notes.append("the source ends within a piece of audio, which was left out")
    if missing is not None and seen.claimed is not None and missing > tolerance(seen.claimed):
        notes.append(
            f"the file says {_exact(seen.claimed)}, but all {_exact(seen.converted)} that are in "
            "it were converted"
        )
    return notes


def _cut_off(converted: float, expected: float | None) -> str:
    if expected is None or _exact(converted) == _exact(expected):
        return (
            f"it is cut off at its end, and only its first {_exact(converted)} could be converted"
        )
    return _only(converted, expected)


def _unread(converted: float) -> str:
    return f"after its first {_exact(converted)} comes something that FFmpeg cannot read"


def _only(converted: float, expected: float | None) -> str:
    return f"only {_exact(converted)} of {_exact(expected or converted)} could be converted"


def tolerance(length: float | None) -> float:
    """Seconds that two right lengths may differ by: containers round, encoders pad."""
    return max(0.5, 0.005 * (length or 0.0))


def _exact(seconds: float) -> str:
    """Seconds for people, exact enough for two near lengths to differ."""
    return f"{seconds:.1f}s" if seconds < 60 else duration(seconds)
