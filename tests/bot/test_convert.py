"""The main job, typed or as a slash command, with nothing mocked between."""

from collections.abc import Callable
from pathlib import Path

from .conftest import BotProcess, fetch_sound, fields, final_answer, title


def test_a_typed_link_becomes_a_link_to_playable_aac(
    bot: BotProcess, make_sound: Callable[[float], Path], tmp_path: Path
) -> None:
    bot.start()
    link = bot.mega.add_file("My Song.wav", make_sound(3))
    asked = bot.discord.type_message(f"!convert {link} 128")

    answer = final_answer(bot)

    assert title(answer) == "✅ Conversion Complete"
    shown = fields(answer)
    sound = fetch_sound(shown["Download Link"], tmp_path)
    assert sound.codec == "aac"
    assert abs(sound.duration - 3) < 0.2
    assert shown["Length"] == "3s"
    assert shown["Bitrate"].startswith("128 kbps")
    assert answer.content == f"<@{asked.author_id}>"
    assert not answer.buttons
    assert bot.terminate() == 0
    assert bot.left_over() == []
    assert bot.discord.unknown_routes == []
