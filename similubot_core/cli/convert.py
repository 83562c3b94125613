"""`similubot convert`: links and files in, links and files out, in another format."""

import argparse

from similubot_core.cli import job_options
from similubot_core.cli.run_jobs import JobOptions, run_jobs
from similubot_core.plugins.choice import ConvertSettings
from similubot_core.plugins.specs import CommandContext


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `similubot convert`."""
    parser.add_argument(
        "sources", nargs="+", metavar="SOURCE", help="a link, a file, a folder, or - for stdin"
    )
    job_options.add_source_options(parser)
    parser.add_argument(
        "--format", metavar="NAME", help="e.g. mp3; none keeps the file as it came (default: m4a)"
    )
    parser.add_argument(
        "--bitrate", type=job_options.bitrate, metavar="KBPS", help="kilobits per second, e.g. 128"
    )
    parser.add_argument(
        "--fit",
        type=job_options.size,
        metavar="SIZE",
        help="the highest bitrate whose result fits, e.g. 25MB (1 MB is 1,048,576 bytes)",
    )
    parser.add_argument("--track", metavar="N|LANGUAGE", help="the audio track, e.g. 2 or eng")
    parser.add_argument(
        "--clip", type=job_options.clip, metavar="FROM-TO", help="a part, e.g. 1:10-2:30"
    )
    parser.add_argument(
        "--keep-damaged", action="store_true", help="keep what can be read of a damaged source"
    )
    parser.add_argument(
        "--to", metavar="NAME[=TARGET]", help="upload the result, e.g. catbox, or folder=DIR"
    )
    job_options.add_output_options(parser)
    job_options.add_run_options(parser)
    job_options.add_examples(
        parser,
        "similubot convert clip.mp4                      # clip.m4a",
        "similubot convert clip.mp4 -o song.mp3 --clip 1:10-2:30",
        "similubot convert talks/ -o audio/ --format opus --skip-existing",
        "similubot convert LINK --fit 25MB --to catbox   # prints the link",
    )


def run(arguments: argparse.Namespace, context: CommandContext) -> int:
    """Run a job for each source; what is not typed comes from the table [convert]."""
    defaults = context.settings.table(ConvertSettings)
    to = arguments.to
    if to is None and arguments.output is None:
        to = defaults.to
    output, is_folder = job_options.output_path(arguments.output)
    options = JobOptions(
        to=to,
        output=output,
        output_is_folder=is_folder,
        format=arguments.format,
        bitrate=arguments.bitrate,
        default_bitrate=defaults.bitrate,
        fit=arguments.fit,
        track=arguments.track,
        clip=arguments.clip,
        keep_damaged=arguments.keep_damaged,
        from_=arguments.from_,
    )
    return run_jobs(arguments, context, options, default_sinks=defaults.sink)
