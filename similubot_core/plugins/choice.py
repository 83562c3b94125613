"""Chooses a job's stages among the plugins; what cannot be decided stops only what depends on it.

Downloaders: those for certain hosts before those for any link (`DownloaderSpec.fallback`), then the
order of ``[core] prefer``; ``--from`` overrides both. Converters: by format, then the same order.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeVar

from similubot_core import render
from similubot_core.errors import UsageError
from similubot_core.plugins.specs import ConverterSpec, DownloaderSpec, OutputFormat, Plugins

logger = logging.getLogger(__name__)

SpecT = TypeVar("SpecT", DownloaderSpec, ConverterSpec)

DEFAULT_SUFFIX = ".m4a"
"""The format that is made when nobody asks for one: AAC, which every player and browser plays."""

NO_CONVERSION = "none"
"""The core's own format: the file goes on as it came."""

_ANY_HOST = ("https://host.invalid/clip.mp4", "https://host.invalid/watch/1")
"""Links of a host that cannot exist (RFC 6761): who accepts one accepts those of any host."""


class Undecided(UsageError):  # noqa: N818  (what is the case, not a fault)
    """Several plugins can do a thing, and nothing decides between them.

    Attributes:
        names: What they are called.
    """

    def __init__(self, message: str, names: tuple[str, ...]) -> None:
        super().__init__(message)
        self.names = names


@dataclass(frozen=True)
class CoreSettings:
    """Settings that belong to no single plugin.

    Attributes:
        prefer: The names of downloaders and converters, the preferred first: they decide between
            two that accept the same link or make the same format.
        sandbox: Whether the programs that stages run are locked in: "auto" where the system can,
            "require" refuses to run them where it cannot, "off" leaves it at limits.
        check_links: Whether the file behind an uploader's link is looked at before a job is done.
    """

    table_name: ClassVar[str] = "core"

    prefer: tuple[str, ...] = ()
    sandbox: Literal["auto", "require", "off"] = "auto"
    check_links: bool = True


@dataclass(frozen=True)
class ConvertSettings:
    """Defaults of `similubot convert`; what is typed wins.

    Attributes:
        to: Where results are uploaded, as ``NAME`` or ``NAME=TARGET``; None keeps them as files.
        format: The format that results get, also in the bot; None is AAC.
        bitrate: Kilobits per second, for formats that take a bitrate; None is the converter's
            default.
        sink: Where progress is shown, as ``NAME`` or ``NAME=TARGET``; empty is bars on a terminal
            and lines elsewhere.
    """

    table_name: ClassVar[str] = "convert"

    to: str | None = None
    format: str | None = None
    bitrate: int | None = None
    sink: tuple[str, ...] = ()


@dataclass(frozen=True)
class WatchSettings:
    """Defaults of `similubot watch`; what is typed wins.

    Attributes:
        sink: Where progress is shown, as ``NAME`` or ``NAME=TARGET``; empty is bars on a terminal
            and lines elsewhere.
        pipe: Whether commands get pipes on a terminal too.
    """

    table_name: ClassVar[str] = "watch"

    sink: tuple[str, ...] = ()
    pipe: bool = False


# -- downloaders


def accepts(spec: DownloaderSpec, source: str) -> bool:
    """Whether a downloader accepts a source; False when its plugin cannot even say."""
    try:
        return bool(spec.accepts(source))
    except Exception as error:  # noqa: BLE001  (one plugin's bug must not stop every job)
        # Its text may hold the source, and so the key of a link: only the kind is logged.
        logger.warning("The downloader %s raised %s on it.", spec.name, type(error).__name__)
        return False


def choose_downloader(
    plugins: Plugins, source: str, *, name: str | None = None, prefer: Sequence[str] = ()
) -> DownloaderSpec | None:
    """The downloader for a source; None when no downloader accepts it.

    Args:
        plugins: What is installed.
        source: A link, or the path of a file, which no downloader accepts.
        name: The downloader to take (``--from``); None chooses.
        prefer: Names, the preferred first.

    Raises:
        Undecided: Several accept it, and nothing decides; says how to choose.
        UsageError: There is no downloader `name`, or it does not accept the source.
    """
    if name is not None:
        spec = plugins.get(DownloaderSpec, name)
        if not accepts(spec, source):
            raise UsageError(
                f"The downloader {name} can't download {render.redact_source(source)}; it takes "
                f"{spec.summary}."
            )
        return spec
    accepting = _first_level([s for s in plugins.all(DownloaderSpec) if accepts(s, source)])
    chosen = _preferred(accepting, prefer)
    if chosen is None and len(accepting) > 1:
        names = tuple(spec.name for spec in accepting)
        raise Undecided(
            f"Several downloaders accept this link: {' and '.join(names)}. Choose one with --from "
            f'{names[0]}, or for always with prefer = ["{names[0]}"] in the table [core] of '
            "similubot.toml.",
            names,
        )
    return chosen or (accepting[0] if accepting else None)


def _first_level(specs: list[DownloaderSpec]) -> list[DownloaderSpec]:
    """Those that come first; one alone needs no comparison."""
    if len(specs) < 2:
        return specs
    levels = [_level(spec) for spec in specs]
    return [spec for spec, level in zip(specs, levels, strict=True) if level == min(levels)]


def _level(spec: DownloaderSpec) -> int:
    if spec.fallback:
        return int(spec.fallback)
    return int(any(accepts(spec, link) for link in _ANY_HOST))


# -- converters


@dataclass(frozen=True)
class ChosenFormat:
    """A format, and the converter that makes it."""

    converter: ConverterSpec
    format: OutputFormat


def all_formats(plugins: Plugins) -> Iterator[ChosenFormat]:
    """Every format of every converter."""
    for converter in plugins.all(ConverterSpec):
        for output_format in converter.output_formats:
            yield ChosenFormat(converter, output_format)


def choose_format(
    plugins: Plugins,
    *,
    name: str | None = None,
    suffix: str = "",
    default: str | None = None,
    prefer: Sequence[str] = (),
) -> ChosenFormat:
    """The format of a result, and the converter that makes it.

    Args:
        plugins: What is installed.
        name: The format that was asked for (``--format``); None is none.
        suffix: The ending of the file that was asked for (``--output``); "" is none.
        default: The format of the settings; None is AAC.
        prefer: The names of converters, the preferred first.

    Raises:
        Undecided: Several converters make it, and nothing decides; says how to choose.
        UsageError: No installed converter makes it, or the ending contradicts it.
    """
    everything = list(all_formats(plugins))
    suffix = suffix.lower()
    if name is not None:
        chosen = _named(everything, name, prefer)
        if suffix and not chosen.format.allows(suffix):
            raise UsageError(
                f"A {suffix} file cannot be {chosen.format.name}; name the output "
                f"*{chosen.format.suffix}, or leave out --format."
            )
        return chosen
    if suffix:
        fitting = [c for c in everything if c.format.suffix and c.format.allows(suffix)]
        exact = [c for c in fitting if c.format.suffix == suffix]
        if not fitting:
            raise UsageError(
                f"No installed converter makes {render.sanitize_line(suffix, 20)} files. "
                f"Supported: {_listed(everything)}."
            )
        return _decide(exact or fitting, f"{suffix} files", prefer)
    if default is not None:
        return _named(everything, default, prefer)
    own = [c for c in everything if c.format.name != NO_CONVERSION]
    if not own:
        raise UsageError("No installed plugin brings a converter; install similubot-ffmpeg.")
    usual = [c for c in own if c.format.suffix == DEFAULT_SUFFIX and not c.format.copies]
    if usual:
        return _decide(usual, f"{DEFAULT_SUFFIX} files", prefer)
    if all(c.converter is own[0].converter for c in own):
        return own[0]
    raise UsageError(
        f"No installed converter makes {DEFAULT_SUFFIX} files; choose with --format. "
        f"Supported: {_listed(everything)}."
    )


def _named(everything: list[ChosenFormat], name: str, prefer: Sequence[str]) -> ChosenFormat:
    wanted = name.lower().removeprefix(".")
    found = [c for c in everything if c.format.name == wanted]
    found = found or [c for c in everything if c.format.suffix == f".{wanted}"]
    if not found:
        nearest = render.nearest(wanted, [c.format.name for c in everything])
        raise UsageError(
            f"There is no format {render.sanitize_line(name, 40)!r}{nearest or '.'} "
            f"Supported: {_listed(everything) or 'none; install similubot-ffmpeg'}."
        )
    return _decide(found, found[0].format.name, prefer)


def _decide(found: list[ChosenFormat], what: str, prefer: Sequence[str]) -> ChosenFormat:
    """One of several; of one converter's own, its first."""
    by_converter = {c.converter.name: c for c in reversed(found)}
    if len(by_converter) == 1:
        return found[0]
    preferred = _preferred([c.converter for c in found], prefer)
    if preferred is None:
        names = tuple(sorted(by_converter))
        raise Undecided(
            f"Several converters make {what}: {' and '.join(names)}. Choose one with prefer = "
            f'["{names[0]}"] in the table [core] of similubot.toml.',
            names,
        )
    return by_converter[preferred.name]


def _listed(everything: list[ChosenFormat]) -> str:
    return ", ".join(dict.fromkeys(c.format.name for c in everything))


def _preferred(specs: Sequence[SpecT], prefer: Sequence[str]) -> SpecT | None:
    return next((spec for name in prefer for spec in specs if spec.name == name), None)


# -- what nothing decides


def undecided(plugins: Plugins, prefer: Sequence[str] = ()) -> list[str]:
    """A sentence for each choice that nothing decides, as `similubot doctor` reports it."""
    messages: dict[object, str] = {}
    downloaders = plugins.all(DownloaderSpec)
    for example in dict.fromkeys((*(spec.example for spec in downloaders), *_ANY_HOST)):
        if example:
            try:
                choose_downloader(plugins, example, prefer=prefer)
            except Undecided as error:
                told = error.message.replace("this link", f"links such as {example}")
                messages.setdefault(error.names, told)
    formats = [chosen.format.name for chosen in all_formats(plugins)]
    for name in (*formats, None):
        try:
            choose_format(plugins, name=name, prefer=prefer)
        except Undecided as error:
            messages.setdefault(error.message, error.message)
        except UsageError as error:  # no format is the usual one
            if set(formats) - {NO_CONVERSION}:
                messages.setdefault(error.message, error.message)
    return list(messages.values())
