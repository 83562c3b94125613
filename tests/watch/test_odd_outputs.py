"""Outputs of programs that nobody wrote a tracker for: what is progress, and what only looks so.

Unknown is right; wrong is not.
"""

from collections.abc import Iterable, Iterator

import pytest

from similubot_core.cli._screen import Screen
from similubot_core.progress.percent_tracker import PercentTracker
from similubot_testkit.fake_clock import FakeClock

QUIET = 0.1

Timed = Iterable[tuple[float, str]]
"""What a program writes, each piece with its second."""


def shown(output: Timed) -> list[tuple[float, float]]:
    """The share of the time, in per cent, and the percentage shown then; unknown is left out."""
    pieces = list(output)
    end = pieces[-1][0] or 1.0
    return [(100 * at / end, known) for at, known, _ in _replay(pieces) if known]


def last_message(output: Timed) -> str:
    return list(_replay(list(output)))[-1][2]


def _replay(pieces: list[tuple[float, str]]) -> Iterator[tuple[float, float, str]]:
    clock = FakeClock()
    tracker = PercentTracker(clock=clock)
    screen = Screen(tracker.parse_output)
    now = 0.0
    for at, text in [*pieces, (pieces[-1][0], "")]:
        while at - now > QUIET:
            clock.advance(QUIET)
            now += QUIET
            screen.read_row()
        clock.advance(max(0.0, at - now))
        now = max(now, at)
        screen.feed(text)
        info = tracker.get_current_progress()
        yield now, info.percentage, info.message


def every(seconds: float, rows: Iterable[str], end: str = "\n") -> Timed:
    return [(n * seconds, row + end) for n, row in enumerate(rows)]


def bar(seconds: float, row: str, begins: float = 0.0) -> Timed:
    """A row that is drawn in place from 0 to 100."""
    return [(begins + seconds * n / 20, "\r" + row.format(5 * n)) for n in range(21)]


NO_PROGRESS = {
    "temperatures and fans": [f"CPU temp {40 + n}°C fan {20 + 4 * n}%" for n in range(20)],
    "an accuracy that rises": [f"val_acc: {95 * (1 - 0.7**n):.1f}%" for n in range(40)],
    "an accuracy at a line's end": [f"batch done, acc {95 * (1 - 0.7**n):.1f}%" for n in range(40)],
    "compression ratios": [f"f{n}: 100000 bytes, compressed to {20 + 2 * n}%" for n in range(30)],
    "tests that passed": [f"suite{n}.py {n}/12 passed" for n in range(1, 13)],
    "dates": [f"11/{d:02} 14:03:{s:02} INFO 3 files" for d in range(1, 28) for s in range(3)],
    "addresses and their masks": [f"10.0.0.0/{n} up" for n in range(8, 31)],
    "addresses that count up": [f"10.0.0.{n}/24 up" for n in range(1, 40)],
    "versions": [f"Python 3.{n}/4.0 ok" for n in range(1, 12)],
    "what is left": [f"remaining: {n}%" for n in range(100, 0, -2)],
    "what is left, behind the number": [f"{n}% left" for n in range(100, 0, -2)],
    "a self-test's rest": [f"Self-test: {n}% of test remaining" for n in range(90, -1, -10)],
    "a battery": [f"battery at {n}%" for n in range(10, 90, 2)],
    "discounts": [f"{n}% off!" for n in range(10, 90, 5)],
    "prices": [f"BTC 50,{n} up {n}%" for n in range(10, 50)],
    "scores": [f"score {n}/10" for n in range(1, 11)],
    "stars": [f"rated {n} of 5 stars" for n in (1, 2, 3, 4, 5)],
    "karat": [f"{n}/24 karat" for n in range(1, 20)],
    "workers that are ready": [f"workers {n}/40 ready" for n in range(1, 41)],
    "load": [f"load {n}/64 threads" for n in range(1, 60)],
    "memory": [f"Mem: {n} MiB / 16000 MiB" for n in range(1000, 15000, 300)],
    "memory, with two columns": [
        f"web   {n}.10%   {n}MiB / 100MiB   {2 * n}kB / 500kB" for n in range(1, 60)
    ],
    "a quota": [f"API quota {n}/5000 used" for n in range(100, 5000, 100)],
    "attempts": [f"retry {n}/10" for n in range(1, 11)],
    "a timeout": [f"[{n}s] still running ({n}s / 600s timeout)" for n in range(0, 60, 2)],
    "packets that were lost": [f"{n} sent, {n}% packet loss" for n in range(50)],
    "up to so much faster": [f"up to {n}% faster" for n in range(10, 60, 2)],
    "the quality of pictures": [f"quality {n}/100 -> {n} KB" for n in range(30)],
    "how full disks are": [f"/dev/sda{n} 100G {2 * n}G {2 * n}% /x" for n in range(50)],
    "covered lines by file": [f"src/f{n}.py    100    50    {2 * n}%" for n in range(50)],
    "more than all of a processor": [f"{n}% CPU" for n in range(0, 300, 5)],
    "a level that goes up and down": [
        f"level {n}%" for n in (90, 80, 85, 70, 75, 60, 65, 55, 62, 58) * 3
    ],
    "a total that grows with each row": [f"{5 * n} MiB / {5 * n + 40} MiB" for n in range(1, 60)],
    "a count of what turns up": [f"[{n}/{20 + n}] x" for n in range(1, 60)],
    "100 % before the work": ["100% loaded", *(f"working on {n}" for n in range(30))],
    "the end of something": [f"{n}% complete" for n in range(60, 100)],
    "a few steps": [f"deployment x: {n}/3 rolled out" for n in (0, 1, 2, 3)],
    "two bars in a row": [f"a {2 * n}% b {n}%" for n in range(50)],
    "seconds that pass": [f"x: Still creating... [{n}s elapsed]" for n in range(0, 100, 10)],
    "names of files": [f"100% wool {n}.mp3" for n in range(50)],
}


@pytest.mark.parametrize("name", NO_PROGRESS)
def test_a_number_that_is_no_progress_of_the_whole_is_not_shown_as_that(name: str) -> None:
    assert shown(every(0.5, NO_PROGRESS[name])) == []


SEVERAL_PHASES: dict[str, Timed] = {
    "named by verbs": [
        piece
        for at, name in enumerate(("Fetch", "Unpack", "Build"))
        for piece in bar(4, f"{name} {{:3}}%", begins=4.0 * at)
    ],
    "numbered": [
        piece
        for at in range(3)
        for piece in bar(4, f"Stage {at + 1}: {{:3}}% [####      ]", begins=4.0 * at)
    ],
    "a short one first": [*bar(1, "{:3}%"), *bar(8, "{:3}%", begins=1)],
    "epochs of a training": [
        piece
        for at in range(3)
        for piece in bar(2, f"Epoch {at + 1}/3: {{0:3}}%|████| {{0}}/100 [00:01<00:02]", 2.0 * at)
    ],
    "files with a bar each": [
        piece for at in range(8) for piece in bar(1, f"File {at + 1} of 8: {{:3}}%", begins=at)
    ],
    "packages with a bar each": [
        piece
        for at, name in enumerate(("a-1.rpm", "b-2.rpm", "kernel.rpm"))
        for piece in bar(2, f"({at + 1}/3): {name}  {{:3}}% [=====     ] 1.0 MB/s", begins=2.0 * at)
    ],
    "counters one after another": every(
        0.1, [f"[{n}/{of}] step {n}" for of in (5, 10, 80) for n in range(1, of + 1)]
    ),
    "counters in a counter": every(
        0.3, [f"[{a}/3] [{b}/10] compile" for a in (1, 2, 3) for b in range(1, 11)]
    ),
    "passes over a disk": [
        piece
        for at in range(5)
        for piece in bar(2, f"Pass {at + 1}: |=====     | {{:3}}.0%", begins=2.0 * at)
    ],
}


@pytest.mark.parametrize("name", SEVERAL_PHASES)
def test_of_several_phases_the_whole_is_unknown_and_the_phase_is_told(name: str) -> None:
    assert shown(SEVERAL_PHASES[name]) == []
    assert last_message(SEVERAL_PHASES[name])


PROGRESS = {
    "a bracket before the work": [f"[{n}/40] CXX obj/cpu_load{n}.o" for n in range(1, 41)],
    "a bracket behind the work": [f"tests/t{n}.py ..F.s [{n:3}%]" for n in range(0, 100, 2)],
    "CMake": [f"[{n:3}%] Building C object memory{n}.c.o" for n in range(0, 100, 2)],
    "a count in parentheses": [f"PASS src/x{n}.test.js ({n} of 40)" for n in range(1, 41)],
    "ctest": [f"{n:2}/40 Test #{n}: t{n} ......   Passed    0.01 sec" for n in range(1, 41)],
    "thousands with commas": [f"processed {n * 20_000:,} of 1,000,000 rows" for n in range(51)],
    "sizes": [f"{n * 0.1:.1f} MiB / 10 MiB" for n in range(101)],
    "seconds of minutes": [f"{5 * n}s / 3m" for n in range(37)],
    "clocks": [f"A: 00:{n // 60:02}:{n % 60:02} / 00:02:00 (video)" for n in range(121)],
    "a line of a log": [f"2026-11-27 14:00:{n:02},123 INFO progress={2 * n}%" for n in range(51)],
    "a log with days and months": [f"11/27 14:00:{n:02} INFO progress {2 * n}%" for n in range(51)],
    "a training's epochs": [
        f"Epoch {n}/40 loss 0.{99 - n} acc {95 * (1 - 0.7**n):.1f}%" for n in range(1, 41)
    ],
    "Chinese": [f"进度：{n}%" for n in range(0, 101, 2)],
    "wide signs": [f"進捗 {n}％ 完了" for n in range(0, 101, 2)],
    "a copy's row": [
        f"file.bin   {n:3}%  {n}MB   5.0MB/s   00:{n % 60:02} ETA" for n in range(101)
    ],
    "a number alone": [str(n) + "%" for n in range(101)],
}


@pytest.mark.parametrize("name", PROGRESS)
@pytest.mark.parametrize("end", ["\n", "\r"])
def test_progress_of_the_whole_is_shown_and_right(name: str, end: str) -> None:
    known = shown(every(0.3, PROGRESS[name], end))
    assert known
    assert known[0][0] < 30
    assert all(abs(at - percentage) <= 5 for at, percentage in known)


def test_a_total_that_grew_once_counts_from_then_on() -> None:
    rows = [f"{n}/{20 if n < 8 else 80} links" for n in range(1, 81)]
    assert shown(every(0.5, rows))[-1][1] > 90


def test_a_level_is_no_row_of_progress() -> None:
    tracker = PercentTracker(clock=FakeClock())
    says = [tracker.parse_output(f"signal {n}%") for n in (50, 70, 65, 60, 72)]
    assert says == [True, True, False, False, False]


ANYTHING = {
    "binary": "".join(map(chr, range(256))) * 20,
    "a very long line": "x" * 300_000 + " 34% " + "=" * 300_000,
    "no end": "12%",
    "a title and a link": "\x1b]0;title 45%\x07\x1b]8;;http://a.test/50%\x1b\\text\x1b]8;;\x1b\\",
    "half a sequence": "\x1b[38;2;1",
    "a sequence that never ends": "\x1b]0;" + "y" * 100_000,
    "marks without a letter": "\u0301" * 5_000,
    "wide characters at the edge": "宽" * 5_000 + "\r45%",
    "cursor moves out of the screen": "\x1b[999;999H45%\x1b[999A\x1b[999D50%\x1b[2J",
    "spinner frames": "".join(f"\r{frame} working" for frame in "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏|/-\\" * 50),
    "spinner by backspaces": "".join(f"{frame}\b" for frame in "|/-\\" * 200),
    "insert, delete, scroll": "\x1b[5L\x1b[5M\x1b[9@\x1b[9P\x1b[2;4r\n\n\n\n\x1b[r\x1bM\x1bD\x1bc",
}


@pytest.mark.parametrize("name", ANYTHING)
def test_whatever_comes_tells_no_percentage_and_no_exception(name: str) -> None:
    text = ANYTHING[name]
    pieces = [text[at : at + 1000] for at in range(0, len(text), 1000)]
    assert shown(every(0.01, pieces, end="")) == []
