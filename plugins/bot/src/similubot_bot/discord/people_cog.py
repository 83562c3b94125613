"""What members, servers and operators set and see: mine, settings, forget, setup, admin.

Their ``type: ignore[arg-type]``: mypy cannot solve the generic types of `hybrid_command`.
"""

from __future__ import annotations

import io
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands
from discord.ext import commands

from similubot_bot import preferences
from similubot_bot.access import is_admin, may_see_status
from similubot_bot.admin import Admin
from similubot_bot.discord.buttons import pages_view, settings_view
from similubot_bot.discord.embeds import NEUTRAL, history_line
from similubot_bot.discord.errors import Refused, user_sentence
from similubot_bot.discord.requester import requester_of
from similubot_bot.i18n import _, ngettext
from similubot_bot.jobs.store import Store
from similubot_bot.preferences import MemberSettings, ServerSettings
from similubot_bot.service import BotService
from similubot_core import UsageError
from similubot_discord_sink import escape

if TYPE_CHECKING:
    from similubot_bot.discord.cog import Commands

Context = commands.Context[commands.Bot]
Interaction = discord.Interaction[commands.Bot]

PER_PAGE = 8
LONGEST_FILE = 64 * 1024
EVERYWHERE = {
    "installs": app_commands.AppInstallationType(guild=True, user=True),
    "contexts": app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=True),
}

MEMBER_KEYS = tuple(field.name for field in fields(MemberSettings))
SERVER_KEYS = tuple(field.name for field in fields(ServerSettings))


class People(commands.Cog):
    """Commands about the people who use the bot.

    Args:
        main: The cog of the jobs' commands; it checks access and tells errors.
        service: Does what they ask for.
        admin: What operators may do.
    """

    def __init__(self, main: Commands, service: BotService, admin: Admin) -> None:
        self._main = main
        self._service = service
        self._admin = admin

    async def cog_check(self, ctx: Context) -> bool:  # type: ignore[override]
        """Whether this person may use the bot here."""
        return await self._main.cog_check(ctx)

    async def cog_command_error(self, ctx: Context, error: Exception) -> None:  # type: ignore[override]
        """Tell the requester what went wrong."""
        await self._main.cog_command_error(ctx, error)

    # -- members ----------------------------------------------------------------------------

    @commands.hybrid_command(ignore_extra=False)  # type: ignore[arg-type]
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    @app_commands.describe(page="Which page, from 1")
    async def mine(self, ctx: Context, page: int = 1) -> None:
        """Show your jobs and their links."""
        embed, view = await self.mine_page(ctx.author.id, page - 1)
        if ctx.interaction is None and ctx.guild is not None:
            # What was done elsewhere, or in private, is nobody's business here.
            message = await self._main.messages.delivery.direct(
                ctx.author.id, _("Your jobs:"), embed
            )
            sentence = _("I sent you a direct message.") if message else _("Use /mine for this.")
            await ctx.send(sentence)
            return
        await ctx.send(embed=embed, view=view, ephemeral=True)

    async def mine_page(self, user: int, page: int) -> tuple[discord.Embed, discord.ui.View]:
        """One page of a member's jobs, and the buttons to turn it."""
        count = await self._service.store.do(Store.count_of_user, user)
        last = max(0, (count - 1) // PER_PAGE)
        page = min(max(0, page), last)
        records = await self._service.store.do(Store.of_user, user, PER_PAGE, page * PER_PAGE)
        lines = [history_line(record) for record in records]
        text = "\n".join(lines) or _("You have no jobs.")
        embed = discord.Embed(title=_("Your jobs"), description=text, colour=NEUTRAL)
        if last:
            embed.set_footer(text=_("Page {page} of {last}", page=page + 1, last=last + 1))
        return embed, pages_view(page, last)

    @commands.hybrid_command()  # type: ignore[arg-type]
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    @app_commands.describe(key="What to set", value='The value; "default" unsets it')
    @app_commands.choices(key=[app_commands.Choice(name=k, value=k) for k in MEMBER_KEYS])
    async def settings(
        self, ctx: Context, key: str | None = None, *, value: str | None = None
    ) -> None:
        """Show or change your settings: bitrate, place, private, notify, language."""
        user = ctx.author.id
        member = await self._service.member(user)
        if key is not None:
            member = preferences.change(member, key.lower(), value or "")
            await self._service.set_member(user, member)
        embed = discord.Embed(title=_("Your settings"), colour=NEUTRAL)
        server = self._service.server(None if ctx.guild is None else ctx.guild.id)
        for name in MEMBER_KEYS:
            embed.add_field(name=name, value=self._origin(name, member, server, ctx.guild))
        own = await self._service.store.do(preferences.load_userhash, user)
        embed.add_field(name="Catbox", value=_("your own account") if own else _("anonymous"))
        embed.set_footer(text=_("/settings KEY VALUE changes one; “default” unsets it."))
        await ctx.send(embed=embed, view=settings_view(), ephemeral=True)

    @commands.hybrid_command(ignore_extra=False)  # type: ignore[arg-type]
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    async def forget(self, ctx: Context) -> None:
        """Delete what is stored about you."""
        jobs, settings = await self._service.forget(ctx.author.id)
        told = ngettext("Deleted {count} ended job", "Deleted {count} ended jobs", jobs)
        more = _(" and your settings.") if settings else "."
        left = len(self._service.manager.open_of(ctx.author.id))
        still = ngettext(
            " {count} job is not done yet; ask again afterwards.",
            " {count} jobs are not done yet; ask again afterwards.",
            left,
        )
        await ctx.send(told + more + (still if left else ""), ephemeral=True)

    # -- servers ----------------------------------------------------------------------------

    @commands.hybrid_command()  # type: ignore[arg-type]
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.guild_only()
    @app_commands.describe(
        key='What to set; "export" and "import" take all at once',
        value='The value; "default" unsets it',
        file="For import: a file that export made",
    )
    @app_commands.choices(
        key=[app_commands.Choice(name=k, value=k) for k in (*SERVER_KEYS, "export", "import")]
    )
    async def setup(
        self,
        ctx: Context,
        key: str | None = None,
        file: discord.Attachment | None = None,
        *,
        value: str | None = None,
    ) -> None:
        """Show or change how the bot works in this server."""
        requester = requester_of(ctx)
        if requester.server is None:
            raise UsageError(_("Use this in a server."))
        if not may_see_status(self._service.settings, requester):
            raise Refused(_("Only people who manage this server can do that."))
        server, key = self._service.server(requester.server), (key or "").lower()
        if key == "export":
            text = preferences.to_toml(server).encode()
            attached = discord.File(io.BytesIO(text), "similubot-server.toml")
            await ctx.send(_("The settings of this server:"), file=attached, ephemeral=True)
            return
        if key == "import":
            if file is None or file.size > LONGEST_FILE:
                raise UsageError(_("Attach the file that export made."))
            content = (await file.read()).decode("utf-8", "replace")
            await self._service.set_server(requester, preferences.from_toml(content))
        elif key:
            changed = preferences.change(server, key, value or "")
            await self._service.set_server(requester, changed)
        server = self._service.server(requester.server)
        embed = discord.Embed(title=_("Settings of this server"), colour=NEUTRAL)
        for name in SERVER_KEYS:
            embed.add_field(name=name, value=self._origin(name, None, server, ctx.guild))
        embed.set_footer(text=_("/setup KEY VALUE changes one; “default” unsets it."))
        await ctx.send(embed=embed, ephemeral=True)

    def _origin(
        self,
        name: str,
        member: MemberSettings | None,
        server: ServerSettings,
        guild: discord.Guild | None,
    ) -> str:
        """A value, and where it comes from."""
        own: object = getattr(member, name, None)
        if member is not None and own is not None:
            return _with_origin(_shown(name, own), _("yours"))
        theirs: object = getattr(server, name, None)
        if guild is not None and theirs is not None:
            return _with_origin(_shown(name, theirs), _("this server’s"))
        operators: object = getattr(self._service.settings, name, None)
        if name == "to":
            operators = self._service.targets[0]
        return _with_origin(_shown(name, operators), _("the bot’s"))

    # -- operators --------------------------------------------------------------------------

    @commands.hybrid_command()  # type: ignore[arg-type]
    @app_commands.default_permissions(administrator=True)
    @app_commands.describe(verb='What to do; "help" lists all', arguments="What it needs")
    async def admin(self, ctx: Context, verb: str = "help", *, arguments: str = "") -> None:
        """Run the bot: pause, resume, drain, block, backup and more."""
        if not is_admin(self._service.settings, requester_of(ctx)):
            raise Refused(_("Only the bot's admins can do that."))
        told = await self._admin.run(f"user {ctx.author.id}", f"{verb} {arguments}")
        shown = escape_block(told)
        if ctx.interaction is None and ctx.guild is not None:
            message = await self._main.messages.delivery.direct(ctx.author.id, shown)
            await ctx.message.add_reaction("✅" if message else "⚠️")
            return
        await ctx.send(shown, ephemeral=True)

    @admin.autocomplete("verb")
    async def _complete_verb(
        self, interaction: Interaction, typed: str
    ) -> list[app_commands.Choice[str]]:
        fitting = [verb for verb in self._admin.verbs if verb.startswith(typed.lower())]
        return [app_commands.Choice(name=verb, value=verb) for verb in fitting[:25]]


class UserhashForm(discord.ui.Modal):
    """The form for a member's own Catbox account.

    Args:
        service: Keeps it.
    """

    def __init__(self, service: BotService) -> None:
        super().__init__(title=_("Your Catbox account"))
        self._service = service
        self.userhash: discord.ui.TextInput[Any] = discord.ui.TextInput(
            label=_("User hash; empty uploads anonymously"),
            custom_id="userhash",
            required=False,
            max_length=64,
        )
        self.add_item(self.userhash)

    async def on_submit(self, interaction: discord.Interaction[Any]) -> None:
        """Keep it, encrypted."""
        userhash = self.userhash.value.strip()
        if userhash and not (userhash.isalnum() and userhash.isascii()):
            sentence = _("That is not a user hash; copy it from your Catbox account page.")
        else:
            await self._service.store.do(preferences.save_userhash, interaction.user.id, userhash)
            sentence = _("Saved.") if userhash else _("Removed.")
        await interaction.response.send_message(sentence, ephemeral=True)

    async def on_error(  # type: ignore[override]
        self, interaction: discord.Interaction[Any], error: Exception
    ) -> None:
        """Tell that it was not kept."""
        sentence = user_sentence(error, "/") or _("That did not work; try again later.")
        await interaction.response.send_message(sentence, ephemeral=True)


def escape_block(text: str) -> str:
    """Plain text as a block that Discord does not format."""
    safe = text.replace("`", "'")[:1900]
    return f"```\n{safe}\n```"


def _with_origin(value: str, origin: str) -> str:
    return f"{value}\n-# {origin}"


def _shown(name: str, value: object) -> str:
    if value is None:
        return "—"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, tuple):
        mark = "#" if name == "channels" else "@&"
        return " ".join(f"<{mark}{id_}>" for id_ in value[:10]) or "—"
    return escape(str(value))
