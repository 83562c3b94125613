"""The program that a command really runs, behind `nice`, `sudo`, `sh -c` or `python -m`."""

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_MOST_LAYERS = 8
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_SUFFIX = re.compile(
    r"(?:[-_.](?:v?\d[a-zA-Z\d]{0,40}|linux\d{0,3}|win\d{0,3}|windows|macos|darwin|static|x86"
    r"|amd64|arm64|aarch64|exe)){1,8}\Z"
)
_SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh", "ash"})
_PYTHON = re.compile(r"(?:python|pypy)(?:\d(?:\.\d+)?)?")
# Words of the shell after which a command stands, and those that begin what is none.
_BEFORE_A_COMMAND = frozenset({"!", "{", "then", "do", "else", "if"})
_BUILTINS = frozenset({"exec", "command", "builtin"})
_LOOPS = frozenset({"for", "while", "until", "select"})


@dataclass(frozen=True, slots=True)
class _Wrapper:
    """A program that runs another: its options with a value, and how many words come first."""

    takes_value: frozenset[str] = frozenset()
    words: int = 0


def _wrapper(options: str = "", words: int = 0) -> _Wrapper:
    return _Wrapper(frozenset(options.split()), words)


_WRAPPERS = {
    "nice": _wrapper("-n --adjustment"),
    "timeout": _wrapper("-k -s --kill-after --signal", 1),
    "gtimeout": _wrapper("-k -s --kill-after --signal", 1),
    "env": _wrapper("-u -C --unset --chdir"),
    "sudo": _wrapper(
        "-u -g -h -p -C -D -R -T -r -t -U --user --group --host --prompt --close-from --chdir"
        " --chroot --command-timeout --role --type --other-user"
    ),
    "doas": _wrapper("-u -C"),
    "stdbuf": _wrapper("-i -o -e --input --output --error"),
    "unbuffer": _wrapper(),
    "time": _wrapper("-f -o --format --output"),
    "nohup": _wrapper(),
    "setsid": _wrapper(),
    "ionice": _wrapper("-c -n --class --classdata"),
    "chrt": _wrapper("-T -P -D", 1),
    "taskset": _wrapper("", 1),
    "chroot": _wrapper("", 1),
    "flock": _wrapper("-w -E --wait --timeout --conflict-exit-code", 1),
    "cpulimit": _wrapper("-l --limit"),
    "xargs": _wrapper(
        "-n -I -P -L -d -E -s -a --max-args --max-procs --max-lines --replace"
        " --delimiter --arg-file --max-chars"
    ),
    "systemd-inhibit": _wrapper(),
    "systemd-run": _wrapper("-p -u -E --property --unit --setenv"),
    "caffeinate": _wrapper("-t -w"),
    "strace": _wrapper("-o -e -s -p"),
    "busybox": _wrapper(),
    "uvx": _wrapper("--from --with -p --python"),
    "torsocks": _wrapper(),
    "proxychains4": _wrapper("-f"),
}
_RUNNERS = frozenset({"uv", "pipx", "poetry", "pdm", "hatch", "conda"})


def inner_commands(command: Sequence[str]) -> list[list[str]]:
    """The commands that a command runs, as far as its words tell; itself where it runs no other.

    Each begins with its program. A script of the shell may have several; a command in a loop of it
    is listed twice, as it runs more than once.
    """
    return list(_inner(list(command), _MOST_LAYERS)) or [list(command)]


def program_names(program: str) -> list[str]:
    """The names that a tracker may know a program by: its file's, and that without a version."""
    name = Path(program).name
    bare = _SUFFIX.sub("", name)
    return [name, bare] if bare and bare != name else [name]


def _inner(command: list[str], layers: int) -> Iterator[list[str]]:
    while command and (command[0] in _BUILTINS or _ASSIGNMENT.fullmatch(command[0])):
        command = command[1:]
    if not command:
        return
    name = Path(command[0]).name
    inside: list[list[str]] = []
    if layers:
        if name in _SHELLS:
            inside = _of_script(command[1:])
        elif _PYTHON.fullmatch(name):
            inside = _of_python(command[1:])
        elif name in _RUNNERS and command[1:2] == ["run"]:
            inside = [_after_options(command[2:], _WRAPPERS["uvx"])]
        elif name == "env" and (split := _split_of_env(command[1:])) is not None:
            inside = [split]
        elif name in _WRAPPERS:
            inside = [_after_options(command[1:], _WRAPPERS[name])]
    inside = [words for words in inside if words]
    if not inside:
        yield command
    for words in inside:
        yield from _inner(words, layers - 1)


def _after_options(words: list[str], wrapper: _Wrapper) -> list[str]:
    at = 0
    while at < len(words):
        word = words[at]
        if word == "--":
            at += 1
            break
        if _ASSIGNMENT.fullmatch(word):
            at += 1
        elif len(word) > 1 and word.startswith("-"):
            at += 2 if word in wrapper.takes_value else 1
        else:
            break
    words = words[at + wrapper.words :]
    return words[1:] if words[:1] == ["--"] else words


def _split_of_env(words: list[str]) -> list[str] | None:
    """What `env -S 'A=1 program …'` runs."""
    for at, word in enumerate(words):
        for option in ("-S", "--split-string"):
            if word == option:
                rest = words[at + 1 : at + 2]
                return _split(rest[0]) + words[at + 2 :] if rest else None
            if word.startswith(option) and len(word) > len(option):
                return _split(word[len(option) :].lstrip("=")) + words[at + 1 :]
        if not word.startswith("-") and not _ASSIGNMENT.fullmatch(word):
            return None
    return None


def _of_python(words: list[str]) -> list[list[str]]:
    """The module or the file that Python runs, under the name that its program would have."""
    at = 0
    while at < len(words) and words[at].startswith("-"):
        if words[at].startswith("-m"):
            module = words[at][2:] or "".join(words[at + 1 : at + 2])
            rest = words[at + 1 :] if words[at][2:] else words[at + 2 :]
            return [[module.split(".")[0].replace("_", "-"), *rest]] if module else []
        if words[at] == "-c":
            return []
        at += 2 if words[at] in ("-W", "-X") else 1
    file = words[at:]
    return [[file[0].removesuffix(".py"), *file[1:]]] if file else []


def _of_script(words: list[str]) -> list[list[str]]:
    """The commands of `sh -c SCRIPT`."""
    for at, word in enumerate(words):
        if not word.startswith(("-", "+")):
            return []  # a file, which we do not read
        if not word.startswith("--") and "c" in word[1:]:
            rest = [other for other in words[at + 1 :] if other != "--"]
            return _commands(rest[0]) if rest else []
    return []


def _commands(script: str) -> list[list[str]]:
    commands: list[list[str]] = [[]]
    loops = False
    tokens = iter(_split(script, punctuation=True))
    for token in tokens:
        if token and not token.strip(";&|()\n"):
            commands.append([])
        elif token and not token.strip("<>&|"):
            if commands[-1] and commands[-1][-1].isdigit():
                commands[-1].pop()  # the 2 of 2>file
            next(tokens, None)  # a redirection and its file
        elif not commands[-1] and token in _BEFORE_A_COMMAND:
            continue
        elif not commands[-1] and token in _LOOPS:
            loops = True
            commands[-1].append(token)
        else:
            commands[-1].append(token)
    found = [words for words in commands if words and words[0] not in _LOOPS | {"done", "fi", "}"}]
    return found * 2 if loops else found


def _split(text: str, *, punctuation: bool = False) -> list[str]:
    try:
        lexer = shlex.shlex(text.replace("\n", " ; "), posix=True, punctuation_chars=punctuation)
        lexer.whitespace_split = True
        lexer.commenters = ""
        return list(lexer)
    except ValueError:  # a quote that nothing closes
        return []
