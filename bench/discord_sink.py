"""The Discord sink measured, and beside tqdm.contrib.discord, against one loopback Discord.

    python bench/discord_sink.py [--seconds N] [threads] [jobs] [peers]

The server runs here; each load runs in a process of its own, so that they share no interpreter.
`time.monotonic()` is one clock for all processes of a machine, so moments can be compared.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from report import Goal, Report, Table, tell

LOADS = Path(__file__).with_name("discord_loads.py")
TQDM = "tqdm.contrib.discord"
FINAL_WORDS = ("✅", "100%")


def run_load(server: Any, load: str, channels: list[Any], **ask: Any) -> dict[str, Any]:
    """Run one load in a process of its own."""
    ask |= {
        "api_url": server.api_url,
        "gateway_url": server.gateway_url,
        "token": server.token,
        "channels": [channel.id for channel in channels],
    }
    command = [sys.executable, str(LOADS), load, json.dumps(ask)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode != 0:
        raise SystemExit(f"{load} failed:\n{done.stderr}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def is_final(shown: Any) -> bool:
    text = shown["content"] + " ".join(str(embed.get("title")) for embed in shown["embeds"])
    return any(word in text for word in FINAL_WORDS)


def tally(server: Any, messages: list[Any]) -> dict[str, Any]:
    """What the server saw of some messages."""
    paths = tuple(f"/messages/{message.id}" for message in messages)
    patches = [r for r in server.requests("PATCH") if r.path.endswith(paths)]
    gaps = [
        later.at - earlier.at
        for message in messages
        for earlier, later in zip(message.edits, message.edits[1:], strict=False)
    ]
    return {
        "messages": len(messages),
        "final_shown": sum(is_final(message.history[-1].payload) for message in messages),
        "edits": sum(len(message.edits) for message in messages),
        "answered_429": sum(request.status == 429 for request in patches),
        "shortest_gap_s": round(min(gaps), 2) if gaps else None,
    }


def measure_threads(server: Any, seconds: float) -> list[dict[str, Any]]:
    rows = []
    for interval in (5.0, 0.5):
        for with_us in (False, True):
            channel = server.add_channel(f"threads-{interval}-{with_us}")
            ask = {"rate": 625, "seconds": seconds, "interval": interval, "with_us": with_us}
            answer = run_load(server, "threads", [channel], **ask)
            row: dict[str, Any] = {
                "case": f"interval {interval:g} s" + ("" if with_us else ", without the sink"),
                "roomy": interval >= 1,
            }
            row |= {k: v for k, v in answer.items() if k not in ("message", "ended")}
            if with_us:
                message = server.message(answer["message"])
                row |= tally(server, [message])
                row["final_after_s"] = [message.edits[-1].at - answer["ended"]]
            rows.append(row)
    return rows


def measure_jobs(server: Any) -> list[dict[str, Any]]:
    channels = [server.add_channel(f"jobs-{number}") for number in range(10)]
    ids = {channel.id for channel in channels}
    answer = run_load(server, "jobs", channels, interval=5.0)
    messages = [message for message in server.messages() if message.channel_id in ids]
    row: dict[str, Any] = {"case": "interval 5 s"}
    row |= {key: value for key, value in answer.items() if key != "ended"}
    row |= tally(server, messages)
    row["final_after_s"] = [
        message.edits[-1].at - answer["ended"][str(number)]
        for number, message in enumerate(messages)
    ]
    return [row]


def measure_peers(server: Any) -> list[dict[str, Any]]:
    loads = (("ours", 5.0), ("ours", 1.0), ("tqdm", None), ("tqdm", 1.0))
    channels = [server.add_channel(f"peer-{load}-{interval}") for load, interval in loads]
    # All at once, each in a channel and so a bucket of its own: they mostly sleep.
    with ThreadPoolExecutor(len(loads)) as pool:
        running = [
            pool.submit(run_load, server, load, [channel], interval=interval)
            for (load, interval), channel in zip(loads, channels, strict=True)
        ]
    rows = []
    for (load, interval), channel, done in zip(loads, channels, running, strict=True):
        answer = done.result()
        messages = server.messages(channel=channel)
        name = "similubot" if load == "ours" else TQDM
        row: dict[str, Any] = {
            "case": f"{name}, " + (f"interval {interval:g} s" if interval else "as it comes")
        }
        row |= tally(server, messages)
        finals = [e.at for m in messages for e in m.edits if is_final(e.payload)]
        row["final_after_s"] = [finals[-1] - answer["ended"]] if finals else []
        rows.append(row)
    return rows


def _seconds(values: list[float]) -> str:
    if not values:
        return "never"
    if len(values) == 1:
        return f"{values[0]:.3f}"
    return f"{statistics.median(values):.2f} (at most {max(values):.2f})"


def _spread(values: dict[str, float]) -> str:
    return f"{values['median']:.2f}, {values['p99']:.2f}, {values['max']:.1f}"


COLUMNS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "": ("case", str),
    "final states shown": ("final_shown", str),
    "of": ("messages", str),
    "after, s": ("final_after_s", _seconds),
    "edits": ("edits", str),
    "answered 429": ("answered_429", str),
    "shortest gap, s": ("shortest_gap_s", str),
    "callback, µs": ("callback_us", _spread),
    "loop late, ms": ("loop_late_ms", _spread),
    "loop busy, ms": ("loop_busy_ms", _spread),
}
"""What of a row each column shows, and how; it is empty where the row has none."""


def table(title: str, rows: list[dict[str, Any]]) -> Table:
    """The columns that any of the rows has something for."""
    columns = {
        name: (key, said)
        for name, (key, said) in COLUMNS.items()
        if any(key in row for row in rows)
    }
    cells = tuple(
        tuple(said(row[key]) if key in row else "" for key, said in columns.values())
        for row in rows
    )
    return Table(title, tuple(columns), cells)


def goals_of(found: dict[str, list[dict[str, Any]]]) -> list[Goal]:
    """What is asked of the rows of each measure."""
    ours = {
        name: [row for row in rows if "messages" in row and TQDM not in row["case"]]
        for name, rows in found.items()
    }
    flat = [row for rows in ours.values() for row in rows]
    goals = [
        Goal("Discord: edits answered 429", sum(row["answered_429"] for row in flat), 0),
        Goal(
            "Discord: messages that do not end on the final state",
            sum(row["messages"] - row["final_shown"] for row in flat),
            0,
        ),
    ]
    # With 50 jobs in 10 channels, or edits twice a second, the channel's bucket may be empty.
    roomy = [*ours.get("peers", ()), *(row for row in ours.get("threads", ()) if row["roomy"])]
    if roomy:
        latest = max(after for row in roomy for after in row["final_after_s"])
        goals.append(Goal("Discord: one message's final state is shown after, s", latest, 1))
    if "jobs" in ours:
        # How late the loop is depends on all that the machine does; how long it computes, on us.
        busy = max(row["loop_busy_ms"]["max"] for row in ours["jobs"])
        goals.append(Goal("Discord: with 50 jobs, the event loop's longest step, ms", busy, 50))
    if "threads" in ours:
        cost = max(row["callback_us"]["median"] for row in ours["threads"])
        goals.append(Goal("Discord: an update's median with 8 threads, µs", cost, 1.5))
    return goals


TITLES = {
    "peers": "60 steps in 6 s",
    "jobs": "50 jobs in 10 channels, 20 updates a second each",
    "threads": "5,000 updates a second from 8 threads on one message",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=10.0, help="of the threads' load")
    parser.add_argument("measures", nargs="*", choices=[[], *TITLES])


def measure(arguments: argparse.Namespace) -> Report:
    """Run the loads, one after the other, against one server."""
    from similubot_loopback.discord_server import LoopbackDiscord

    measures: dict[str, Callable[[], list[dict[str, Any]]]]
    with LoopbackDiscord() as server:
        measures = {
            "peers": lambda: measure_peers(server),
            "jobs": lambda: measure_jobs(server),
            "threads": lambda: measure_threads(server, arguments.seconds),
        }
        found = {name: measures[name]() for name in arguments.measures or measures}
    return Report(
        "Progress in a Discord message",
        "A loopback Discord with the real rate limits (edits of a channel: 5 in 5 s) and headers; "
        "each load is a process with the real discord.py client, tqdm.contrib.discord has its "
        "address changed and nothing else. Seconds are from the end of the work to the edit that "
        "shows it. The callback is what an update costs the thread that calls it; how late the "
        "event loop wakes a 5 ms sleeper, and how long it was busy between, are for 8 threads "
        "said without the sink too. Three figures are median, 99th percentile and the greatest.",
        (),
        tuple(table(TITLES[name], rows) for name, rows in found.items()),
        goals=tuple(goals_of(found)),
    )


if __name__ == "__main__":
    tell(__doc__, measure, add_arguments)
