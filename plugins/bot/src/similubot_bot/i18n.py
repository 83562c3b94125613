"""The member's language: sentences are looked up in gettext catalogues that the package carries."""

import gettext
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path

CATALOGUES = Path(__file__).parent / "locale"
DOMAIN = "similubot_bot"

language: ContextVar[str] = ContextVar("language", default="en")
"""The language of the request that the present task or thread works on, such as "de"."""


@lru_cache(maxsize=32)
def _catalogue(name: str) -> gettext.NullTranslations:
    return gettext.translation(DOMAIN, CATALOGUES, languages=[name], fallback=True)


def _(message: str, **values: object) -> str:
    """A sentence in the present language; `values` fill its {placeholders}."""
    translated = _catalogue(language.get()).gettext(message)
    return translated.format(**values) if values else translated


def ngettext(singular: str, plural: str, count: int, **values: object) -> str:
    """A sentence that depends on a count, which fills {count}."""
    translated = _catalogue(language.get()).ngettext(singular, plural, count)
    return translated.format(count=count, **values)
