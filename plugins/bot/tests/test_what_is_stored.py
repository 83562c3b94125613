"""The page of what is stored names every table and column, and no other."""

import re
from pathlib import Path

from similubot_bot.jobs.store import Store

PAGE = Path(__file__).parents[3] / "docs/what-the-bot-stores.md"


def documented() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    table = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if not line.startswith("|") or line.startswith(("|---", "| table")):
            continue
        first, columns = line.split("|")[1:3]
        table = first.strip(" `") or table
        found.setdefault(table, set()).update(re.findall(r"`(\w+)`", columns))
    return found


def test_the_page_is_true(tmp_path: Path) -> None:
    store = Store(tmp_path / "jobs.db")
    tables = store.db.select(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    )
    there = {
        str(name): {str(row[1]) for row in store.db.select(f"PRAGMA table_info({name})")}
        for (name,) in tables
    }
    store.close()
    assert documented() == there
