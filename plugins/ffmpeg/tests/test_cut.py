"""What FFmpeg's arguments say of the length of its output."""

import shlex

import pytest

from similubot_ffmpeg.cut import read_cut, seconds


@pytest.mark.parametrize(
    ("arguments", "length"),
    [
        ("-i x o", 600),
        ("-i x -t 150 o", 150),
        ("-i x -t 900 o", 600),
        ("-i x -to 2:30 o", 150),
        ("-i x -ss 60 -to 00:02:30 o", 90),
        ("-ss 500 -i x o", 100),
        ("-ss 60 -to 210 -i x o", 150),
        ("-t 150 -i x -ss 50 o", 100),
        ("-ss 100 -i x -t 60s o", 60),
        ("-ss 700 -i x o", None),
        ("-i x -shortest -i y o", None),
        ("-stream_loop -1 -i x -t 900 o", 900),
        ("-stream_loop 3 -i x o", None),
        ("-i x -af atempo=2 o", None),
        ("-ss 5 -i x -i y o", None),
        ("-i x -t 10 a -t 20 b", None),
    ],
)
def test_the_output_is_as_long_as_the_arguments_say(arguments: str, length: float | None) -> None:
    assert read_cut(["ffmpeg", *shlex.split(arguments)]).length(600.0) == length


def test_a_limit_tells_where_the_input_does_not() -> None:
    assert read_cut(["ffmpeg", "-i", "x", "-t", "5", "o"]).length(None) == 5


@pytest.mark.parametrize("text", ["", "x", "-5", "1:2:3:4", "inf", "nan"])
def test_what_is_no_time_is_unknown(text: str) -> None:
    assert seconds(text) is None
