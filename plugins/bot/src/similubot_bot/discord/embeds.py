"""What a job's message says before it runs, when it is kept, and at its end."""

import discord

from similubot_bot.jobs.records import Ending, JobRecord, Outcome
from similubot_core import render
from similubot_discord_sink.plain_text import plain

BLUE, GREEN, RED, GREY = 0x3498DB, 0x2ECC71, 0xE74C3C, 0x95A5A6


def footer(job: int) -> str:
    """What marks a job's first message, so that it is found again after a crash."""
    return f"Job {job}"


def waiting_embed(record: JobRecord, place: int | None, now: float) -> discord.Embed:
    """The message of a job that waits.

    Args:
        record: The job.
        place: Its place in the queue, from 1; None while it is not known.
        now: When that is so, in seconds since 1970: a place is never older than it says.
    """
    text = "Preparing to download and convert…"
    if place is not None:
        text = f"Place **{place}** in the queue (<t:{int(now)}:R>)."
    embed = discord.Embed(title="🔄 Media Conversion", description=text, colour=BLUE)
    embed.add_field(name="Source", value=plain(record.asked.name))
    embed.set_footer(text=footer(record.id))
    return embed


def kept_embed(record: JobRecord) -> discord.Embed:
    """The message of a job that the stop of the bot has interrupted."""
    text = "I am being restarted. This goes on by itself afterwards; there is nothing to do."
    embed = discord.Embed(title="⏸️ Media Conversion", description=text, colour=BLUE)
    embed.add_field(name="Source", value=plain(record.asked.name))
    embed.set_footer(text=footer(record.id))
    return embed


def final_embed(record: JobRecord, ending: Ending) -> discord.Embed:
    """The last state of a job's message."""
    if ending.outcome is Outcome.DONE:
        embed = _done(record, ending)
    else:
        failed = ending.outcome is Outcome.FAILED
        embed = discord.Embed(
            title="❌ Error" if failed else "🚫 Cancelled",
            description=plain(ending.text, 1000, links=True),
            colour=RED if failed else GREY,
        )
        embed.add_field(name="Source", value=plain(record.asked.name))
    embed.set_footer(text=footer(record.id))
    return embed


def notice(record: JobRecord, ending: Ending) -> str:
    """The short message that tells somebody who has waited of the end."""
    who = f"<@{record.asked.user}>"
    if ending.outcome is Outcome.DONE:
        return f"{who} {plain(ending.name)} is ready: {plain(ending.text, 1000, links=True)}"
    return f"{who} {plain(record.asked.name)} did not work out: {plain(ending.text, 600)}"


def _done(record: JobRecord, ending: Ending) -> discord.Embed:
    embed = discord.Embed(
        title="✅ Conversion Complete", description=plain(ending.name), colour=GREEN
    )
    link = plain(ending.text, 1000, links=True)
    embed.add_field(name="Download Link", value=link, inline=False)
    if ending.duration is not None:
        embed.add_field(name="Length", value=render.duration(ending.duration))
    embed.add_field(name="Size", value=render.size(ending.size))
    embed.add_field(name="Bitrate", value=_bitrate(record.asked.bitrate, ending))
    embed.add_field(name="Took", value=render.duration(ending.seconds))
    return embed


def _bitrate(asked: int | None, ending: Ending) -> str:
    """What was asked for, and what the file has on average where that is known and differs."""
    measured = None
    if ending.duration and ending.size is not None:
        measured = round(ending.size * 8 / 1000 / ending.duration)
    if asked is None:
        return "unknown" if measured is None else f"{measured} kbps"
    if measured is None or abs(measured - asked) <= asked * 0.1:
        return f"{asked} kbps"
    return f"{asked} kbps asked, {measured} kbps in the file"
