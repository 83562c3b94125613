"""What progress is: its states, the trackers that emit them, and how sinks keep pace."""

from typing import TYPE_CHECKING

from similubot_core.lazy import lazy_names

if TYPE_CHECKING:
    from similubot_core.progress.async_paced_sink import AsyncPacedSink
    from similubot_core.progress.counting_tracker import CountingTracker
    from similubot_core.progress.info import ProgressInfo, ProgressStatus
    from similubot_core.progress.paced_sink import PacedSink
    from similubot_core.progress.percent_tracker import PercentTracker
    from similubot_core.progress.rate import RateMeter
    from similubot_core.progress.tracker import Changes, ProgressCallback, ProgressTracker

__all__ = [
    "AsyncPacedSink",
    "Changes",
    "CountingTracker",
    "PacedSink",
    "PercentTracker",
    "ProgressCallback",
    "ProgressInfo",
    "ProgressStatus",
    "ProgressTracker",
    "RateMeter",
]

__getattr__ = lazy_names(
    __name__,
    {
        "AsyncPacedSink": "async_paced_sink",
        "Changes": "tracker",
        "CountingTracker": "counting_tracker",
        "PacedSink": "paced_sink",
        "PercentTracker": "percent_tracker",
        "ProgressCallback": "tracker",
        "ProgressInfo": "info",
        "ProgressStatus": "info",
        "ProgressTracker": "tracker",
        "RateMeter": "rate",
    },
)
