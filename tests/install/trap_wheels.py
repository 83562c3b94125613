"""Wheels of plugins that are broken, each in its own way: one for each trap."""

import zipfile
from pathlib import Path

HOOK = "from similubot_core import SinkSpec, hookimpl\n"

TRAPS = {
    "missing-module": ("import no_such_module\n", "needs the module no_such_module"),
    "raises": ("raise ValueError('on import')\n", "ValueError: on import"),
    "exits": ("raise SystemExit(3)\n", "SystemExit"),
    "arguments": (
        HOOK + "@hookimpl\ndef similubot_sinks(config): return []\n",
        "take no arguments",
    ),
    "misspelt": (
        HOOK + "@hookimpl\ndef similubot_sink(): return []\n",
        "There is no hook similubot_sink",
    ),
    "other-project": (
        "import pluggy\n@pluggy.HookimplMarker('similibot')\ndef similubot_sinks(): return []\n",
        "implements no hook",
    ),
    "class": (
        HOOK + "class Plugin:\n    @hookimpl\n    def similubot_sinks(self): return []\n",
        "names a class",
    ),
    "hook-raises": (
        HOOK + "@hookimpl\ndef similubot_sinks(): return 1 / 0\n",
        "ZeroDivisionError",
    ),
    "async": (
        HOOK + "@hookimpl\nasync def similubot_sinks(): return []\n",
        "`async def`",
    ),
    "returns-nothing": (
        HOOK + "@hookimpl\ndef similubot_sinks(): pass\n",
        "returned NoneType",
    ),
    "returns-other": (
        HOOK + "@hookimpl\ndef similubot_trackers(): return [SinkSpec('s', 's', print)]\n",
        "returned a SinkSpec",
    ),
    "bad-name": (
        HOOK + "@hookimpl\ndef similubot_sinks(): return [SinkSpec('A b', 's', print)]\n",
        "has the name 'A b'",
    ),
    "no-attribute": ("x = 1\n", "has no attribute"),
}
"""Each trap's name: its module, and what its cause must be told with."""

NEWER = HOOK + "@hookimpl\ndef similubot_sinks(): return []\n"
TWIN = HOOK + "@hookimpl\ndef similubot_sinks(): return [SinkSpec('twin', 's', print)]\n"
CHATTY = "print('hello from an import')\n" + HOOK + "@hookimpl\ndef similubot_sinks(): return []\n"


def write_traps(folder: Path) -> list[Path]:
    """Write the wheels into `folder`."""
    values = {"class": ":Plugin", "no-attribute": ":plugin"}
    wheels = [
        write_wheel(folder, f"trap-{name}", source, name, values.get(name, ""))
        for name, (source, _) in TRAPS.items()
    ]
    return [
        *wheels,
        write_wheel(folder, "trap-newer", NEWER, "newer", requires="similubot-core>=99"),
        write_wheel(folder, "trap-twin-one", TWIN, "twin-one"),
        write_wheel(folder, "trap-twin-two", TWIN, "twin-two"),
        write_wheel(folder, "trap-same-one", TWIN, "same"),
        write_wheel(folder, "trap-same-two", TWIN, "same"),
        write_wheel(folder, "chatty", CHATTY, "chatty"),
    ]


def write_wheel(
    folder: Path,
    distribution: str,
    source: str,
    entry_point: str,
    attribute: str = "",
    *,
    requires: str = "similubot-core",
) -> Path:
    """Write a wheel of one module, registered under a name in the group `similubot`."""
    module = distribution.replace("-", "_")
    info = f"{module}-1.2.3.dist-info"
    files = {
        f"{module}.py": source,
        f"{info}/METADATA": (
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2.3\n"
            f"Requires-Dist: {requires}\n"
        ),
        f"{info}/WHEEL": (
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        ),
        f"{info}/entry_points.txt": f"[similubot]\n{entry_point} = {module}{attribute}\n",
    }
    record = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    path = folder / f"{module}-1.2.3-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, content in {**files, f"{info}/RECORD": record}.items():
            wheel.writestr(name, content)
    return path
