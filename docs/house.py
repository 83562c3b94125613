"""Draws the house: who imports whom, read from the imports each time the guide is built.

mkdocs runs it as a hook, so that the drawing in architecture.md cannot go stale; by itself
(`python docs/house.py`) it prints the SVG.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
CORE = "similubot_core"
FILES = "single modules"
"""The room of the core's modules that lie in no package."""
CORE_ROOMS = ["cli", "plugins", "live", "jobs", "process", FILES, "progress"]
"""From the top down; tests/core/test_imports.py holds the modules to that order."""

WIDTH, LINE, PADDING, GAP_X, GAP_Y, CHARACTER = 1180, 17, 12, 22, 46, 7.2
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #222 }
.name { font-weight: 600 } .small { fill: #555 }
rect { fill: #fff; stroke: #667; rx: 6 } .core rect { fill: #eef2fd; stroke: #3f51b5 }
path { fill: none; stroke: #99a; stroke-width: 1.1 }
"""


@dataclass
class Room:
    """A package of the core, or a distribution.

    Attributes:
        name: As it stands in the drawing.
        modules: Its modules, by name.
        imports: The rooms that it imports from.
    """

    name: str
    modules: list[str] = field(default_factory=list)
    imports: set[str] = field(default_factory=set)


def room_of(module: str) -> str | None:
    """The room of a dotted module name; None when it is none of ours."""
    package, _, rest = module.partition(".")
    if package == CORE:
        first, _, deeper = rest.partition(".")
        return f"core: {first if is_package(first) else FILES}" if deeper or first else None
    return package if package.startswith("similubot_") else None


def is_package(name: str) -> bool:
    """Whether it is a folder of the core."""
    return (ROOT / CORE / name).is_dir()


def imported(tree: ast.AST) -> Iterator[str]:
    """The modules that a file imports; what is for type checkers alone is left out."""
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def read_house() -> dict[str, Room]:
    """Every room, by name."""
    house: dict[str, Room] = {}
    sources = [(ROOT, path) for path in sorted((ROOT / CORE).rglob("*.py"))]
    for src in sorted(ROOT.glob("plugins/*/src")):
        sources += [(src, path) for path in sorted(src.rglob("*.py"))]
    for base, path in sources:
        parts = path.relative_to(base).with_suffix("").parts
        if "templates" in parts or parts[-1] == "__main__":
            continue
        name = room_of(".".join(parts if parts[-1] != "__init__" else parts[:-1]))
        if name is None or (name == f"core: {FILES}" and parts[-1] == "__init__"):
            continue
        room = house.setdefault(name, Room(name))
        if parts[-1] != "__init__":
            room.modules.append(parts[-1])
        elif parts[0] == CORE or len(parts) == 2:
            continue  # public names, imported when they are first used
        tree = ast.parse(path.read_text(encoding="utf-8"))
        room.imports |= {found for module in imported(tree) if (found := room_of(module))}
    for room in house.values():
        room.imports &= house.keys() - {room.name}
        if not room.name.startswith("core"):  # every distribution stands on the core
            room.imports = {name for name in room.imports if not name.startswith("core")}
    return house


def layers(house: dict[str, Room]) -> list[list[Room]]:
    """The rooms from the top down: each above all that it imports."""
    height: dict[str, int] = {}

    def measure(name: str, above: frozenset[str]) -> int:
        if name not in height:
            below = house[name].imports - above
            height[name] = 1 + max((measure(n, above | {name}) for n in below), default=-1)
        return height[name]

    for name in sorted(house):
        measure(name, frozenset({name}))
    rows: dict[int, list[Room]] = {}
    for name, level in sorted(height.items()):
        rows.setdefault(level, []).append(house[name])
    return [rows[level] for level in sorted(rows, reverse=True)]


def _lines(room: Room, width: float) -> list[str]:
    """The modules' names, wrapped into a box of that width."""
    lines, line = [], ""
    for name in sorted(room.modules):
        longer = f"{line} · {name}" if line else name
        if line and len(longer) * CHARACTER > width - 2 * PADDING:
            lines.append(line)
            line = name
        else:
            line = longer
    return [*lines, line]


def draw(house: dict[str, Room]) -> str:
    """The SVG: the distributions, then the core; a line from each box to what it imports."""
    boxes: dict[str, tuple[float, float, float, float]] = {}
    drawn: list[str] = []
    y: float = 10
    plugins = {name: room for name, room in house.items() if not name.startswith("core")}
    core = [[house[f"core: {name}"]] for name in CORE_ROOMS]
    for row in (part for layer in [*layers(plugins), *core] for part in _rows(layer)):
        width = min(360.0, (WIDTH - GAP_X * (len(row) + 1)) / len(row))
        texts = [_lines(room, width) for room in row]
        height: float = max(len(lines) for lines in texts) * LINE + LINE + 2 * PADDING
        left = (WIDTH - len(row) * width - (len(row) - 1) * GAP_X) / 2
        for number, (room, lines) in enumerate(zip(row, texts, strict=True)):
            x = left + number * (width + GAP_X)
            boxes[room.name] = (x, y, width, height)
            kind = "core" if room.name.startswith("core") else "plugin"
            drawn.append(
                f'<g class="{kind}"><rect x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" '
                f'height="{height:.0f}"/><text class="name" x="{x + PADDING:.0f}" '
                f'y="{y + PADDING + 11:.0f}">{escape(room.name)}</text>'
            )
            drawn += [
                f'<text class="small" x="{x + PADDING:.0f}" '
                f'y="{y + PADDING + 11 + LINE * (n + 1):.0f}">{escape(line)}</text>'
                for n, line in enumerate(lines)
            ]
            drawn.append("</g>")
        y += height + GAP_Y
    paths = []
    for room in house.values():
        x, top, width, height = boxes[room.name]
        for other in sorted(room.imports):
            ox, otop, owidth, _ = boxes[other]
            if otop < top:
                continue  # small things that all of the core uses, such as errors
            start, end = x + width / 2, ox + owidth / 2
            paths.append(
                f'<path d="M{start:.0f} {top + height:.0f}C{start:.0f} {top + height + 30:.0f} '
                f'{end:.0f} {otop - 30:.0f} {end:.0f} {otop:.0f}"/>'
            )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y:.0f}" role="img" '
        'aria-label="Who imports whom"><rect width="100%" height="100%" style="stroke:none"/>'
        f"<style>{STYLE}</style>{''.join(paths)}{''.join(drawn)}</svg>"
    )


def _rows(layer: list[Room]) -> Iterator[list[Room]]:
    """A layer in rows of five at most."""
    for start in range(0, len(layer), 5):
        yield layer[start : start + 5]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the drawing to the guide (mkdocs calls this)."""
    files.append(File.generated(config, "images/house.svg", content=draw(read_house())))
    return files


if __name__ == "__main__":
    sys.stdout.write(draw(read_house()))
