"""CountingTracker: the progress of work that prints nothing and counts its own bytes."""

from similubot_core.progress.tracker import ProgressTracker


class CountingTracker(ProgressTracker):
    """Takes counts by ``update(current_size=done, total_size=total)``, which is all it needs.

    Percentage, speed and ETA come from them. An update with only ``current_size``, once the total
    was told, costs the least.
    """

    def parse_output(self, text: str) -> bool:
        """Nothing is printed: always False."""
        return False
