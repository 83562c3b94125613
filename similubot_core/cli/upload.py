"""`similubot upload`: files in, links out."""

import argparse

from similubot_core.cli import job_options
from similubot_core.cli.run_jobs import JobOptions, run_jobs
from similubot_core.errors import UsageError
from similubot_core.plugins.choice import NO_CONVERSION, ConvertSettings
from similubot_core.plugins.specs import CommandContext, UploaderSpec


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `similubot upload`."""
    parser.add_argument(
        "sources", nargs="+", metavar="FILE", help="a file, a folder, or - for stdin"
    )
    parser.add_argument(
        "--to", metavar="NAME[=TARGET]", help="where to, e.g. catbox, or webdav=URL"
    )
    job_options.add_run_options(parser)
    job_options.add_examples(
        parser,
        "similubot upload song.mp3 --to catbox           # prints the link",
        "similubot upload songs/ --to webdav=https://cloud.example/dav/music/",
    )


def run(arguments: argparse.Namespace, context: CommandContext) -> int:
    """Run a job without a conversion for each file."""
    to = arguments.to or context.settings.table(ConvertSettings).to
    if to is None:
        names = ", ".join(spec.name for spec in context.plugins.all(UploaderSpec))
        raise UsageError(f"Say where to upload with --to NAME. Installed: {names}.")
    options = JobOptions(to=to, format=NO_CONVERSION, sources="files")
    return run_jobs(arguments, context, options)
