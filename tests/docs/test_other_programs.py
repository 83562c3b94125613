"""The examples with Celery and in a notebook run, each in an environment with its library."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/in-your-own-program.md"
PATIENCE = 120.0

pytestmark = pytest.mark.slow


def environment(folder: Path, *packages: str) -> tuple[Path, dict[str, str]]:
    """A Python with these packages and the checkout's core, and the variables to run it with."""
    subprocess.run([sys.executable, "-m", "venv", folder / "environment"], check=True)
    python = folder / "environment/bin/python"
    quiet = ("--quiet", "--disable-pip-version-check")
    subprocess.run([python, "-m", "pip", "install", *quiet, *packages], check=True)
    return python, {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"}


def example(name: str) -> str:
    page = PAGE.read_text(encoding="utf-8")
    return page.partition(f"```python\n# {name}\n")[2].partition("```")[0]


def test_a_celery_task_tells_its_progress_by_the_result_backend(tmp_path: Path) -> None:
    python, variables = environment(tmp_path, "celery==5.6.*")
    for name in ("broker", "results"):
        (tmp_path / name).mkdir()
    (tmp_path / "celeryconfig.py").write_text(
        "broker_url = 'filesystem://'\n"
        "result_backend = 'file://results'\n"
        "broker_transport_options = {'data_folder_in': 'broker', 'data_folder_out': 'broker'}\n"
    )
    told = "self.update_state(task_id,"
    text = example("tasks.py").replace(
        told, f"open('told', 'a').write(info.status.value + ' '); {told}"
    )
    (tmp_path / "tasks.py").write_text(text, encoding="utf-8")
    worker = subprocess.Popen(
        [python, "-m", "celery", "-A", "tasks", "worker", "--pool=solo", "--loglevel=error"],
        cwd=tmp_path, env=variables,
    )  # fmt: skip
    try:
        ask = "from tasks import copy; print(copy.delay(5000).get(timeout=110))"
        asked = subprocess.run(
            [python, "-c", ask], cwd=tmp_path, env=variables, capture_output=True, text=True,
            timeout=PATIENCE,
        )  # fmt: skip
        assert asked.stdout.strip() == "5000", asked.stderr
    finally:
        worker.terminate()
        worker.wait(60)
    states = (tmp_path / "told").read_text().split()
    assert (states[0], states[-1]) == ("starting", "completed")


def test_a_cell_of_a_notebook_shows_one_line_that_changes(tmp_path: Path) -> None:
    python, variables = environment(tmp_path, "nbclient==0.10.*", "ipykernel>=6")
    cell = example("a_cell_of_a_notebook.py")
    run = (
        "import json, sys, nbformat\n"
        "from nbclient import NotebookClient\n"
        "book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(sys.stdin.read()),"
        " nbformat.v4.new_code_cell('import time; time.sleep(1)')])\n"
        "NotebookClient(book, timeout=110, kernel_name='python3').execute()\n"
        "print(json.dumps(book.cells[0].outputs))\n"
    )
    ran = subprocess.run(
        [python, "-c", run], input=cell, cwd=tmp_path, env=variables, capture_output=True,
        text=True, timeout=PATIENCE,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    (output,) = json.loads(ran.stdout)
    assert output["data"]["text/plain"] == "✅ Copy  100.0%  12 / 12 files"
