"""A tracker for SimiluBot: reads what yt-dlp prints."""

from similubot_core import ProgressTracker, TrackerSpec, hookimpl


def _tracker() -> ProgressTracker:
    from similubot_yt_dlp_tracker.tracker import YtDlpProgressTracker

    return YtDlpProgressTracker()


@hookimpl
def similubot_trackers() -> list[TrackerSpec]:
    """The tracker `yt-dlp`, which `similubot watch` takes by the program's name."""
    return [TrackerSpec("yt-dlp", "what yt-dlp prints", _tracker, ("yt-dlp", "youtube-dl"))]
