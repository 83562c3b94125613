"""What `similubot doctor` says about MEGA."""

from similubot_core.plugins.specs import Check
from similubot_core.settings import Settings
from similubot_mega.megacmd import PROGRAM, find_program
from similubot_mega.settings import OFFICIAL_API, MegaSettings


def check(settings: Settings) -> list[Check]:
    """Tell which backend downloads will take, without asking the network."""
    table = settings.table(MegaSettings)
    program = find_program()
    if table.backend == "embedded":
        detail = "not looked for; backend is embedded"
    elif program:
        detail = f"{PROGRAM} is {program}"
    else:
        detail = f"{PROGRAM} is not installed"
        if table.backend == "auto":
            detail += "; the embedded client is used, which needs nothing"
    megacmd_is_missing = table.backend == "megacmd" and program is None
    checks = [
        Check(
            "MEGAcmd",
            not megacmd_is_missing,
            detail,
            'Install MEGAcmd from mega.io, or set backend = "auto".' if megacmd_is_missing else "",
        )
    ]
    if table.api_url != OFFICIAL_API:
        checks.append(Check("MEGA's API", True, f"api_url is {table.api_url}"))
    return checks
