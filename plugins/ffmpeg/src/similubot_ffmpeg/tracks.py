"""Which audio track is converted. Pure."""

from collections.abc import Sequence

from similubot_core import StageError
from similubot_core.render import sanitize_line
from similubot_ffmpeg.media import AudioTrack


def candidates(
    tracks: Sequence[AudioTrack], languages: Sequence[str], wanted: str | None, name: str
) -> list[AudioTrack]:
    """The tracks to try, the best one first.

    What is asked for is the only one. Else the track that is marked default comes first, then one
    in a preferred language, then the file's order; what no FFmpeg knows comes last.

    Args:
        tracks: All of them; at least one.
        languages: The preferred ones, the most preferred first, as files name them: "eng".
        wanted: A number from 1 on, or a language; None is the rule above.
        name: The source's name, for errors.

    Raises:
        StageError: There is no such track.
    """
    preferred = [language.lower() for language in languages]

    def order(track: AudioTrack) -> tuple[bool, bool, int, int]:
        language = track.language.lower()
        place = preferred.index(language) if language in preferred else len(preferred)
        return track.codec == "none", not track.default, place, track.number

    if wanted is None:
        return sorted(tracks, key=order)
    asked = wanted.strip().lower()
    if asked.isdecimal():
        chosen = [track for track in tracks if track.number + 1 == int(asked[:9])]
    else:
        chosen = sorted((t for t in tracks if asked and t.language.lower() == asked), key=order)[:1]
    if not chosen:
        there = "; ".join(track.label for track in tracks[:20])
        raise StageError(
            f"{sanitize_line(name, 80)} has no audio track {sanitize_line(wanted, 20)}. "
            f"It has: {sanitize_line(there, 300)}."
        )
    return chosen
