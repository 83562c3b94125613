"""Every regular expression of the tree takes linear time, whatever text a stranger sends.

Texts are made to fit each pattern badly: its parts repeated, cut anywhere. A pattern that takes
long over a short text is timed (in processor time of this thread) at two lengths.
"""

import ast
import importlib
import importlib.util
import pkgutil
import re
import time
from collections.abc import Iterator
from pathlib import Path
from re import _constants as kinds  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from types import ModuleType
from typing import Any

import pytest

SHORT, LONG = 2000, 8000
SUSPICIOUS_SECONDS = 0.001
"""Over `SHORT` characters a linear pattern takes 0.00005 s, a quadratic one 0.002 s or more."""
MOST_RATIO = 9.0
"""Four times the length: four times the time, or sixteen times where it is quadratic."""
METHODS = {"match", "fullmatch", "search", "finditer", "findall", "sub", "split"}
ALPHABET = "a1A .,:;-_=/\\#%()[]{}<>|\"'\n\t\x1b~$é" + "".join(map(chr, range(33, 127)))


def modules() -> Iterator[ModuleType]:
    """Every module of the installed distributions of this project."""
    for package in pkgutil.iter_modules():
        if package.name.startswith("similubot_"):
            root = importlib.import_module(package.name)
            yield root
            for found in pkgutil.walk_packages(root.__path__, f"{package.name}."):
                if not found.name.endswith("__main__") and "templates" not in found.name:
                    yield importlib.import_module(found.name)


def own_patterns(module: ModuleType, source: str) -> Iterator[tuple[re.Pattern[str], set[str]]]:
    """The patterns in a module's variables, each with the methods that are called on it there."""
    for name, value in vars(module).items():
        # All of them where the pattern lies in a collection, or is handed on.
        called = set(re.findall(rf"\b{name}\.(\w+)\(", source)) & METHODS
        for pattern in patterns_in(value):
            yield pattern, called if pattern is value and called else METHODS


def patterns_in(value: object) -> Iterator[re.Pattern[str]]:
    """The text patterns in a variable."""
    if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
        yield value
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from patterns_in(part)
    elif isinstance(value, dict):
        for part in value.items():
            yield from patterns_in(part)


def inline_patterns(module: ModuleType, source: str) -> Iterator[tuple[re.Pattern[str], set[str]]]:
    """The patterns that stand in a call such as ``re.search(r"…", text)``."""
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Call) and ast.unparse(node.func).startswith("re.")):
            continue
        method = ast.unparse(node.func).removeprefix("re.")
        if method not in METHODS:
            continue
        value = getattr(node.args[0], "value", None)
        assert isinstance(value, str), (
            f"{module.__name__}:{node.lineno}: compile a pattern that is put together into a "
            "module's variable, so that this test finds it"
        )
        flags = re.IGNORECASE if re.search(r"re\.I\b|IGNORECASE", ast.unparse(node)) else 0
        yield re.compile(value, flags), {method}


def found() -> dict[tuple[str, int], tuple[str, set[str]]]:
    """Each pattern with its flags; where it is used, and by which methods."""
    places: dict[tuple[str, int], tuple[str, set[str]]] = {}
    for module in modules():
        source = Path(module.__file__ or "").read_text()
        for pattern, methods in (*own_patterns(module, source), *inline_patterns(module, source)):
            key = pattern.pattern, pattern.flags
            places.setdefault(key, (module.__name__, set()))[1].update(methods)
    return places


PATTERNS = found()


def atoms(tree: Any, last: bool) -> list[str]:
    """A text that fits the parsed pattern, in pieces; of alternatives the first or the last."""
    out: list[str] = []
    for kind, value in tree:
        if kind is kinds.LITERAL:
            out.append(chr(value))
        elif kind in (kinds.ANY, kinds.NOT_LITERAL, kinds.IN):
            out.append(next(c for c in (*ALPHABET, *ends_in(value)) if fits(kind, value, c)))
        elif kind is kinds.SUBPATTERN:
            out += atoms(value[-1], last)
        elif kind is kinds.BRANCH:
            out += atoms(value[1][-1 if last else 0], last)
        elif kind in (kinds.MAX_REPEAT, kinds.MIN_REPEAT, kinds.POSSESSIVE_REPEAT):
            out += atoms(value[2], last) * min(max(value[0], 1), 8)
        elif kind is kinds.ATOMIC_GROUP:
            out += atoms(value, last)
        else:
            assert kind in (kinds.AT, kinds.ASSERT, kinds.ASSERT_NOT, kinds.GROUPREF), kind
    return out


def ends_in(value: Any) -> list[str]:
    """The first character of each range and each single one in a set."""
    parts = value if isinstance(value, list) else []
    ranges = [chr(what[0]) for part, what in parts if part is kinds.RANGE]
    return ranges + [chr(what) for part, what in parts if part is kinds.LITERAL]


def fits(kind: Any, value: Any, character: str) -> bool:
    """Whether one character fits one element of a pattern."""
    if kind is kinds.ANY:
        return True
    if kind is kinds.NOT_LITERAL:
        return bool(ord(character) != value)
    negated = value[0][0] is kinds.NEGATE
    number = ord(character)
    inside = any(
        (part is kinds.LITERAL and what == number)
        or (part is kinds.RANGE and what[0] <= number <= what[1])
        or (part is kinds.CATEGORY and in_category(what, character))
        for part, what in value
    )
    return bool(inside != negated)


def in_category(category: Any, character: str) -> bool:
    name = str(category)
    inside = (
        character.isdigit()
        if "DIGIT" in name
        else character.isspace()
        if "SPACE" in name
        else character.isalnum() or character == "_"
    )
    return inside != ("NOT" in name)


def hard_texts(pattern: re.Pattern[str], length: int) -> Iterator[str]:
    """Texts of about `length` characters that the pattern goes over for long, if it can."""
    for last in (False, True):
        sample = atoms(parser.parse(pattern.pattern, pattern.flags), last)
        for cut in range(len(sample)):
            begin = "".join(sample[: cut + 1])
            yield (begin * (length // len(begin) + 1))[:length] + "\0"
            yield begin[:-1] + sample[cut] * length + "\0"
            yield sample[cut] * length + "".join(sample[cut:-1])
            if cut:
                yield begin[:-1] + "".join(sample[cut - 1 : cut + 1]) * (length // 2) + "\0"


def seconds(pattern: re.Pattern[str], methods: set[str], text: str, rounds: int) -> float:
    """The least processor time that these methods take over one text."""
    least = float("inf")
    for _ in range(rounds):
        began = time.thread_time()
        if "match" in methods:
            pattern.match(text)
        if "fullmatch" in methods:
            pattern.fullmatch(text)
        if methods - {"match", "fullmatch"}:
            for _found in pattern.finditer(text):
                pass
        least = min(least, time.thread_time() - began)
    return least


def slow_text(pattern: re.Pattern[str], methods: set[str]) -> str | None:
    """A text that the pattern takes more than linear time over; None when there is none."""
    pairs = zip(hard_texts(pattern, SHORT), hard_texts(pattern, LONG), strict=True)
    for short, long in pairs:
        if seconds(pattern, methods, short, 1) > SUSPICIOUS_SECONDS:
            least = seconds(pattern, methods, short, 3)
            longer = seconds(pattern, methods, long, 2) if least > SUSPICIOUS_SECONDS else 0.0
            if longer > MOST_RATIO * least:
                return short
    return None


def test_patterns_are_found_in_every_distribution() -> None:
    assert len(PATTERNS) > 60
    assert {"similubot_core", "similubot_ffmpeg", "similubot_mega", "similubot_bot"} <= {
        place.partition(".")[0] for place, _ in PATTERNS.values()
    }


@pytest.mark.parametrize(
    ("pattern", "flags", "methods"),
    [
        pytest.param(*key, methods, id=f"{where}:{key[0][:30]!r}")
        for key, (where, methods) in PATTERNS.items()
    ],
)
def test_a_pattern_takes_linear_time(pattern: str, flags: int, methods: set[str]) -> None:
    slow = slow_text(re.compile(pattern, flags), methods)
    assert slow is None, f"{pattern!r} takes more than linear time over {slow[:80]!r}…"


@pytest.mark.parametrize(
    "pattern", [r"(\w+)=\s*(\S+)", r"x/[^\s#]*#", r"\s+$", r"a.*b.*c", r" *, *x"]
)
def test_one_of_quadratic_time_is_found(pattern: str) -> None:
    assert slow_text(re.compile(pattern), METHODS) is not None
