"""What a stage returned, looked at before anything is done with it: stages are other people's."""

from __future__ import annotations

import inspect
import unicodedata
from pathlib import Path

from similubot_core import render
from similubot_core.errors import StageError
from similubot_core.origin import origin

LONGEST_LINK = 8192


def describe_stage(kind: str, stage: object) -> str:
    """For people: "uploader ShelfUploader of similubot-shelf 1.2"."""
    return f"{kind} {type(stage).__qualname__.rpartition('.')[2]} of {origin(stage)}"


def checked_file(kind: str, stage: object, file: object, folder: Path) -> Path:
    """The file that a stage made, if it is one, in the folder that the stage was given.

    Anything else may be somebody's, and would be moved and removed with the job's folder.

    Raises:
        StageError: It is none; names the stage and its distribution.
    """
    _refuse_coroutine(kind, stage, file)
    try:
        real = Path(file).resolve(strict=True)  # type: ignore[arg-type]
        if real.is_file() and real.is_relative_to(folder.resolve()):
            return real
    except (OSError, TypeError, ValueError):
        pass
    raise StageError(
        f"The {kind} ended without a file in the job's folder; report it to its authors "
        f"({describe_stage(kind, stage)})."
    )


def checked_size(stage: object, file: Path, max_size: int | None) -> int:
    """The size of what a converter made, if it keeps to what was asked for.

    Raises:
        StageError: It is larger than `max_size`, or empty; names the converter.
    """
    size = file.stat().st_size
    if max_size is not None and size > max_size:
        raise StageError(
            f"The result has {render.size(size)}, more than the {render.size(max_size)} that were "
            f"asked for: the {describe_stage('converter', stage)} does not keep to a size. Choose "
            "another format, or leave the limit out."
        )
    return size


def checked_link(stage: object, link: object) -> str:
    """What an uploader returned, if it is one line of text.

    Raises:
        StageError: It is not; names the uploader.
    """
    _refuse_coroutine("uploader", stage, link)
    if isinstance(link, str) and 0 < len(link.strip()) <= LONGEST_LINK:
        if not any(unicodedata.category(c) in {"Cc", "Zl", "Zp", "Cs"} for c in link.strip()):
            return link.strip()
        returned = "a text of several lines or with control characters"
    else:
        returned = "an empty text" if isinstance(link, str) else type(link).__name__
    raise StageError(
        f"The uploader returned no link but {returned}, so whether the file has arrived is "
        f"unknown; report it to its authors ({describe_stage('uploader', stage)})."
    )


def missing_module(kind: str, stage: object, error: ImportError) -> StageError:
    """The sentence for a stage that could not import what it needs."""
    who = describe_stage(kind, stage)
    module = render.sanitize_line(error.name or str(error), 80)
    return StageError(
        f"The {who} could not start: there is no module {module!r}. Install it, or the plugin "
        "again (pip install --force-reinstall)."
    )


def unexplained(kind: str, stage: object, error: Exception) -> StageError:
    """The sentence for a stage that raised what no stage should."""
    return StageError(
        f"The {describe_stage(kind, stage)} stopped on an error that it does not explain "
        f"({type(error).__name__}); update it, or report it to its authors (--debug shows where).",
        detail=repr(error),
    )


def _refuse_coroutine(kind: str, stage: object, returned: object) -> None:
    if inspect.isawaitable(returned):
        if inspect.iscoroutine(returned):
            returned.close()
        raise StageError(
            f"The {kind} did nothing: its run is a coroutine function, and stages are plain "
            f"functions in a thread; report it to its authors ({describe_stage(kind, stage)})."
        )
