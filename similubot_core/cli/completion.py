"""`similubot completion`: what a shell needs to complete commands, options and names."""

import argparse
from collections.abc import Iterable

from similubot_core.plugins.choice import all_formats
from similubot_core.plugins.specs import (
    CommandContext,
    CommandSpec,
    DownloaderSpec,
    SinkSpec,
    TrackerSpec,
    UploaderSpec,
)

_BASH = """\
_similubot() {
  local IFS=$'\\n'
  COMPREPLY=($(similubot completion words -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
  [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o filenames -F _similubot similubot
"""
_ZSH = """\
#compdef similubot
_similubot() {
  local -a found
  found=("${(@f)$(similubot completion words -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "${found[1]}" ]]; then compadd -a found; else _files; fi
}
compdef _similubot similubot
"""
_FISH = """\
function __similubot_complete
    set -l typed (commandline -opc) (commandline -ct)
    similubot completion words -- $typed[2..-1] 2>/dev/null
end
complete -c similubot -a '(__similubot_complete)'
"""
SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `similubot completion`."""
    parser.add_argument("shell", choices=[*SCRIPTS, "words"], help="the shell to write it for")
    parser.add_argument("typed", nargs="*", help=argparse.SUPPRESS)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = (
        "examples:\n"
        '  eval "$(similubot completion bash)"              # in ~/.bashrc\n'
        '  eval "$(similubot completion zsh)"               # in ~/.zshrc, after compinit\n'
        "  similubot completion fish | source               # in ~/.config/fish/config.fish"
    )


def run(arguments: argparse.Namespace, context: CommandContext) -> int:
    """Print a shell's script, or (for that script) the words that can stand next."""
    if arguments.shell in SCRIPTS:
        print(SCRIPTS[arguments.shell], end="")  # noqa: T201
        return 0
    for word in sorted(set(next_words(arguments.typed, context))):
        print(word)  # noqa: T201
    return 0


def next_words(typed: list[str], context: CommandContext) -> Iterable[str]:
    """What can stand where the last of the typed words is, which may be begun or empty.

    Nothing where a file's name is expected, which the shell completes itself.
    """
    *before, begun = typed or [""]
    commands = {spec.name: spec for spec in context.plugins.all(CommandSpec)}
    if not before:
        return [name for name in commands if name.startswith(begun)]
    spec = commands.get(before[0])
    if spec is None:
        return []
    parser = argparse.ArgumentParser(add_help=True, prog=before[0])
    spec.configure(parser)
    actions = {option: action for action in parser._actions for option in action.option_strings}
    last = actions.get(before[-1]) if len(before) > 1 else None
    if last is not None and last.nargs != 0:
        names = [str(choice) for choice in last.choices or ()] or _names(last.dest, context)
        return [name for name in names if name.startswith(begun)]
    if begun.startswith("-"):
        return [option for option in actions if option.startswith(begun)]
    return []


def _names(option: str, context: CommandContext) -> list[str]:
    """The values of an option that are names of what plugins bring."""
    plugins = context.plugins
    if option == "format":
        return [chosen.format.name for chosen in all_formats(plugins)]
    kinds: dict[str, type[DownloaderSpec | UploaderSpec | SinkSpec | TrackerSpec]] = {
        "from_": DownloaderSpec,
        "to": UploaderSpec,
        "sink": SinkSpec,
        "tracker": TrackerSpec,
    }
    return [spec.name for spec in plugins.all(kinds[option])] if option in kinds else []
