"""The names and descriptions of slash commands in the languages that there are."""

import discord
from discord import app_commands

from similubot_bot.i18n import languages, translation

_PLACES_OF_NAMES = (
    app_commands.TranslationContextLocation.command_name,
    app_commands.TranslationContextLocation.group_name,
    app_commands.TranslationContextLocation.parameter_name,
)


class Translator(app_commands.Translator):
    """Looks texts up in the catalogues; the name "queue" stands there as "/queue"."""

    async def translate(
        self,
        string: app_commands.locale_str,
        locale: discord.Locale,
        context: app_commands.TranslationContextTypes,
    ) -> str | None:
        """A text in a language; None leaves it in English."""
        name = locale.value.partition("-")[0]
        if name not in languages() or name == "en":
            return None
        if context.location in _PLACES_OF_NAMES and string.message.islower():
            found = translation(f"/{string.message}", name)
            return None if found is None else found.removeprefix("/")
        return translation(string.message, name)
