"""`similubot download`: links in, files out."""

import argparse

from similubot_core.cli import job_options
from similubot_core.cli.run_jobs import JobOptions, run_jobs
from similubot_core.plugins.choice import NO_CONVERSION
from similubot_core.plugins.specs import CommandContext


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `similubot download`."""
    parser.add_argument(
        "sources", nargs="+", metavar="LINK", help="a link, or - for links on stdin, one a line"
    )
    job_options.add_source_options(parser)
    job_options.add_output_options(parser)
    job_options.add_run_options(parser)
    job_options.add_examples(
        parser,
        "similubot download LINK",
        "similubot download LINK LINK -o videos/",
        "similubot download - -o videos/ < links.txt",
        "similubot download LINK --from yt-dlp",
    )


def run(arguments: argparse.Namespace, context: CommandContext) -> int:
    """Run a job without a conversion for each link."""
    output, is_folder = job_options.output_path(arguments.output)
    options = JobOptions(
        output=output,
        output_is_folder=is_folder,
        format=NO_CONVERSION,
        from_=arguments.from_,
        sources="links",
    )
    return run_jobs(arguments, context, options)
