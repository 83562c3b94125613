"""Environments with the core and any number of generated plugins, and nothing else."""

import compileall
import shutil
import sys
import sysconfig
import venv
from collections.abc import Sequence
from importlib.metadata import distribution
from pathlib import Path

from similubot_core.cli.new_plugin import USAGES, write_plugin

NEEDED = ("similubot-core", "pluggy", "platformdirs", "msgspec", "click")
"""What is copied from this environment: the core with what it needs, and the peer."""


def make_environment(folder: Path, plugins: int, also: Sequence[str] = ()) -> Path:
    """Make an environment with so many plugins; returns its folder of programs.

    What the distributions `also` need is not copied: enough for commands that only list plugins.

    The plugins are what `similubot new-plugin` writes, of all kinds by turns, installed as pip
    installs them: a package, and beside it a ``.dist-info`` folder.
    """
    venv.create(folder, symlinks=True)
    variables = {"base": str(folder), "platbase": str(folder)}
    site = Path(sysconfig.get_path("purelib", "venv", vars=variables))
    for name in (*NEEDED, *also):
        for file in distribution(name).files or ():
            source = Path(str(file.locate()))
            if ".." in file.parts or source.suffix == ".pyc":
                continue  # its command is written below
            (site / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, site / file)
    kinds = sorted(USAGES)
    for number in range(plugins):
        _install(site, f"bench-{number}", kinds[number % len(kinds)])
    compileall.compile_dir(site, quiet=2)  # as pip does
    python = folder / "bin" / "python"
    command = Path(sys.executable).with_name("similubot").read_text().partition("\n")[2]
    (folder / "bin" / "similubot").write_text(f"#!{python}\n{command}")
    (folder / "bin" / "similubot").chmod(0o755)
    return python.parent


def _install(site: Path, name: str, kind: str) -> None:
    written = write_plugin(site, name, kind)
    module = name.replace("-", "_")
    (written / "src" / f"similubot_{module}").rename(site / f"similubot_{module}")
    shutil.rmtree(written)
    info = site / f"similubot_{module}-0.1.0.dist-info"
    info.mkdir()
    metadata = f"Metadata-Version: 2.4\nName: similubot-{name}\nVersion: 0.1.0\n"
    (info / "METADATA").write_text(f"{metadata}Summary: A plugin of the bench\n")
    (info / "entry_points.txt").write_text(f"[similubot]\n{module} = similubot_{module}\n")
