"""The settings table [web]: who may look at a page, and by which names it is asked for."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from msgspec import Meta

from similubot_core import Check, Settings, SettingsError
from similubot_core.redact import keep_secret

SHORTEST_TOKEN, LONGEST_TOKEN = 16, 200
MAKE_ONE = "`openssl rand -base64 24` makes one"


@dataclass(frozen=True)
class WebSettings:
    """What similubot.toml may say in [web], or SIMILUBOT_WEB_* in the environment.

    Attributes:
        token: What is typed into the login form; a secret of 16 to 200 characters. None asks
            nobody, and keeps the page on this machine.
        token_file: A file that holds the token instead, which nobody else may read.
        hosts: The names by which others ask for the page, such as that of a reverse proxy, with a
            port where it is not the usual one.
        read_only: Whether the page shows everything and changes nothing.
    """

    table_name: ClassVar[str] = "web"

    token: Annotated[str, Meta(min_length=SHORTEST_TOKEN, max_length=LONGEST_TOKEN)] | None = field(
        default=None, repr=False
    )
    token_file: Path | None = None
    hosts: tuple[str, ...] = ()
    read_only: bool = False

    @property
    def login_token(self) -> str | None:
        """The token, from the setting or its file; None where neither is set.

        Raises:
            SettingsError: The file cannot be read, others may read it, or it holds no token.
        """
        if self.token is not None or self.token_file is None:
            return self.token
        where = f"The file {self.token_file} of [web] token_file"
        try:
            with self.token_file.open(encoding="utf-8") as file:
                mode = os.fstat(file.fileno()).st_mode
                token = file.read(LONGEST_TOKEN + 10).strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            raise SettingsError(f"{where} cannot be read: {reason}.") from error
        if mode & 0o077:
            raise SettingsError(f"{where} may be read by others; `chmod 600` it.")
        if not SHORTEST_TOKEN <= len(token) <= LONGEST_TOKEN:
            raise SettingsError(
                f"{where} holds no token of {SHORTEST_TOKEN} to {LONGEST_TOKEN} characters; "
                f"{MAKE_ONE}."
            )
        keep_secret(token)
        return token


def web_checks(settings: Settings) -> Sequence[Check]:
    """What `similubot doctor` says of the page; opens no port."""
    table = settings.table(WebSettings)
    try:
        token = table.login_token
    except SettingsError as error:
        return [Check("Web page", False, "the token cannot be used", error.message)]
    if table.hosts and token is None:
        cure = f"Set SIMILUBOT_WEB_TOKEN; {MAKE_ONE}."
        return [Check("Web page", False, "[web] hosts is set, and no token", cure)]
    detail = "a token is set" if token else "no token is set: this machine only"
    return [Check("Web page", True, detail)]
