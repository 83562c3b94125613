"""What ends a job that grows too large."""

from similubot_bot.jobs.watch import JobWatch
from similubot_core import CancelToken, ProgressInfo, ProgressStatus
from similubot_core.jobs.stages import STAGES


def state(name: str, size: int, *, unit: str = "B") -> ProgressInfo:
    return ProgressInfo(
        name, ProgressStatus.IN_PROGRESS, current_size=size, id=name, parent="job", unit=unit
    )


def test_a_source_that_is_too_large_ends_the_job() -> None:
    cancel = CancelToken()
    watch = JobWatch(1000, cancel)
    watch(state("job", 2000, unit=STAGES))
    watch(state("Download", 1000))
    assert watch.refusal == ""
    watch(state("Download", 1001))
    assert cancel.cancelled
    assert "choose a smaller one" in watch.refusal


def test_a_result_may_be_larger_than_a_source_even_while_that_is_fetched() -> None:
    """As of MP3 that becomes WAV while it is downloaded."""
    cancel = CancelToken()
    watch = JobWatch(1000, cancel)
    watch(state("Download", 10))
    watch(state("Audio Conversion", 5000))
    assert not cancel.cancelled
