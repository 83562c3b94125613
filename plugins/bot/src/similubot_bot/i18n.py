"""The member's language: sentences are looked up in gettext catalogues that the package carries."""

import gettext
from contextvars import ContextVar
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from pathlib import Path

from babel.numbers import format_decimal

from similubot_core import render

CATALOGUES = Path(__file__).parent / "locale"
DOMAIN = "similubot_bot"

language: ContextVar[str] = ContextVar("language", default="en")
"""The language of the request that the present task or thread works on, such as "de"."""


def size(count: float | None) -> str:
    """A count of bytes, with the number written as the present language does."""
    shown = render.size(count)
    number, space, unit = shown.partition(" ")
    try:
        value = Decimal(number)
    except InvalidOperation:
        return shown
    digits = len(number.partition(".")[2])
    pattern = "#,##0" + ("." + "0" * digits if digits else "")
    return format_decimal(value, format=pattern, locale=language.get()) + space + unit


@lru_cache(maxsize=1)
def languages() -> tuple[str, ...]:
    """The languages that there are catalogues for, English first."""
    found = CATALOGUES.glob(f"*/LC_MESSAGES/{DOMAIN}.mo")
    return ("en", *sorted(path.parent.parent.name for path in found))


@lru_cache(maxsize=32)
def _catalogue(name: str) -> gettext.NullTranslations:
    return gettext.translation(DOMAIN, CATALOGUES, languages=[name], fallback=True)


def _(message: str, **values: object) -> str:
    """A sentence in the present language; `values` fill its {placeholders}."""
    translated = _catalogue(language.get()).gettext(message)
    return translated.format(**values) if values else translated


def mark(message: str) -> str:
    """Mark a text that is looked up later; returns it as it is."""
    return message


def translation(message: str, name: str) -> str | None:
    """A text in a language, for Discord's own texts; None when there is no translation."""
    translated = _catalogue(name).gettext(message)
    return None if translated == message else translated


def ngettext(singular: str, plural: str, count: int, **values: object) -> str:
    """A sentence that depends on a count, which fills {count}."""
    translated = _catalogue(language.get()).ngettext(singular, plural, count)
    return translated.format(count=count, **values)
