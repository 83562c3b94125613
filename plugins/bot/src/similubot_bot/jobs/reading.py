"""Reading what people type: links and options in any order, with text around them.

Pure functions of the text; they know no Discord. No sentence here repeats what was typed, for that
may hold a link's key, unless it is a short plain word.
"""

import difflib
import html
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from similubot_bot.i18n import _
from similubot_core import UsageError

LONGEST_TEXT = 6000
LONGEST_LINK = 1000

_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u00ad]")
_END = r"\s<>|`\"“”„«»{}^"
_MARKDOWN_LINK = re.compile(
    r"\[[^\[\]\n]*\]\(\s*<?(https?://[^\s<>()]*(?:\([^\s<>()]*\)[^\s<>()]*)*)>?"
    r"(?:\s+[\"'(][^\n)]*[\"')])?\s*\)",
    re.IGNORECASE,
)
_BROKEN_SCHEME = re.compile(
    r"\b(https?)(?::\s*/\s*/\s*|:/?(?=[a-z0-9])|//)(?=[a-z0-9])", re.IGNORECASE
)
_LINK = re.compile(rf"https?://[^{_END}]+", re.IGNORECASE)
_BARE_LINK = re.compile(rf"(?<![\w@/.:#=-])(?:[a-z0-9-]+\.)+[a-z]{{2,}}/[^{_END}]+", re.IGNORECASE)
_LIST_MARK = re.compile(r"^[ \t]*(?:\d{1,3}[.)]|[-*•])[ \t]+", re.MULTILINE)
_KEY = re.compile(r"\s+([#!][\w!-]{8,}|[\w-]{22,64})(?=[\s>|)\]*_~.,;!?]|$)")
_TRAILING = ".,;:!?'*~…。，、！？；：）」』】”’"
_BRACKETS = {")": "(", "]": "[", "}": "{"}

_NUMBER = r"(\d{1,9}(?:[.,]\d{1,3})?)"
_UNIT = (
    r"(k|kb|kbs|kbps|kbit|kbits|kbitps|kb/s|kbit/s|kbits/s|kilobits?|"
    r"m|mb|mbps|mbit|mbits|mb/s|mbit/s|bps|bit/s|bits/s)"
)
_WORD_BITRATE = re.compile(rf"([-−+~@≈]?){_NUMBER}{_UNIT}?", re.IGNORECASE)
_SPACED_UNIT = re.compile(rf"(?<![\w./-]){_NUMBER}\s+{_UNIT}(?![\w/])", re.IGNORECASE)
_OPTION = re.compile(r"(?:--?|/)?([a-z]+)\s*[:=]\s*(\S+)|--?([a-z]+)", re.IGNORECASE)

_BITRATE_NAMES = frozenset({"bitrate", "br", "b", "kbps", "quality", "q", "rate", "ab"})
_TARGET_NAMES = frozenset({"to", "target", "host", "upload", "place", "on", "via"})
_FORMAT_NAMES = frozenset({"format", "f", "as", "fmt", "ext", "type"})
_PRIVATE_NAMES = frozenset({"private", "privately", "priv", "ephemeral", "dm", "secret"})
_BEST = frozenset({"best", "highest", "max", "maximum"})
_WORST = frozenset({"lowest", "min", "minimum", "smallest"})
_AFTER_TO = frozenset(
    ("a", "an", "the", "my", "me", "us", "this", "that", "here", "there", "audio", "music",
     "sound", "song", "file", "voice", "discord", "dm")
)  # fmt: skip
"""What may follow "to" without being a place: "LINK to audio"."""
_STRIPPED = "\"'“”„«»‘’`*_~|<>()[]{},;:!?.…"
MIN_UNKNOWN_FOR_PROSE = 3
"""From this many unknown words on, a text is prose: bare numbers in it are no bitrates."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What can be meant.

    Attributes:
        accepts: Whether an installed downloader accepts a link.
        targets: What people may upload to, the default first.
        formats: The names of the formats that can be asked for, such as "aac".
        endings: Other words for them, such as "m4a", each with the name.
        bitrates: The lowest and the highest bitrate of the converter, in kilobits per second.
    """

    accepts: Callable[[str], bool]
    targets: Sequence[str] = ()
    formats: Sequence[str] = ()
    endings: Mapping[str, str] = field(default_factory=dict)
    bitrates: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What somebody asked for, as far as it was typed.

    Attributes:
        links: The supported links, each once, in their order. They may hold keys.
        unsupported: The hosts of links that no downloader accepts.
        bitrate: Kilobits per second; None where none was named.
        format: One of the vocabulary's formats; None where none was named.
        to: One of the vocabulary's targets; None where none was named.
        private: Whether only the requester is to see the result.
    """

    links: tuple[str, ...] = field(default=(), repr=False)
    unsupported: tuple[str, ...] = ()
    bitrate: int | None = None
    format: str | None = None
    to: str | None = None
    private: bool = False


def find_links(text: str, accepts: Callable[[str], bool]) -> tuple[str, ...]:
    """The supported links in a text, each once, in their order."""
    return _find(text, accepts)[0]


def read(text: str, words: Vocabulary) -> Reading:
    """Read a request: links, bitrate, format, target and "private", in any order.

    Text that means nothing is ignored, unless it looks like a misspelt option.

    Raises:
        UsageError: An option cannot be meant as it stands; says what is possible.
    """
    if len(text) > LONGEST_TEXT:
        raise UsageError(_("That is too long; send the link alone."))
    links, unsupported, rest, beside = _find(text, words.accepts)
    options = _Options(words)
    rest = options.take_named(rest)
    options.take_words(rest, beside)
    return Reading(
        links, unsupported, options.bitrate, options.format, options.to, private=options.private
    )


def read_bitrate(text: str, limits: tuple[int, int] | None = None) -> int:
    """A bitrate as people write it: "128", "128k", "96 kbps", "0.128 Mbit/s", "best".

    Raises:
        UsageError: It is not one.
    """
    word = " ".join(text.split()).strip(_STRIPPED.replace(".", "")).lower()
    if word in _BEST | _WORST:
        if limits is None:
            raise UsageError(_("Name the bitrate as a number, such as 128."))
        return limits[1] if word in _BEST else limits[0]
    found = _WORD_BITRATE.fullmatch(word.replace(" ", ""))
    if found is None:
        raise UsageError(_("That is not a bitrate; write it like 128 or 128k."))
    return _kilobits(found[1], found[2], found[3])


def read_choice(text: str, choices: Sequence[str], what: str) -> str:
    """One of some choices, however it is capitalised.

    Args:
        text: What was typed.
        choices: The possible ones.
        what: The sentence's first part, such as _("I can't upload to").

    Raises:
        UsageError: It is none of them; names the nearest, and all.
    """
    word = " ".join(text.split()).strip(_STRIPPED.replace("_", "")).lstrip(".").lower()
    for choice in choices:
        if word == choice.lower():
            return choice
    spaced = word.replace(" ", "=", 1)
    for choice in choices:
        if spaced == choice.lower():
            return choice
    shown = repr(word) if re.fullmatch(r"[\w=./ -]{1,16}", word) else _("that")
    near = difflib.get_close_matches(word, [choice.lower() for choice in choices], 1, 0.6)
    guess = " " + _("Did you mean {name}?", name=near[0]) if near else ""
    names = ", ".join(choices)
    possible = " " + _("Choose one of {names}.", names=names) if choices else ""
    raise UsageError(f"{what} {shown}.{guess}{possible}")


class _Options:
    """What is found of the options, word by word."""

    def __init__(self, words: Vocabulary) -> None:
        self._words = words
        self._names = {target.lower(): target for target in words.targets}
        self.bitrate: int | None = None
        self.format: str | None = None
        self.to: str | None = None
        self.private = False

    def take_named(self, text: str) -> str:
        """Take "bitrate=128", "--to litterbox" and the like; returns the rest."""
        text = _SPACED_UNIT.sub(lambda m: f"{m[1]}{m[2]}", text)
        words = text.split()
        rest, skip = [], False
        for number, word in enumerate(words):
            if skip:
                skip = False
                continue
            following = words[number + 1] if number + 1 < len(words) else ""
            found = _OPTION.fullmatch(word.strip("`\"'“”,;"))
            if found is None:
                rest.append(word)
                continue
            name = (found[1] or found[3]).lower()
            inline = found[2] is not None
            value = found[2] if inline else following
            if word.lower().strip("`\"'“”,;") in self._names:
                rest.append(word)
            elif name in _PRIVATE_NAMES:
                self.private = not inline or value.lower() not in ("no", "false", "0", "off")
            elif self._take_option(name, value):
                skip = not inline
            else:
                rest.append(word)
        return " ".join(rest)

    def _take_option(self, name: str, value: str) -> bool:
        if not value:
            return False
        if name in _BITRATE_NAMES:
            self.bitrate = read_bitrate(value, self._words.bitrates)
        elif name in _TARGET_NAMES:
            self.to = read_choice(value, self._words.targets, _("I can't upload to"))
        elif name in _FORMAT_NAMES:
            word = value.strip(_STRIPPED).lower()
            value = self._words.endings.get(word, value)
            self.format = read_choice(value, self._words.formats, _("I can't convert to"))
        else:
            return False
        return True

    def take_words(self, text: str, beside: Iterable[str]) -> None:
        """Take the other words: bitrates, formats, targets; words of no meaning are left."""
        words = [
            word for word in (w.strip(_STRIPPED.replace("-", "")) for w in text.split()) if word
        ]
        unknown = [word for word in words if not self._take(word) and not _is_number(word)]
        prose = len(unknown) >= MIN_UNKNOWN_FOR_PROSE
        near = set(beside)
        for word in words:
            if _is_number(word) and self.bitrate is None and (not prose or word in near):
                self.bitrate = read_bitrate(word, self._words.bitrates)
        for before, word in zip(["", *words], words, strict=False):
            if word in unknown:
                self._suggest(word, before.lower(), alone=not prose)

    def _take(self, word: str) -> bool:
        lower = word.lower()
        formats = {name.lower(): name for name in self._words.formats}
        formats.update(self._words.endings)
        if lower in self._names:
            self.to = self._names[lower]
        elif lower.lstrip(".") in formats:
            self.format = formats[lower.lstrip(".")]
        elif lower in ("private", "privately"):
            self.private = True
        elif lower in _BEST | _WORST and self._words.bitrates is not None:
            self.bitrate = read_bitrate(lower, self._words.bitrates)
        elif (found := _WORD_BITRATE.fullmatch(word)) is not None and found[3]:
            self.bitrate = _kilobits(found[1], found[2], found[3])
        else:
            # "litterbox 24h": a target and its own argument, typed apart
            for name, target in self._names.items():
                first, _, second = name.partition("=")
                if second and lower == second and self.to is not None:
                    if self.to.lower() == first:
                        self.to = target
                    return True
            return False
        return True

    def _suggest(self, word: str, before: str, *, alone: bool) -> None:
        """Refuse a word that looks like a misspelt option, or like one that is not allowed.

        Raises:
            UsageError: It does; says what is possible.
        """
        lower = word.lower()
        if lower.partition("=")[2]:
            read_choice(word, self._words.targets, _("I can't upload to"))
        names = [*self._names, *(name.lower() for name in self._words.formats)]
        near = difflib.get_close_matches(lower, names, 1, 0.75 if alone else 0.85)
        if before == "to" and alone and self.to is None and lower not in _AFTER_TO:
            read_choice(word, self._words.targets, _("I can't upload to"))
        if near and len(lower) > 3:
            if near[0] in self._names:
                read_choice(word, self._words.targets, _("I can't upload to"))
            read_choice(word, self._words.formats, _("I can't convert to"))
        if alone and re.fullmatch(r"\d+[a-z/][\w/]*", lower):
            raise UsageError(_("That is not a bitrate; write it like 128 or 128k."))


def _is_number(word: str) -> bool:
    found = _WORD_BITRATE.fullmatch(word)
    return found is not None and not found[3]


def _kilobits(sign: str, number: str, unit: str | None) -> int:
    value = float(number.replace(",", "."))
    unit = (unit or "").lower()
    if unit.startswith("m"):
        value *= 1000
    elif unit.startswith("b") or (not unit and value >= 16_000):
        value /= 1000
    if sign in ("-", "−") or value < 1 or not math.isfinite(value):
        raise UsageError(_("A bitrate is 1 kb/s or more; write it like 128 or 128k."))
    return round(value)


def _find(
    text: str, accepts: Callable[[str], bool]
) -> tuple[tuple[str, ...], tuple[str, ...], str, list[str]]:
    """Supported links, hosts of others, the text without links, and the words beside links."""
    text = _INVISIBLE.sub("", html.unescape(text[:LONGEST_TEXT])).replace("\u00a0", " ")
    text = _LIST_MARK.sub("", text)
    text = _MARKDOWN_LINK.sub(r" \1 ", text)
    text = _BROKEN_SCHEME.sub(lambda m: f"{m[1].lower()}://", text)
    links: dict[str, None] = {}
    unsupported: dict[str, None] = {}
    rest: list[str] = []
    beside: list[str] = []
    position = 0
    while (found := _next_link(text, position)) is not None:
        raw, start = found[0], found.start()
        end = start + len(_without_trailing(raw, text[:start]))
        link, end = _best(text, start, end, accepts)
        before = text[position:start]
        rest.append(before)
        beside += before.split()[-1:] + text[end:].split()[:1]
        position = max(end, start + 1)
        if link is not None:
            links[link] = None
        elif "://" in raw:
            unsupported[_host(raw)] = None
        else:
            rest.append(text[start:position])
    rest.append(text[position:])
    words = [word.strip(_STRIPPED.replace("-", "")) for word in beside]
    return tuple(links), tuple(unsupported), " ".join(rest), words


def _next_link(text: str, position: int) -> re.Match[str] | None:
    found = [m for m in (p.search(text, position) for p in (_LINK, _BARE_LINK)) if m is not None]
    return min(found, key=lambda match: match.start(), default=None)


def _without_trailing(link: str, before: str) -> str:
    """A link without what belongs to the text around it."""
    underscores = len(before) - len(before.rstrip("_"))
    if underscores and link.endswith("_" * underscores):
        link = link[:-underscores]
    while link and (
        link[-1] in _TRAILING
        or (link[-1] in _BRACKETS and link.count(link[-1]) > link.count(_BRACKETS[link[-1]]))
    ):
        link = link[:-1]
    return link


def _best(
    text: str, start: int, end: int, accepts: Callable[[str], bool]
) -> tuple[str | None, int]:
    """The link at a place of the text, and where it ends: a key that follows a space is part of it.

    None when no downloader accepts it.
    """
    raw = text[start:end]
    key = _KEY.match(text, end)
    if key is not None and "#" not in raw:
        joined = key[1] if key[1][0] in "#!" else f"#{key[1]}"
        link = _accepted(raw + joined, accepts)
        marked = key[1][0] in "#!" or (len(key[1]) in (22, 43) and key[1].lower() != key[1])
        if link is not None and (marked or _accepted(raw, accepts) is None):
            return link, key.end(1)
    return _accepted(raw, accepts), end


def _accepted(raw: str, accepts: Callable[[str], bool]) -> str | None:
    link = re.sub(r"\\(?=[^A-Za-z0-9\s])", "", raw)
    if "://" not in link:
        link = f"https://{link}"
    scheme, _sep, rest = link.partition("://")
    host, slash, path = rest.partition("/")
    link = f"{scheme.lower()}://{host.lower()}{slash}{path}"
    if len(link) > LONGEST_LINK:
        raise UsageError(_("That is too long for a link; copy the link again."))
    tries = [link, link.replace("%23", "#", 1), link.replace("http://", "https://", 1)]
    return next((candidate for candidate in dict.fromkeys(tries) if accepts(candidate)), None)


def _host(link: str) -> str:
    try:
        host = urlsplit(link).hostname or ""
    except ValueError:
        host = ""
    return host if re.fullmatch(r"[a-z0-9.-]{1,100}", host) else "that address"
