"""A job's message before the job runs, over a restart of the bot, and at the job's end."""

import discord

from similubot_bot.jobs.records import JobOutcome, JobRecord, JobStatus
from similubot_core import ProgressStatus, render
from similubot_discord_sink import STATUS_COLOURS, escape

NEUTRAL = STATUS_COLOURS[ProgressStatus.IN_PROGRESS]


def footer(job: int) -> str:
    """What marks a job's first message, so that it is found again after a crash."""
    return f"Job {job}"


def waiting_text(
    record: JobRecord, position: int | None, now: float, *, waits_for_disk: bool = False
) -> str:
    """As `waiting_embed`, in a line of plain text."""
    text = waiting_embed(record, position, now, waits_for_disk=waits_for_disk).description
    return f"🔄 {escape(record.request.name)}: {text}"


def waiting_embed(
    record: JobRecord, position: int | None, now: float, *, waits_for_disk: bool = False
) -> discord.Embed:
    """The message of a waiting job.

    Args:
        record: The job.
        position: Its position in the queue, from 1; None when it starts at once.
        waits_for_disk: Whether it is its turn, and only room on the disk is missing.
        now: When that is so, in seconds since 1970: a position is never older than it says.
    """
    text = "Preparing to download and convert…"
    if position is not None:
        text = f"Position **{position}** in the queue (<t:{int(now)}:R>)."
    if waits_for_disk:
        text = f"Waits for disk space, until other jobs are done (<t:{int(now)}:R>)."
    embed = discord.Embed(title="🔄 Media Conversion", description=text, colour=NEUTRAL)
    embed.add_field(name="Source", value=escape(record.request.name))
    embed.set_footer(text=footer(record.id))
    return embed


def kept_embed(record: JobRecord) -> discord.Embed:
    """The message of a job that the bot's restart has interrupted."""
    text = "I am restarting. This job continues by itself afterwards; you need not do anything."
    embed = discord.Embed(title="⏸️ Media Conversion", description=text, colour=NEUTRAL)
    embed.add_field(name="Source", value=escape(record.request.name))
    embed.set_footer(text=footer(record.id))
    return embed


def final_embed(record: JobRecord, outcome: JobOutcome) -> discord.Embed:
    """The last state of a job's message."""
    if outcome.status is JobStatus.DONE:
        embed = _done(record, outcome)
    else:
        failed = outcome.status is JobStatus.FAILED
        embed = discord.Embed(
            title="❌ Error" if failed else "🚫 Cancelled",
            description=escape(outcome.text, 1000, links=True),
            colour=STATUS_COLOURS[ProgressStatus.FAILED if failed else ProgressStatus.CANCELLED],
        )
        embed.add_field(name="Source", value=escape(record.request.name))
    embed.set_footer(text=footer(record.id))
    return embed


def notice(record: JobRecord, outcome: JobOutcome) -> str:
    """The short message that tells a requester who has waited how the job ended."""
    who = f"<@{record.request.user}>"
    if outcome.status is JobStatus.DONE:
        return f"{who} {escape(outcome.name)} is ready: {escape(outcome.text, 1000, links=True)}"
    return f"{who} {escape(record.request.name)} failed: {escape(outcome.text, 600)}"


def _done(record: JobRecord, outcome: JobOutcome) -> discord.Embed:
    embed = discord.Embed(
        title="✅ Conversion Complete",
        description=escape(outcome.name),
        colour=STATUS_COLOURS[ProgressStatus.COMPLETED],
    )
    link = escape(outcome.text, 1000, links=True)
    embed.add_field(name="Download Link", value=link, inline=False)
    if outcome.duration is not None:
        embed.add_field(name="Length", value=render.duration(outcome.duration))
    embed.add_field(name="Size", value=render.size(outcome.size))
    embed.add_field(name="Bitrate", value=_bitrate(record.request.bitrate, outcome))
    embed.add_field(name="Took", value=render.duration(outcome.seconds))
    return embed


def _bitrate(asked: int | None, outcome: JobOutcome) -> str:
    """The bitrate requested, and the file's average where that is known and differs."""
    measured = None
    if outcome.duration and outcome.size is not None:
        measured = round(outcome.size * 8 / 1000 / outcome.duration)
    if asked is None:
        return "unknown" if measured is None else f"{measured} kbps"
    if measured is None or abs(measured - asked) <= asked * 0.1:
        return f"{asked} kbps"
    return f"{asked} kbps requested, {measured} kbps in the file"
