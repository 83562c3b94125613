"""How long FFmpeg's output will be, as far as the arguments of its command line say."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_CLOCK = re.compile(r"(?:(\d{1,6}):)?(\d{1,6}):(\d{1,2}(?:\.\d{1,9})?)")
_PLAIN = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)(ms|us|s)?")
_FACTORS = {"s": 1.0, "ms": 1e-3, "us": 1e-6}
# With these the output's length follows from neither the input's nor a time on the command line.
_CHANGE_LENGTH = frozenset(
    {"-shortest", "-stream_loop", "-loop", "-sseof", "-frames", "-vframes", "-aframes", "-fs"}
)
_FILTERS = re.compile(r"-(?:af|vf|filter|filter_complex|lavfi)(?::.*)?")
_FILTERS_THAT_CHANGE = re.compile(
    r"tempo|setpts|trim|concat|loop|select|rubberband|apad|tpad|framerate"
)
_TIMES = ("-ss", "-t", "-to")


@dataclass(frozen=True, slots=True)
class Cut:
    """What the command line says of the output's length; None is unlimited, or not told.

    Attributes:
        start: Seconds that are left out at the beginning of the input.
        longest: Seconds that the output has at most.
        input_tells: Whether the length follows from the input's where no limit is shorter.
    """

    start: float = 0.0
    longest: float | None = None
    input_tells: bool = True

    def length(self, of_input: float | None) -> float | None:
        """Seconds that the output will have; None is unknown.

        Args:
            of_input: Seconds of the longest input; None is unknown.
        """
        if of_input is None or not self.input_tells:
            return self.longest
        left = of_input - self.start
        if left <= 0:
            return None
        return left if self.longest is None else min(left, self.longest)


def seconds(text: str) -> float | None:
    """ "150", "2:30", "00:02:30.5", "500ms" in seconds; None for what is no length of time."""
    match = _CLOCK.fullmatch(text)
    if match is not None:
        return 3600.0 * int(match[1] or 0) + 60.0 * int(match[2]) + float(match[3])
    match = _PLAIN.fullmatch(text)
    return None if match is None else float(match[1]) * _FACTORS[match[2] or "s"]


def read_cut(command: Sequence[str]) -> Cut:
    """Read ``-ss``, ``-t`` and ``-to`` of inputs and of the output.

    Args:
        command: FFmpeg's own words, the program first.
    """
    inputs: list[dict[str, str]] = []
    times: dict[str, str] = {}
    tells = True
    repeated = False
    for at, word in enumerate(command[:-1]):
        value = command[at + 1]
        if word in _TIMES:
            repeated = repeated or word in times
            times[word] = value
        elif word == "-i":
            inputs.append(times)
            times = {}
        elif word in _CHANGE_LENGTH or (
            _FILTERS.fullmatch(word) and _FILTERS_THAT_CHANGE.search(value)
        ):
            tells = False
    if "-copyts" in command or "-shortest" in command or repeated:
        return Cut(input_tells=False)
    start, longest = _limits(times)
    if len(inputs) == 1:
        skipped, limit = _limits(inputs[0])
        if limit is not None and tells:
            left = max(limit - start, 0.0)
            longest = left if longest is None else min(longest, left)
        start += skipped
    elif any(inputs):
        tells = False  # which of the inputs is the longest is not told
    return Cut(start, longest, tells)


def _limits(times: dict[str, str]) -> tuple[float, float | None]:
    start = seconds(times.get("-ss", "0")) or 0.0
    longest = seconds(times["-t"]) if "-t" in times else None
    end = seconds(times["-to"]) if "-to" in times else None
    if longest is None and end is not None and end > start:
        longest = end - start
    return start, longest
