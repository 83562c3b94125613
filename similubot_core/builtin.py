"""What the core brings itself, registered through the same hooks as any plugin's."""

from similubot_core.commands import convert, doctor, list_plugins, watch
from similubot_core.descriptors import CommandSpec, SinkSpec, StageSpec, UploaderSpec
from similubot_core.folder_uploader import open_folder_uploader
from similubot_core.hookspecs import hookimpl
from similubot_core.sinks import open_json_sink, open_lines_sink


@hookimpl
def similubot_sinks() -> list[SinkSpec]:
    """Plain lines and JSON lines."""
    return [
        SinkSpec("lines", "plain lines on stderr (or =stdout)", open_lines_sink),
        SinkSpec("json", "JSON lines on stdout (or =stderr)", open_json_sink),
    ]


@hookimpl
def similubot_stages() -> list[StageSpec]:
    """The uploader into a folder, for people who serve files themselves."""
    return [UploaderSpec("folder", "a copy in a folder: folder=DIR", open_folder_uploader)]


@hookimpl
def similubot_commands() -> list[CommandSpec]:
    """The core's commands."""
    return [
        CommandSpec(
            "convert", "a link or a file in, a link or a file out", convert.configure, convert.run
        ),
        CommandSpec("watch", "show the progress of any command", watch.configure, watch.run),
        CommandSpec(
            "plugins",
            "what is installed, and whether it works",
            list_plugins.configure,
            list_plugins.run,
        ),
        CommandSpec("doctor", "what this machine has and lacks", doctor.configure, doctor.run),
    ]
