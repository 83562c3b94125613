"""Take the pictures of the terminal: real commands in a real tmux, its screen drawn as a PNG.

    .venv/bin/python docs/pictures.py

It needs tmux, rsync, and the fonts DejaVu Sans Mono and Noto Color Emoji.
"""

import itertools
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from rich.ansi import AnsiDecoder
from rich.cells import cell_len
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import MONOKAI

IMAGES = Path(__file__).with_name("images")
FONTS = Path("/usr/share/fonts/truetype")
COLUMNS = 100
CELL_WIDTH, CELL_HEIGHT, MARGIN, SIZE = 9, 21, 20, 15
EMOJI_SIZE = 109  # the one size that the colour font has
BACKGROUND, FOREGROUND = (24, 26, 31), (222, 224, 228)
WAIT_SECONDS = 300.0

_servers = itertools.count()


def screens(
    typed: str, expected: tuple[str, ...], folder: Path, columns: int = COLUMNS
) -> list[list[str]]:
    """The lines of a terminal, with their colours, when a command's output has each text."""
    # A server that was killed may still be going when the next one comes.
    tmux = ["tmux", "-L", f"pictures-{folder.name}-{next(_servers)}", "-f", "/dev/null"]

    def run(*arguments: str) -> str:
        ran = subprocess.run([*tmux, *arguments], check=True, capture_output=True, text=True)
        return ran.stdout

    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    shell = f"env PATH={path} PYTHONPATH={folder} PS1='$ ' bash --norc"
    size = ("-x", str(columns), "-y", "24")
    run("new-session", "-d", *size, "-c", str(folder), shell)
    try:
        run("send-keys", "-l", typed)
        run("send-keys", "Enter")
        taken = []
        for text in expected:
            deadline = time.monotonic() + WAIT_SECONDS
            while text not in run("capture-pane", "-p"):
                if time.monotonic() > deadline:
                    raise SystemExit(f"{text!r} never came: {run('capture-pane', '-p')}")
                time.sleep(0.02)
            lines = run("capture-pane", "-epN").rstrip().splitlines()
            taken.append(lines[:-1] if lines[-1].strip() == "$" else lines)
        return taken
    finally:
        run("kill-server")


def draw(lines: list[str]) -> Image.Image:
    """A screen as a picture."""
    width = 2 * MARGIN + COLUMNS * CELL_WIDTH
    image = Image.new("RGB", (width, 2 * MARGIN + len(lines) * CELL_HEIGHT), BACKGROUND)
    canvas = ImageDraw.Draw(image)
    console = Console(width=1000, color_system="truecolor", force_terminal=True)
    fonts = {
        bold: ImageFont.truetype(FONTS / "dejavu" / f"DejaVuSansMono{'-Bold' * bold}.ttf", SIZE)
        for bold in (False, True)
    }
    for row, text in enumerate(AnsiDecoder().decode("\n".join(lines))):
        column = 0
        for segment in text.render(console):
            style = segment.style or Style()
            colour = FOREGROUND
            if style.color is not None and not style.color.is_default:
                red, green, blue = style.color.get_truecolor(MONOKAI)
                colour = (red, green, blue)
            for character in segment.text.rstrip("\n"):
                place = (MARGIN + column * CELL_WIDTH, MARGIN + row * CELL_HEIGHT)
                if cell_len(character) == 2:
                    image.paste(*_emoji(character, place))
                else:
                    canvas.text(place, character, font=fonts[bool(style.bold)], fill=colour)
                column += cell_len(character)
    return image


def _emoji(
    character: str, place: tuple[int, int]
) -> tuple[Image.Image, tuple[int, int], Image.Image]:
    """What `Image.paste` takes to put a coloured character there."""
    font = ImageFont.truetype(FONTS / "noto" / "NotoColorEmoji.ttf", EMOJI_SIZE)
    picture = Image.new("RGBA", (136, 128))
    ImageDraw.Draw(picture).text((0, 0), character, font=font, embedded_color=True)
    picture = picture.resize((18, 17), Image.Resampling.LANCZOS)
    return picture, (place[0], place[1] + 1), picture


def watch(folder: Path) -> list[str]:
    """A bar for a real rsync, its output above."""
    source = folder / "photos"
    source.mkdir()
    for number in range(1, 7):
        (source / f"IMG_{number:04}.raw").write_bytes(bytes(6_000_000))
    typed = "similubot watch -- rsync -a -v --info=progress2 --bwlimit=9M photos/ backup/"
    return screens(typed, ("IMG_0005.raw",), folder)[0]


NESTED = """
import time
from rich.progress import Progress
with Progress() as bars:
    outer, inner = bars.add_task("outer", total=5), bars.add_task("inner", total=20)
    for _ in range(5):
        bars.reset(inner)
        for _ in range(20):
            time.sleep(0.1)
            bars.advance(inner)
        bars.advance(outer)
"""
PULL = """
import time
names = ["a3be5d4ce401", "0f0e6b0d1b2c", "b1c2d3e4f5a6"]
print("latest: Pulling from library/python")
for name in names:
    print(f"{name}: Pulling fs layer", flush=True)
for done in range(60):
    for up, name in zip((3, 2, 1), names):
        row = f"{name}: Downloading [{'=' * (done // 2)}>] {done + 1}MB/61MB"
        print(f"\\x1b[{up}A\\x1b[2K\\r{row}\\r\\x1b[{up}B", end="", flush=True)
    time.sleep(0.2)
"""
ASKS = """
print("Setting up the machine")
name = input("Your name, please, ")
"""


def watch_tools(folder: Path) -> list[str]:
    """Five tools on a terminal of 80 columns, each in the midst of its work."""
    (folder / "docker.py").write_text(PULL)
    (folder / "train.py").write_text(NESTED)
    (folder / "setup.py").write_text(ASKS)
    (folder / "build.ninja").write_text(
        "rule cc\n  command = sleep 0.3 && touch $out\n  description = CC $out\n"
        + "".join(f"build part{number}.o: cc\n" for number in range(30))
    )
    git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@example.invalid"]
    subprocess.run([*git, "init", "-q", "repository"], check=True)
    for number in range(6000):
        (folder / "repository" / f"{number}").write_bytes(os.urandom(6000))
    git[2] = str(folder / "repository")
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-qm", "x"], check=True)
    python = sys.executable
    lines: list[str] = []
    for typed, shown in (
        ("similubot watch -- git clone file://$PWD/repository copy", "Compressing objects"),
        ("similubot watch -- ninja -j2", "40.0%"),
        (f"similubot watch --sink terminal=stages -- {python} train.py", "20.0%"),
        (f"similubot watch --sink terminal=stages -- {python} docker.py", "29.5%"),
        (f"similubot watch -- {python} setup.py", "please,"),
    ):
        (taken,) = screens(typed, (shown,), folder, 80)
        at = max(n for n, line in enumerate(taken) if "similubot watch" in line)
        lines += [*taken[at:], ""]
    return [line.replace(str(folder), "~").replace(python, "python3") for line in lines[:-1]]


def demo(folder: Path) -> list[str]:
    """The main job on servers of this machine, in the midst of its conversion."""
    middle, end = screens("similubot demo", ("Encoding at", "it plays"), folder)
    return [*middle, "", "… and at the end:", "", *end[len(middle) - 2 :]]


def plugins(folder: Path) -> list[str]:
    """The table, with one plugin that breaks."""
    info = folder / "similubot_example-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: similubot-example\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text("[similubot]\nexample = similubot_example\n")
    (folder / "similubot_example.py").write_text("import fancy_http\n")
    return screens("similubot plugins", ("commands:",), folder)[0]


def main() -> None:
    """Take all pictures."""
    for take in (demo, watch, watch_tools, plugins):
        with tempfile.TemporaryDirectory() as folder:
            draw(take(Path(folder))).save(IMAGES / f"{take.__name__}.png", optimize=True)


if __name__ == "__main__":
    main()
