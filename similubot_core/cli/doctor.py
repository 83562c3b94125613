"""`similubot doctor`: what this machine has and lacks for each plugin, and what to do about it."""

import argparse
import platform

from similubot_core.errors import SimilubotError, StageError
from similubot_core.plugins.choice import CoreSettings, undecided
from similubot_core.plugins.specs import (
    Check,
    CommandContext,
    ConverterSpec,
    DownloaderSpec,
    TrackerSpec,
)
from similubot_core.render import sanitize_line
from similubot_core.settings import Settings


def configure(parser: argparse.ArgumentParser) -> None:
    """`similubot doctor` takes no arguments."""


def run(arguments: argparse.Namespace, context: CommandContext) -> int:
    """Print the checks of the core and of every plugin; 1 when one of them fails."""
    checks = [Check("Python", True, f"{platform.python_version()} ({platform.system()})")]
    for record in context.plugins.records:
        if record.status not in ("ok", "disabled"):
            checks.append(Check(f"plugin {record.name}", False, record.status, record.reason))
    try:
        for warning in context.settings.unknown_tables(context.plugins.schemas()):
            checks.append(Check("settings", False, warning, "Correct the name, or remove it."))
        for schema in context.plugins.schemas():
            context.settings.table(schema)
    except SimilubotError as error:
        checks.append(Check("settings", False, error.message, "Correct the settings."))
    else:
        checks += plugin_checks(context)
    for check in checks:
        print(f"{'ok  ' if check.ok else 'LACK'}  {check.name}: {sanitize_line(check.detail, 300)}")  # noqa: T201
        if check.cure and not check.ok:
            print(f"      {sanitize_line(check.cure, 300)}")  # noqa: T201
    return 0 if all(check.ok for check in checks) else 1


def choice_checks(context: CommandContext) -> list[Check]:
    """What nothing decides among the installed stages, and what ``[core] prefer`` names in vain."""
    prefer = context.settings.table(CoreSettings).prefer
    checks = []
    for sentence in undecided(context.plugins, prefer):
        what, _, cure = sentence.partition(" Choose one ")
        checks.append(Check("choice", False, what, cure and f"Choose one {cure}"))
    stages = {
        spec.name for kind in (DownloaderSpec, ConverterSpec) for spec in context.plugins.all(kind)
    }
    for name in prefer:
        if name not in stages:
            detail = f"[core] prefer names {name!r}, and no downloader or converter is called so"
            checks.append(Check("choice", False, detail, "Correct the name, or remove it."))
    return checks


def plugin_checks(context: CommandContext) -> list[Check]:
    """What nothing decides among the stages, and what the descriptors' check functions say; one
    that several share is asked once."""
    functions = dict.fromkeys(
        (spec.check, spec.name)
        for spec in context.plugins.specs
        if not isinstance(spec, TrackerSpec) and spec.check is not None
    )
    checks = choice_checks(context)
    asked = set()
    for function, name in functions:
        if function in asked or function is None:
            continue
        asked.add(function)
        try:
            checks += function(context.settings)
        except Exception as error:  # noqa: BLE001  (a stranger's check must not hide the others)
            detail = f"its check raised {type(error).__name__}"
            checks.append(Check(name, False, detail, "Report it to the plugin's authors."))
    return checks


def check_sandbox(settings: Settings) -> list[Check]:
    """What is in force here, as `doctor` says it, found by trying."""
    from similubot_core.process import mechanism
    from similubot_core.process.proof import what_gets_out

    mode = settings.table(CoreSettings).sandbox
    found = mechanism() if mode != "off" else None
    if mode == "require" and found is None:
        return [Check(
            "Sandbox", False, "required, and this machine has neither bubblewrap nor Landlock",
            'Install bubblewrap, or set [core] sandbox = "auto".',
        )]  # fmt: skip
    if found is None:
        why = '[core] sandbox is "off"' if mode == "off" else "no bubblewrap and no Landlock here"
        return [Check("Sandbox", True, f"none ({why}): programs run within limits alone")]
    try:
        out = what_gets_out()
    except StageError as error:
        return [Check("Sandbox", False, f"{found}: {error.message}", 'Set [core] sandbox = "off".')]
    if out:
        return [Check(
            "Sandbox", False, f"{found}, but a program in it can {', '.join(out)}",
            "Update bubblewrap or the kernel, and report it.",
        )]  # fmt: skip
    return [
        Check("Sandbox", True, f"{found}: tried, and a program in it reaches only its own files")
    ]
