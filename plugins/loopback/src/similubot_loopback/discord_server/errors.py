"""The errors that the loopback Discord answers with: status, code and words as Discord's."""

from __future__ import annotations

import math
from typing import Any

MESSAGES: dict[int, tuple[int, str]] = {
    0: (404, "404: Not Found"),
    10003: (404, "Unknown Channel"),
    10004: (404, "Unknown Guild"),
    10008: (404, "Unknown Message"),
    10013: (404, "Unknown User"),
    10015: (404, "Unknown Webhook"),
    10062: (404, "Unknown interaction"),
    10063: (404, "Unknown application command"),
    40005: (413, "Request entity too large"),
    40060: (400, "Interaction has already been acknowledged."),
    50001: (403, "Missing Access"),
    50005: (403, "Cannot edit a message authored by another user"),
    50006: (400, "Cannot send an empty message"),
    50007: (403, "Cannot send messages to this user"),
    50013: (403, "Missing Permissions"),
    50027: (401, "Invalid Webhook Token"),
    50035: (400, "Invalid Form Body"),
    30046: (
        429,
        "Maximum number of edits to messages older than 1 hour reached. Try again later.",
    ),
}
"""HTTP status and message for each JSON error code this server knows (Discord's API docs, v10)."""


class ApiError(Exception):
    """An answer that is an error; raised anywhere below a route and turned into the response.

    `retry_after` is in seconds and only for 429; `via` False leaves out the Via header, which
    discord.py takes for a ban by Cloudflare.
    """

    def __init__(
        self,
        status: int,
        code: int = 0,
        message: str = "",
        *,
        errors: dict[str, Any] | None = None,
        retry_after: float | None = None,
        scope: str = "user",
        via: bool = True,
    ) -> None:
        super().__init__(f"{status} {code} {message}")
        self.status = status
        self.code = code
        self.message = message
        self.errors = errors
        self.retry_after = retry_after
        self.scope = scope
        self.via = via
        self.bucket_headers: dict[str, str] = {}

    def body(self) -> dict[str, Any]:
        """The JSON body Discord would send."""
        body: dict[str, Any] = {"message": self.message, "code": self.code}
        if self.errors is not None:
            body["errors"] = self.errors
        if self.status == 429:
            body["global"] = self.scope == "global"
            if self.retry_after is not None:
                body["retry_after"] = self.retry_after
        return body

    def headers(self) -> dict[str, str]:
        """The headers that go with it; only a 429 has any."""
        if self.status != 429:
            return {}
        headers = {**self.bucket_headers, "X-RateLimit-Scope": self.scope}
        if self.retry_after is not None:
            headers["Retry-After"] = str(math.ceil(self.retry_after))
        if self.scope == "global":
            headers["X-RateLimit-Global"] = "true"
        if self.via:
            headers["Via"] = "1.1 loopback"
        return headers


def api_error(code: int, *, errors: dict[str, Any] | None = None) -> ApiError:
    """The error with Discord's status and words for `code`, one of MESSAGES."""
    status, message = MESSAGES[code]
    return ApiError(
        status, code, message, errors=errors, retry_after=5.0 if status == 429 else None
    )
