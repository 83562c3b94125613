"""The catalogues: complete, nothing unused, placeholders and plurals right, compiled."""

import io
import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from discord import app_commands
from discord.ext import commands

import similubot_bot
from similubot_bot import i18n
from similubot_bot.discord.cog import Commands
from similubot_bot.discord.people_cog import People

SOURCE = Path(similubot_bot.__file__).parent
LANGUAGES = ("de", "fr")
KEYWORDS = {"_": None, "ngettext": (1, 2), "mark": None}


def catalogue(name: str) -> Catalog:
    with (SOURCE / f"locale/{name}/LC_MESSAGES/similubot_bot.po").open("rb") as file:
        return read_po(file, locale=name)


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"{\w*}", text))


def used() -> set[str]:
    """The texts in the code, of plurals the singular."""
    found = extract_from_dir(str(SOURCE), method_map=[("**.py", "python")], keywords=KEYWORDS)
    return {text[0] if isinstance(text, tuple) else text for _, _, text, _, _ in found}


def slash_texts() -> set[str]:
    """Names (with a slash before) and descriptions of all slash commands."""
    texts = set()
    for cog in (Commands, People):
        for command in cog.__cog_app_commands__:
            assert isinstance(command, app_commands.Command)
            texts |= {f"/{command.name}", command.description}
            for parameter in command.parameters:
                texts |= {f"/{parameter.name}", str(parameter.description)}
        for typed in cog.__cog_commands__:
            if isinstance(typed, commands.HybridCommand) and typed.app_command is not None:
                texts |= {f"/{typed.name}", typed.app_command.description}
                for parameter in typed.app_command.parameters:
                    texts |= {f"/{parameter.name}", str(parameter.description)}
    return texts


@pytest.mark.parametrize("name", LANGUAGES)
def test_every_text_is_translated_and_no_other(name: str) -> None:
    translated = {
        entry.id[0] if isinstance(entry.id, tuple) else entry.id
        for entry in catalogue(name)
        if entry.id
    }
    wanted = used() | slash_texts()
    assert wanted - translated == set(), "missing"
    assert translated - wanted == set(), "unused"


@pytest.mark.parametrize("name", LANGUAGES)
def test_every_translation_has_the_placeholders_of_its_text(name: str) -> None:
    for entry in catalogue(name):
        if not entry.id:
            continue
        texts = entry.id if isinstance(entry.id, tuple) else (entry.id,)
        strings = entry.string if isinstance(entry.string, tuple) else (entry.string,)
        assert len(strings) == (2 if len(texts) == 2 else 1), entry.id
        for string in strings:
            assert string, entry.id
            assert placeholders(str(string)) == placeholders(str(texts[-1]))


@pytest.mark.parametrize("name", LANGUAGES)
def test_the_names_of_slash_commands_are_such_that_discord_takes(name: str) -> None:
    for entry in catalogue(name):
        if isinstance(entry.id, str) and entry.id.startswith("/") and " " not in entry.id:
            assert re.fullmatch(r"/[-_\w]{1,32}", str(entry.string))
            assert str(entry.string) == str(entry.string).lower()
        elif entry.id in slash_texts():
            assert len(str(entry.string)) <= 100


@pytest.mark.parametrize("name", LANGUAGES)
def test_what_is_compiled_is_what_is_written(name: str) -> None:
    compiled = io.BytesIO()
    write_mo(compiled, catalogue(name))
    file = SOURCE / f"locale/{name}/LC_MESSAGES/similubot_bot.mo"
    assert file.read_bytes() == compiled.getvalue()


def test_numbers_and_plurals_are_the_languages_own() -> None:
    texts = ("Announced in {count} channel.", "Announced in {count} channels.")
    token = i18n.language.set("de")
    try:
        assert i18n.size(1_572_864) == "1,5 MB"
        assert i18n.ngettext(*texts, 1) == "In 1 Kanal angekündigt."
        assert i18n.ngettext(*texts, 2) == "In 2 Kanälen angekündigt."
        i18n.language.set("xx")
        assert i18n._("Saved.") == "Saved."
    finally:
        i18n.language.reset(token)
    assert i18n.size(1_572_864) == "1.5 MB"
    assert i18n.languages() == ("en", *LANGUAGES)
