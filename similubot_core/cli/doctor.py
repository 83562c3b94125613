"""`similubot doctor`: what this machine has and lacks for each plugin, and what to do about it."""

import argparse
import platform
import threading

from similubot_core.errors import SimilubotError, StageError
from similubot_core.origin import origin
from similubot_core.plugins.choice import CoreSettings, undecided
from similubot_core.plugins.specs import (
    Check,
    CheckFunction,
    CommandContext,
    ConverterSpec,
    DownloaderSpec,
    TrackerSpec,
)
from similubot_core.render import sanitize_line
from similubot_core.settings import Settings

CHECK_SECONDS = 60.0
"""How long a plugin's check may take."""


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
        found = "ok  " if check.ok else "LACK"
        detail = sanitize_line(check.detail, 300)
        print(f"{found}  {sanitize_line(check.name, 60)}: {detail}")  # noqa: T201
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
        checks += _asked(name, function, context.settings)
    return checks


def _asked(name: str, function: CheckFunction, settings: Settings) -> list[Check]:
    """What a check says, if it says it in time and in the right words; it must hide no other."""
    found: list[object] = []
    failures: list[BaseException] = []

    def ask() -> None:
        try:
            found.extend(function(settings))
        except BaseException as error:  # noqa: BLE001  (told below)
            failures.append(error)

    thread = threading.Thread(target=ask, name="similubot-check", daemon=True)
    thread.start()
    thread.join(CHECK_SECONDS)
    right = [check for check in found if isinstance(check, Check) and _is_right(check)]
    if thread.is_alive():
        wrong = f"has not answered after {CHECK_SECONDS:g} s"
    elif failures:
        wrong = f"raised {type(failures[0]).__name__}"  # its text may hold a secret
    elif len(right) < len(found):
        wrong = "returned something else than a list of Check with texts"
    else:
        return right
    cure = f"Update it, or report it to its authors ({origin(function)})."
    return [*right, Check(name, False, f"its check {wrong}", cure)]


def _is_right(check: Check) -> bool:
    texts: tuple[object, ...] = (check.name, check.detail, check.cure)
    return all(isinstance(text, str) for text in texts) and isinstance(check.ok, bool)


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
