"""Text for a log, without what is secret in it."""

import re

SHORTEST = 4
"""Characters: what is shorter is no secret, and cutting it would garble the log."""

_secrets: set[str] = set()

_PARTS = re.compile(r"[/:,?&=]+")
_SHORTEST_PART = 8
"""Characters: a part of an address that is shorter is a word that logs need."""
# Each pattern takes a run of characters to its end, so the time is linear in the text.
_WORD = re.compile(r"[^\s\"'<>]+")
_RUN = re.compile(r"[A-Za-z0-9_.~-]{22,}")
_SEPARATORS = re.compile(r"[_.~-]")
_CUT_FROM = re.compile(r"[?#]|%23|%3[Ff]")
_LONG = 32
_KEY_OF_A_FOLDER = 22
"""Characters of the key of a MEGA folder; that of a file has 43, a token of Discord 60 and more."""
_PER_SEPARATOR = 6
"""A name has a separator for each of its words; in a key one of 32 characters is one."""


def keep_secret(value: str) -> None:
    """Have `redact` cut this text wherever it stands, from now on; any thread."""
    from urllib.parse import quote  # only where there is a secret

    if len(value) >= SHORTEST:
        _secrets.update((value, quote(value), quote(value, safe="")))


def keep_address(url: str) -> None:
    """Have `redact` cut an address, and each part of it that may be a token, from now on.

    Tokens, topics and keys stand anywhere in the addresses of webhooks and of services: as the user
    or the password, in place of the host, in the path or the query.
    """
    from urllib.parse import unquote

    user, _, rest = url.partition("://")[2].rpartition("@")
    host, _, path = rest.partition("/")
    parts = [part for part in _PARTS.split(path) if len(part) >= _SHORTEST_PART]
    if "." not in host and not host.startswith("localhost"):
        parts.append(host.partition("?")[0])
    for secret in (url, *user.split(":"), *parts):
        keep_secret(secret)
        keep_secret(unquote(secret))


def redact(text: str) -> str:
    """A text as it may be logged, whoever wrote it.

    Cut are the values that were given to `keep_secret`; of an address the user and password, the
    query and the fragment (a MEGA link's key, a signature); and long runs of mixed letters and
    digits, as keys and tokens are, even where nothing around them says so.
    """
    for secret in _secrets.copy():
        text = text.replace(secret, "…")
    return _RUN.sub(_without_key, _WORD.sub(_without_address_secrets, text))


def _without_address_secrets(match: re.Match[str]) -> str:
    word = match[0]
    scheme, found, rest = word.rpartition("://")
    if not found:
        scheme, rest = "", word
        if "/" not in word and not word.startswith(("#!", "#F!")):
            return word
    cut = _CUT_FROM.search(rest)
    if cut is not None and len(rest) > cut.end():
        rest = f"{rest[: cut.end()]}…"
    if found:
        host, slash, path = rest.partition("/")
        rest = f"{host.rpartition('@')[2]}{slash}{path}"
    return f"{scheme}{found}{rest}"


def _without_key(match: re.Match[str]) -> str:
    run = match[0]
    if len(run) < _LONG and len(run) != _KEY_OF_A_FOLDER:
        return run
    mixed = (
        any(c.islower() for c in run)
        and any(c.isupper() for c in run)
        and any(c.isdigit() for c in run)
    )
    is_name = len(_SEPARATORS.findall(run)) * _PER_SEPARATOR > len(run)
    return "…" if mixed and not is_name else run
