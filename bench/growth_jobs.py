"""How time and memory grow with jobs at once.

    python bench/growth_jobs.py

1 to 64 jobs, from link to link, run at once in threads of one process, as the bot runs them, beside
the loopback servers, which are processes of their own.
"""

import argparse
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from loopback_mega import serving
from process_cost import Cost, busy, clear, run, sha256
from report import Curve, Goal, Plot, Report, Table, tell
from similubot_ffmpeg import FFmpegSettings
from similubot_ffmpeg.program import find_program
from similubot_loopback.catbox_server.process import CatboxProcess
from similubot_loopback.media import make_sound, run_ffmpeg

COUNTS = (1, 2, 4, 8, 16, 32, 64)
SOUND_SECONDS = 30

PROGRAM = """
link, folder, count = arguments
from similubot_core import Settings
from similubot_core.jobs.pipeline import run_job
from similubot_core.plugins.planning import plan_job
from similubot_core.plugins.manager import load_from_environment
plugins, settings = load_from_environment(), Settings()
plan_job(plugins, settings, link, to="catbox")  # imports what jobs need
failures = []
def run(number):
    try:
        job = plan_job(plugins, settings, link, bitrate=128, to="catbox")
        run_job(job, callbacks=(lambda info: None,), resume_in=Path(folder, str(number)))
    except BaseException as error:
        failures.append(error)
def work():
    threads = [threading.Thread(target=run, args=(n,)) for n in range(int(count))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
"""


def measure_jobs(folder: Path, counts: Sequence[int]) -> dict[int, Cost]:
    """Run so many jobs at once; each has to upload the same sound, which plays."""
    ffmpeg = find_program(FFmpegSettings()).path
    sound = make_sound(folder / "sound.flac", SOUND_SECONDS, ffmpeg)
    costs = {}
    with serving([sound]) as mega, CatboxProcess(folder / "results") as catbox:
        environment = {
            "SIMILUBOT_MEGA_BACKEND": "embedded",
            "SIMILUBOT_MEGA_API_URL": mega.url,
            "SIMILUBOT_FFMPEG_PROGRAM": str(ffmpeg),
            "SIMILUBOT_CATBOX_API_URL": catbox.catbox_url,
        }
        (link,) = mega.links
        for count in (1, *counts):  # the first one warms up
            work = folder / "jobs"
            work.mkdir()
            costs[count] = run(PROGRAM, link, work, count, environment=environment)
            shutil.rmtree(work)
            results = list((folder / "results").iterdir())
            assert len(results) == count
            assert len({sha256(file) for file in results}) == 1
            run_ffmpeg(ffmpeg, "-xerror", "-i", str(results[0]), "-f", "null", "-")
            clear(folder / "results")
    return costs


def report_on(costs: Mapping[int, Cost]) -> Report:
    """What the figures say."""
    rows = tuple(
        (
            f"{count}",
            f"{cost.seconds:.2f}",
            f"{cost.seconds / count:.3f}",
            f"{(cost.own_cpu + cost.children_cpu) / count:.3f}",
            f"{cost.own_cpu / count:.3f}",
            f"{cost.memory / 2**20:.1f}",
            f"{cost.threads}",
        )
        for count, cost in costs.items()
    )
    most, few = max(costs), min(4, max(costs))
    cost = costs[most]
    per_job = (cost.memory - costs[1].memory) / 2**20 / (most - 1)
    findings = (
        f"{most} jobs at once: "
        f"{busy(cost.seconds, {'FFmpeg': cost.children_cpu, 'our process': cost.own_cpu})}.",
        f"Each further job at once takes {per_job:.2f} MiB of our process's memory and "
        f"{(cost.threads - costs[1].threads) / (most - 1):.1f} threads at most.",
    )
    goals = (
        Goal(
            f"{most} jobs at once: time a job, times that with {few} at once",
            (cost.seconds / most) / (costs[few].seconds / few),
            1.15,
        ),
        Goal(
            f"{most} jobs at once: CPU a job, times that of one job",
            (cost.own_cpu + cost.children_cpu) / most / (costs[1].own_cpu + costs[1].children_cpu),
            1.5,
        ),
    )
    counts = tuple(float(count) for count in costs)

    def curve(label: str, value: Callable[[Cost], float]) -> Curve:
        return Curve(label, counts, tuple(value(cost) for cost in costs.values()))

    time_curves = (
        curve("wall", lambda cost: cost.seconds),
        curve("CPU of FFmpeg", lambda cost: cost.children_cpu),
        curve("CPU of our process", lambda cost: cost.own_cpu),
    )
    memory_curves = (
        curve("memory of our process, MiB", lambda cost: cost.memory / 2**20),
        curve("threads of our process", lambda cost: float(cost.threads)),
    )

    def plot(name: str, title: str, y_label: str, curves: tuple[Curve, ...]) -> Plot:
        return Plot(f"growth-jobs-{name}", title, "jobs at once", y_label, curves, log=True)

    columns = ("jobs at once", "wall, s", "wall a job, s", "CPU a job, s", "of it ours, s")
    columns_of_ours = ("peak memory, MiB", "threads at most")
    return Report(
        "Growth with jobs at once",
        f"Jobs of {SOUND_SECONDS} s of sound (FLAC) each, from link to link, in as many threads of "
        "one process, as the bot runs them. Every result is compared with the others, and one of "
        "each count is played. Memory and threads are those of our process alone; CPU is with "
        "FFmpeg's.",
        findings,
        (Table("", columns + columns_of_ours, rows),),
        (
            plot("time", "Time by jobs at once", "seconds", time_curves),
            plot("memory", "Memory and threads by jobs at once", "MiB, threads", memory_curves),
        ),
        goals,
    )


def measure(arguments: argparse.Namespace) -> Report:
    """Measure and tell."""
    with tempfile.TemporaryDirectory(prefix="jobs-bench-") as name:
        return report_on(measure_jobs(Path(name), COUNTS))


if __name__ == "__main__":
    tell(__doc__, measure)
