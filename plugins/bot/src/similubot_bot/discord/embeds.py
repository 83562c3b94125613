"""A job's message before the job runs, over a restart of the bot, and at the job's end."""

import discord

from similubot_bot.i18n import _, size
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
    record: JobRecord,
    position: int | None,
    now: float,
    *,
    waits_for_disk: bool = False,
    wait: float | None = None,
) -> discord.Embed:
    """The message of a waiting job.

    Args:
        record: The job.
        position: Its position in the queue, from 1; None when it starts at once.
        waits_for_disk: Whether it is its turn, and only room on the disk is missing.
        wait: Seconds that it is going to wait, as estimated; None where that is not known.
        now: When that is so, in seconds since 1970: a position is never older than it says.
    """
    when = f"<t:{int(now)}:R>"
    text = _("Preparing to download and convert…")
    if position is not None:
        text = _("Position **{position}** in the queue ({when}).", position=position, when=when)
        if wait is not None:
            text += "\n" + _("It starts in about {time}.", time=render.duration(max(1.0, wait)))
    if waits_for_disk:
        text = _("Waits for disk space, until other jobs are done ({when}).", when=when)
    embed = discord.Embed(title="🔄 " + _("Media Conversion"), description=text, colour=NEUTRAL)
    embed.add_field(name=_("Source"), value=escape(record.request.name))
    embed.set_footer(text=footer(record.id))
    return embed


def kept_embed(record: JobRecord) -> discord.Embed:
    """The message of a job that the bot's restart has interrupted."""
    text = _("I am restarting. This job continues by itself afterwards; you need not do anything.")
    embed = discord.Embed(title="⏸️ " + _("Media Conversion"), description=text, colour=NEUTRAL)
    embed.add_field(name=_("Source"), value=escape(record.request.name))
    embed.set_footer(text=footer(record.id))
    return embed


def final_embed(record: JobRecord, outcome: JobOutcome) -> discord.Embed:
    """The last state of a job's message."""
    if outcome.status is JobStatus.DONE:
        embed = _done(record, outcome)
    else:
        failed = outcome.status is JobStatus.FAILED
        embed = discord.Embed(
            title="❌ " + _("Error") if failed else "🚫 " + _("Cancelled"),
            description=escape(outcome.text, 1000, links=True),
            colour=STATUS_COLOURS[ProgressStatus.FAILED if failed else ProgressStatus.CANCELLED],
        )
        embed.add_field(name=_("Source"), value=escape(record.request.name))
    embed.set_footer(text=footer(record.id))
    return embed


def history_line(record: JobRecord) -> str:
    """A job in a list: its number, its name, how it stands, and its link."""
    outcome, name = record.outcome, escape(record.request.name, 60)
    when = f"<t:{int(record.created)}:R>"
    if outcome is None:
        state = "▶️" if record.started else "⏳"
        return f"{state} {record.id} · {name} · {when}"
    if outcome.status is JobStatus.DONE:
        link = escape(outcome.text, 200, links=True)
        return f"✅ {record.id} · {escape(outcome.name, 60)} · {when} · {link}"
    if outcome.status is JobStatus.CANCELLED:
        return f"🚫 {record.id} · {name} · {when}"
    return f"❌ {record.id} · {name} · {when} · {escape(outcome.text, 120)}"


def notice(record: JobRecord, outcome: JobOutcome) -> str:
    """The short message that tells a requester who has waited how the job ended."""
    who = f"<@{record.request.user}>"
    if outcome.status is JobStatus.DONE:
        link = escape(outcome.text, 1000, links=True)
        ready = _("{name} is ready: {link}", name=escape(outcome.name), link=link)
        return f"{who} {ready}"
    name, why = escape(record.request.name), escape(outcome.text, 600)
    return f"{who} " + _("{name} failed: {why}", name=name, why=why)


def _done(record: JobRecord, outcome: JobOutcome) -> discord.Embed:
    embed = discord.Embed(
        title="✅ " + _("Conversion Complete"),
        description=escape(outcome.name),
        colour=STATUS_COLOURS[ProgressStatus.COMPLETED],
    )
    link = escape(outcome.text, 1000, links=True)
    embed.add_field(name=_("Download Link"), value=link, inline=False)
    if outcome.duration is not None:
        embed.add_field(name=_("Length"), value=render.duration(outcome.duration))
    embed.add_field(name=_("Size"), value=size(outcome.size))
    embed.add_field(name=_("Bitrate"), value=_bitrate(record.request.bitrate, outcome))
    embed.add_field(name=_("Took"), value=render.duration(outcome.seconds))
    if outcome.note:
        embed.add_field(name=_("Note"), value=escape(outcome.note, 300), inline=False)
    return embed


def _bitrate(asked: int | None, outcome: JobOutcome) -> str:
    """The bitrate requested, and the file's average where that is known and differs."""
    measured = None
    if outcome.duration and outcome.size is not None:
        measured = round(outcome.size * 8 / 1000 / outcome.duration)
    if asked is None:
        return _("unknown") if measured is None else f"{measured} kbps"
    if measured is None or abs(measured - asked) <= asked * 0.1:
        return f"{asked} kbps"
    return _("{asked} kbps requested, {measured} kbps in the file", asked=asked, measured=measured)
