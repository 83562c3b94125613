"""The real Synapse on a free port of this machine, with its default limits."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

PATIENCE = 120.0


class Synapse:
    """One server and an account on it; stopped and started again by a test.

    Args:
        python: The Python of an environment that has it.
        folder: Where its database lies.
    """

    def __init__(self, python: Path, folder: Path) -> None:
        self._python, self._folder = python, folder
        self._config = folder / "homeserver.yaml"
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._run("--generate-config", "--server-name", "localhost", "--report-stats", "no")
        text = self._config.read_text()
        text = text.replace("port: 8008", f"port: {port}").replace("'::1', ", "")
        # The server asks no other one for keys.
        text = re.sub(r"trusted_key_servers:\n(?:  .*\n)*", "trusted_key_servers: []\n", text)
        self._config.write_text(text + "\nsuppress_key_server_warning: true\n")
        found = re.search(r'registration_shared_secret: "?(.+?)"?\n', text)
        assert found is not None
        self._secret = found[1]
        self.token = ""

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._python, "-m", "synapse.app.homeserver", "-c", self._config],
                cwd=self._folder,
                stdout=log,
                stderr=log,
            )
        until = time.monotonic() + PATIENCE
        while True:
            try:
                urllib.request.urlopen(f"{self.url}/health", timeout=5).close()
            except OSError:
                assert time.monotonic() < until, (self._folder / "log").read_text()[-2000:]
                time.sleep(0.2)
            else:
                break
        self.token = self.token or self.add_account("bot")

    def stop(self) -> None:
        """Stop it; what is asked of it then is refused by the machine."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def add_room(self, *, encrypted: bool = False, token: str = "") -> str:
        """The id of a room of an account's."""
        encryption = {
            "type": "m.room.encryption",
            "state_key": "",
            "content": {"algorithm": "m.megolm.v1.aes-sha2"},
        }
        body = {"initial_state": [encryption] if encrypted else []}
        return str(self.ask("POST", "/_matrix/client/v3/createRoom", body, token)["room_id"])

    def messages(self, room: str, token: str = "", by: str = "") -> list[dict[str, object]]:
        """The room's messages as clients show them, oldest first; edits are merged."""
        path = f"/_matrix/client/v3/rooms/{room}/messages?dir=f&limit=1000"
        events = self.ask("GET", path, token=token, by=by)["chunk"]
        assert isinstance(events, list)
        shown: dict[str, dict[str, object]] = {}
        for event in events:
            if event["type"] != "m.room.message" or not event["content"]:
                continue
            relation = event["content"].get("m.relates_to", {})
            edited = shown.get(relation.get("event_id", ""))
            if edited is not None:
                edited["content"] = event["content"]["m.new_content"]
                edited["origin_server_ts"] = event["origin_server_ts"]
            else:
                shown[event["event_id"]] = event
        return list(shown.values())

    def ask(
        self, method: str, path: str, body: object = None, token: str = "", by: str = ""
    ) -> dict[str, object]:
        """One request with an account's token, by the address of a proxy if one is given."""
        data = None if body is None else json.dumps(body).encode()
        headers = {
            "Content-Type": "application/json",
            "Authorization": f"Bearer {token or self.token}",
        }
        request = urllib.request.Request((by or self.url) + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as response:
            answer: dict[str, object] = json.load(response)
        return answer

    def too_soon(self) -> int:
        """How many events it has refused because of its limit, by its own log."""
        return (self._folder / "homeserver.log").read_text().count('B 429 "PUT ')

    def add_account(self, name: str) -> str:
        """The access token of a new account."""
        path = "/_synapse/admin/v1/register"
        nonce = str(self.ask("GET", path)["nonce"])
        said = b"\0".join([nonce.encode(), name.encode(), b"password", b"notadmin"])
        mac = hmac.new(self._secret.encode(), said, hashlib.sha1).hexdigest()
        body = {"nonce": nonce, "username": name, "password": "password", "admin": False}
        return str(self.ask("POST", path, {**body, "mac": mac})["access_token"])

    def _run(self, *arguments: str) -> None:
        subprocess.run(
            [self._python, "-m", "synapse.app.homeserver", "-c", self._config, *arguments],
            cwd=self._folder,
            check=True,
            capture_output=True,
            timeout=PATIENCE,
        )
