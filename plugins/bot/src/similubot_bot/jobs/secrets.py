"""SecretBox: keeps links with keys, and members' own credentials, unreadable in the job list."""

import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from similubot_core import UsageError


class SecretBox:
    """Encrypts and decrypts with a key in a file of its own, which no backup holds.

    Args:
        path: The key's file; made when missing, for its owner only.

    Raises:
        UsageError: It cannot be read or made, or holds no key.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._path = path
            self._key = path.read_bytes().strip() if path.exists() else Fernet.generate_key()
            self._fernet = Fernet(self._key)
            self.save()
        except OSError as error:
            raise UsageError(f"The key file {path} cannot be used: {error.strerror}.") from error
        except ValueError as error:
            raise UsageError(
                f"The key file {path} holds no key; move it away (the links of waiting jobs are "
                "lost with it)."
            ) from error

    def save(self) -> None:
        """Write the key's file, where there is none.

        Raises:
            OSError: It cannot be written.
        """
        if not self._path.exists():
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(self._key)

    def seal(self, text: str) -> str:
        """Encrypt a text; "" stays as it is."""
        return self._fernet.encrypt(text.encode("utf-8", "surrogatepass")).decode() if text else ""

    def open(self, sealed: str) -> str:
        """Decrypt; "" for what was sealed with another key."""
        try:
            return self._fernet.decrypt(sealed).decode("utf-8", "surrogatepass") if sealed else ""
        except InvalidToken:
            return ""
