"""Whether what a distribution asks for includes a version, without a library of versions.

Importing one takes as long as everything else that `similubot --help` does. What is plainly written
(``similubot-core<0.2,>=0.1``) is understood; of everything else pip has seen to it, and it fits.
"""

from itertools import zip_longest

_OPERATORS = ("==", "!=", ">=", "<=", "~=", ">", "<")


def asked_of(name: str, requirements: list[str]) -> str:
    """What is asked of a distribution, such as "<0.2,>=0.1"; "" is nothing in particular.

    Args:
        name: The distribution's name, in lower case with "-".
        requirements: The fields "Requires-Dist" of another one.
    """
    for requirement in requirements:
        plain = requirement.replace(" ", "").replace("(", "").replace(")", "")
        asked = plain[len(name) :]
        if plain[: len(name)].lower().replace("_", "-") == name and asked[:1] in tuple("=!><~"):
            return asked
    return ""


def excludes(asked: str, version: str) -> bool:
    """Whether what is asked for surely leaves a version out."""
    return any(_excludes(clause, version) for clause in asked.split(","))


def _excludes(clause: str, version: str) -> bool:
    operator = next((o for o in _OPERATORS if clause.startswith(o)), "")
    wanted, there = _numbers(clause[len(operator) :]), _numbers(version)
    if not operator or not wanted or not there:
        return False
    pairs = list(zip_longest(there, wanted, fillvalue=0))
    order = next((1 if a > b else -1 for a, b in pairs if a != b), 0)
    if operator == "~=":
        return order < 0 or there[: len(wanted) - 1] != wanted[:-1]
    return order not in {
        "==": (0,), "!=": (-1, 1), ">=": (0, 1), "<=": (-1, 0), ">": (1,), "<": (-1,),
    }[operator]  # fmt: skip


def _numbers(version: str) -> tuple[int, ...]:
    """ "0.2.10" as numbers; none where it is written in another way."""
    parts = version.split(".")
    plain = all(part.isascii() and part.isdigit() and len(part) < 10 for part in parts)
    return tuple(map(int, parts)) if plain else ()
