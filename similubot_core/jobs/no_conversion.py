"""The core's own converter: the file goes on as it came."""

import os
import shutil
from pathlib import Path

from similubot_core.errors import StageError
from similubot_core.files import write_error
from similubot_core.jobs.stages import ConversionRequest, StageContext
from similubot_core.render import sanitize_line, size
from similubot_core.settings import Settings


class NoConversion:
    """Passes a file on: a link to it where the file system has links, else a copy."""

    def run(self, file: Path, request: ConversionRequest, context: StageContext) -> Path:
        """Give `file` a second name in ``context.folder`` and return that.

        Raises:
            StageError: It is larger than `request.max_size`, or cannot be read or written.
        """
        result = context.folder / file.name
        try:
            bytes_ = file.stat().st_size
            if request.max_size is not None and bytes_ > request.max_size:
                raise StageError(
                    f"{sanitize_line(file.name)} has {size(bytes_)}, more than the "
                    f"{size(request.max_size)} that fit; choose a format with --format."
                )
            # Only what the job made itself is linked: the user's own file must not change with
            # the result, nor the result with it.
            if file.resolve().is_relative_to(context.folder.parent.resolve()):
                try:
                    os.link(file, result)
                except OSError:
                    shutil.copyfile(file, result)
            else:
                shutil.copyfile(file, result)
        except OSError as error:
            raise write_error(context.folder, error) from error
        return result


def open_no_conversion(settings: Settings) -> NoConversion:
    """The converter behind ``--format none``."""
    return NoConversion()
