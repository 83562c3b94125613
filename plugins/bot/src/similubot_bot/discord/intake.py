"""What a message holds that can be converted: its own, what it replies to, what it forwards."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import discord

from similubot_bot.discord.delivery import NOT_DELIVERED
from similubot_bot.jobs.requests import AttachedFile


@dataclass(frozen=True, slots=True)
class Material:
    """Text with links in it, and files.

    Attributes:
        text: The text, with that of embeds and forwarded messages.
        files: The attached files.
    """

    text: str = ""
    files: tuple[AttachedFile, ...] = ()


def attached(attachments: Sequence[discord.Attachment | None]) -> tuple[AttachedFile, ...]:
    """Attachments as the jobs know them; None is left out."""
    return tuple(
        AttachedFile(file.url, file.filename, file.size) for file in attachments if file is not None
    )


def material_of(message: discord.Message) -> Material:
    """What a message holds: its text and files, its embeds, and the messages that it forwards."""
    parts = [message.content, *_embed_texts(message.embeds)]
    files = list(message.attachments)
    for snapshot in getattr(message, "message_snapshots", ()):
        parts += [snapshot.content, *_embed_texts(snapshot.embeds)]
        files += snapshot.attachments
    return Material("\n".join(filter(None, parts)), attached(files))


async def replied_material(message: discord.Message) -> Material:
    """What the message holds that this one replies to; nothing without one, or when it is gone."""
    reference = message.reference
    if reference is None or reference.message_id is None:
        return Material()
    original = reference.resolved
    if not isinstance(original, discord.Message):
        try:
            original = await message.channel.fetch_message(reference.message_id)
        except NOT_DELIVERED:
            return Material()
    return material_of(original)


def forwarded_material(message: discord.Message) -> Material:
    """What the messages hold that this one forwards."""
    whole = material_of(message)
    own = len(message.attachments)
    texts = []
    for snapshot in getattr(message, "message_snapshots", ()):
        texts += [snapshot.content, *_embed_texts(snapshot.embeds)]
    return Material("\n".join(filter(None, texts)), whole.files[own:])


def _embed_texts(embeds: Sequence[discord.Embed]) -> Iterator[str]:
    for embed in embeds:
        yield from filter(None, (embed.url, embed.title, embed.description, embed.author.url))
        for field in embed.fields:
            yield f"{field.name or ''} {field.value or ''}"
        for media in (embed.video, embed.image, embed.thumbnail):
            if media.url and embed.type in ("video", "gifv"):
                yield media.url
