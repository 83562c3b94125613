"""The program that a command really runs."""

import shlex

import pytest

from similubot_core.cli._find_program import inner_commands, program_names


@pytest.mark.parametrize(
    "command",
    [
        "ffmpeg -i x",
        "nice -n 5 ffmpeg -i x",
        "nice -5 /usr/bin/ffmpeg -i x",
        "timeout -k 3 --foreground 60 ffmpeg -i x",
        "env A=1 -u B ffmpeg -i x",
        "env -S 'A=1 ffmpeg -i x'",
        "sudo -u me -- ffmpeg -i x",
        "stdbuf -oL ffmpeg -i x",
        "time -f %e ffmpeg -i x",
        "ionice -c3 nice nohup ffmpeg -i x",
        "taskset -c 0,1 ffmpeg -i x",
        "flock -w 3 /tmp/lock ffmpeg -i x",
        "xargs -n 1 ffmpeg -i x",
        "sh -c 'ffmpeg -i x'",
        "bash -euc 'A=1 exec nice ffmpeg -i x 2>&1'",
        "sh -c 'ffmpeg -i x > log 2> /dev/null'",
        "python3 -u -m ffmpeg -i x",
        "uv run --with y ffmpeg -i x",
    ],
)
def test_a_program_is_found_behind_others(command: str) -> None:
    found = inner_commands(shlex.split(command))
    assert [[program_names(words[0])[0], *words[1:]] for words in found] == [["ffmpeg", "-i", "x"]]


def test_all_commands_of_a_script_are_listed() -> None:
    found = inner_commands(["sh", "-c", "cd x && rsync a b; tar c y | zstd"])
    assert [words[0] for words in found] == ["cd", "rsync", "tar", "zstd"]


def test_a_command_in_a_loop_runs_more_than_once() -> None:
    found = inner_commands(["sh", "-c", "for f in *; do ffmpeg -i $f; done"])
    assert [words[0] for words in found] == ["ffmpeg", "ffmpeg"]


@pytest.mark.parametrize("command", ["sh", "sh script.sh", "nice", "python -c 'x'", "sh -c 'a\"'"])
def test_a_command_that_names_no_other_is_itself(command: str) -> None:
    words = ["sh", "-c", "a'"] if command.endswith("\"'") else shlex.split(command)
    assert inner_commands(words) == [words]


def test_a_module_has_the_name_of_its_program() -> None:
    assert inner_commands(["python", "-m", "yt_dlp", "x"]) == [["yt-dlp", "x"]]


@pytest.mark.parametrize("name", ["ffmpeg-7.1", "ffmpeg-linux-x86_64-v7.0.2", "ffmpeg.exe"])
def test_a_version_in_the_name_is_passed_over(name: str) -> None:
    assert program_names(f"/opt/{name}")[-1] == "ffmpeg"
