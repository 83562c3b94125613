"""Every way to ask: typed, as a reply, forwarded, in the menu, by mention, in direct messages."""

from collections.abc import Callable
from pathlib import Path

import pytest

from similubot_loopback.discord_server import Message

from .conftest import BotProcess, answers, is_final, title

MakeSound = Callable[[float], Path]


@pytest.fixture
def link(shared_bot: BotProcess, make_sound: MakeSound) -> str:
    return shared_bot.mega.add_file("song.wav", make_sound(1))


@pytest.fixture
def file(make_sound: MakeSound) -> tuple[str, bytes]:
    return ("song.wav", make_sound(1).read_bytes())


def ended(bot: BotProcess, before: int, count: int = 1) -> list[Message]:
    """Wait until `count` more jobs have ended well; their messages."""

    def there() -> list[Message] | None:
        new = answers(bot)[before:]
        return new if len(new) >= count and all(map(is_final, new)) else None

    try:
        found = bot.discord.wait(there, 60)
    except TimeoutError:
        seen = [(m.content, title(m)) for m in answers(bot)[before:]]
        raise AssertionError(f"{seen}\n{bot.log_text()}") from None
    assert [title(message) for message in found] == ["✅ Conversion Complete"] * count
    return found


def test_a_reply_converts_what_it_replies_to(
    shared_bot: BotProcess, link: str, file: tuple[str, bytes]
) -> None:
    before = len(answers(shared_bot))
    message = shared_bot.discord.type_message(f"new clip {link}")
    shared_bot.discord.type_message("!convert", reply_to=message)
    ended(shared_bot, before)
    message = shared_bot.discord.type_message("listen", attachments=[file])
    shared_bot.discord.type_message("!convert 96k", reply_to=message)
    ended(shared_bot, before + 1)


def test_a_mention_alone_converts_what_it_replies_to(shared_bot: BotProcess, link: str) -> None:
    before = len(answers(shared_bot))
    message = shared_bot.discord.type_message(f"new clip {link}")
    shared_bot.discord.type_message(f"<@{shared_bot.discord.bot.id}>", reply_to=message)
    ended(shared_bot, before)


def test_a_mention_anywhere_makes_the_message_a_request(shared_bot: BotProcess, link: str) -> None:
    before = len(answers(shared_bot))
    shared_bot.discord.type_message(f"hey <@{shared_bot.discord.bot.id}>, {link} please, 96 kbps")
    ended(shared_bot, before)


def test_what_a_forwarded_message_holds_is_converted(
    shared_bot: BotProcess, link: str, file: tuple[str, bytes]
) -> None:
    before = len(answers(shared_bot))
    original = shared_bot.discord.type_message(f"clip {link}", attachments=[file])
    forward = shared_bot.discord.type_message(forward=original)
    shared_bot.discord.type_message("!convert", reply_to=forward)
    ended(shared_bot, before, 2)


def test_a_link_in_another_bots_embed_is_converted(shared_bot: BotProcess, link: str) -> None:
    before = len(answers(shared_bot))
    feed = shared_bot.discord.add_user("feed", bot=True)
    post = shared_bot.discord.type_message(
        author=feed, embeds=[{"title": "New clip", "description": f"[listen]({link})"}]
    )
    shared_bot.discord.type_message("!convert", reply_to=post)
    ended(shared_bot, before)


def test_the_menu_of_a_message_converts_it(
    shared_bot: BotProcess, link: str, file: tuple[str, bytes]
) -> None:
    before = len(answers(shared_bot))
    ann = shared_bot.discord.add_user("ann")
    message = shared_bot.discord.type_message(f"nice: {link}", attachments=[file])
    shared_bot.discord.menu("Convert", message, user=ann)
    ended(shared_bot, before, 2)
    empty = shared_bot.discord.type_message("nothing here")
    used = shared_bot.discord.menu("Convert", empty, user=ann)
    told = shared_bot.discord.wait(lambda: shared_bot.discord.interaction(used.id).message_ids)
    answer = shared_bot.discord.message(told[0])
    assert answer.ephemeral
    assert answer.content == "There is no supported link and no file in that message."


def test_a_direct_message_needs_no_command(
    shared_bot: BotProcess, link: str, file: tuple[str, bytes]
) -> None:
    before = len(answers(shared_bot))
    ann = shared_bot.discord.add_user("ann")
    channel = shared_bot.discord.dm(ann)
    shared_bot.discord.type_message(link, author=ann, channel=channel)
    ended(shared_bot, before)
    shared_bot.discord.type_message(attachments=[file], author=ann, channel=channel)
    ended(shared_bot, before + 1)
    original = shared_bot.discord.type_message(f"clip {link}")
    shared_bot.discord.type_message(forward=original, author=ann, channel=channel)
    ended(shared_bot, before + 2)
    shared_bot.discord.type_message("hello", author=ann, channel=channel)
    shared_bot.discord.wait(lambda: len(answers(shared_bot)) == before + 4)
    assert "Give a link, attach a file" in answers(shared_bot)[-1].content


def test_two_files_and_a_link_make_three_jobs(
    shared_bot: BotProcess, link: str, file: tuple[str, bytes]
) -> None:
    before = len(answers(shared_bot))
    shared_bot.discord.type_message(f"!convert ||{link}|| 128k", attachments=[file, file])
    ended(shared_bot, before, 3)


def test_the_prefix_may_be_followed_by_a_space_and_is_not_case_sensitive(
    shared_bot: BotProcess, link: str
) -> None:
    before = len(answers(shared_bot))
    shared_bot.discord.type_message(f"! convert {link}")
    ended(shared_bot, before)
    shared_bot.discord.type_message(f"!Convert\n{link}\n96kbps")
    ended(shared_bot, before + 1)
    shared_bot.discord.type_message(f"!convrt {link}")
    ended(shared_bot, before + 2)


def test_a_key_after_a_space_is_read_and_never_repeated(shared_bot: BotProcess, link: str) -> None:
    before = len(answers(shared_bot))
    address, _, key = link.partition("#")
    shared_bot.discord.type_message(f"!convert {address} #{key}")
    (answer,) = ended(shared_bot, before)
    assert key not in repr(answer.history)
    assert key not in shared_bot.log_text()
