"""Descriptors: what a plugin registers, in plain frozen dataclasses, and what was found of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, TypeVar, runtime_checkable

from similubot_core.errors import UsageError

if TYPE_CHECKING:  # a plugin's hooks need only the descriptors, so nothing else is imported
    import argparse

    from similubot_core.jobs.stages import Converter, Downloader, LinkChecker, Uploader
    from similubot_core.progress.info import ProgressInfo
    from similubot_core.progress.tracker import ProgressTracker
    from similubot_core.settings import Settings, SettingsTable


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a plugin needs or likes to have, as `similubot doctor` lists it.

    Attributes:
        name: What it is, such as "FFmpeg".
        ok: Whether it is there.
        detail: What was found, such as a version and a path; holds no secret.
        cure: What to do where it is not there; empty when it is.
    """

    name: str
    ok: bool
    detail: str
    cure: str = ""


CheckFunction: TypeAlias = "Callable[[Settings], Sequence[Check]]"


class Sink(Protocol):
    """Shows the progress of one job, or of anything that tells it, somewhere."""

    def show(self, info: ProgressInfo) -> None:
        """Take the newest state of an operation. Any thread may call it; it never blocks, and
        shows the state when its own pace allows. Operations are told apart by `info.id`.
        """

    def close(self) -> None:
        """Show the last state of everything, within a bounded time, and let go of what is held."""


@runtime_checkable
class TerminalSink(Sink, Protocol):
    """What a sink that draws on the terminal has besides, so that `similubot watch` can show there
    what the command says. One without it gets the command's lines by `sys.stdout`.
    """

    def hide(self) -> None:
        """Take what it has drawn off the screen, and draw nothing until `unhide`.

        The cursor then stands at the beginning of the first line that it had drawn on.
        """

    def unhide(self) -> None:
        """Draw again, below the cursor, which stands at the beginning of an empty line."""


def _no_settings() -> Settings:
    from similubot_core.settings import Settings

    return Settings()


@dataclass(frozen=True, slots=True)
class SinkContext:
    """What a sink gets when it is opened.

    Attributes:
        target: Where to show: what follows "=" in ``--sink NAME=TARGET``; None is its default.
        settings: The settings of this run.
        title: What the whole is about, for people; may hold text from outside.
    """

    target: str | None = None
    settings: Settings = field(default_factory=_no_settings)
    title: str = ""


@dataclass(frozen=True, slots=True)
class TrackerSpec:
    """A tracker that reads what a tool prints.

    Attributes:
        name: What ``--tracker`` takes; lower case, unique among all plugins.
        summary: One line for people.
        factory: Makes a tracker for one operation.
        programs: The names of the programs whose output it reads, such as "ffmpeg".
        for_command: Makes a tracker for one run of a program: gets the command's words, the program
            first, for what they say of the length (``-t`` of ffmpeg). None takes `factory`.
    """

    name: str
    summary: str
    factory: Callable[[], ProgressTracker]
    programs: tuple[str, ...] = ()
    for_command: Callable[[Sequence[str]], ProgressTracker] | None = None


@dataclass(frozen=True, slots=True)
class SinkSpec:
    """A sink.

    Attributes:
        name: What ``--sink`` takes; lower case, unique among all plugins.
        summary: One line for people.
        factory: Opens one; raises `UsageError` for a target that it does not take.
        for_terminal: Whether it is the one to take where a person sits at a terminal.
        settings: The dataclass of its table in similubot.toml; None is no settings.
        check: What `similubot doctor` asks; None is nothing.
    """

    name: str
    summary: str
    factory: Callable[[SinkContext], Sink]
    for_terminal: bool = False
    settings: type[SettingsTable] | None = None
    check: CheckFunction | None = None


@dataclass(frozen=True, slots=True)
class DownloaderSpec:
    """A downloader.

    Attributes:
        name: Lower case, unique among all downloaders.
        summary: One line for people, such as "public links of mega.nz".
        factory: Makes one from the settings.
        accepts: Whether it takes a source; quick, and without looking at the network.
        settings: The dataclass of its table in similubot.toml; None is no settings.
        check: What `similubot doctor` asks; None is nothing.
        operation: The name of its tracker, such as "Tube Download", so that sinks can show it as
            still to come; None where that is not known before it begins.
        fallback: Which downloaders come first where several accept a source: 0 takes links of
            certain hosts, 1 links of any host that look like what it fetches, 2 any link at all.
            One that accepts a link of a host that cannot exist counts as 1 at least.
        example: A link that it accepts, so that `similubot doctor` can find two downloaders that
            accept the same; "" is none.
    """

    name: str
    summary: str
    factory: Callable[[Settings], Downloader]
    accepts: Callable[[str], bool]
    settings: type[SettingsTable] | None = None
    check: CheckFunction | None = None
    operation: str | None = None
    fallback: int = 0
    example: str = ""


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """One format that a converter makes.

    Attributes:
        name: What ``--format`` takes, such as "mp3"; lower case. Several converters may make one.
        suffix: The ending of its files, such as ".mp3"; "" when it depends on the source.
        bitrates: The lowest and the highest bitrate, in kilobits per second; None when it takes
            none, as a lossless format does.
        copies: Whether the audio is copied as it is rather than encoded.
        other_suffixes: Further endings that are right for such a file, such as ".oga" for ".opus".
        summary: A few words for people, such as "MP3"; "" is its name.
    """

    name: str
    suffix: str = ""
    bitrates: tuple[int, int] | None = None
    copies: bool = False
    other_suffixes: tuple[str, ...] = ()
    summary: str = ""

    def allows(self, suffix: str) -> bool:
        """Whether a file of this format may have this ending; True when the ending varies."""
        return not self.suffix or suffix.lower() in (self.suffix, *self.other_suffixes)


CONVERTER_OPTIONS = ("track", "clip", "keep_damaged")
"""The fields of a `ConversionRequest` that a converter need not know."""


@dataclass(frozen=True, slots=True)
class ConverterSpec:
    """A converter.

    Attributes:
        name: Lower case, unique among all converters.
        summary: One line for people, such as "AAC audio in an .m4a file".
        factory: Makes one from the settings.
        suffix: The ending of the files it makes, such as ".m4a"; "" when that varies. Only for a
            converter with a single format, which then is called like the converter.
        bitrates: The lowest and the highest bitrate of that single format, in kilobits per second;
            None when it takes none.
        settings: The dataclass of its table in similubot.toml; None is no settings.
        check: What `similubot doctor` asks; None is nothing.
        operation: The name of its tracker, such as "Audio Conversion", so that sinks can show it as
            still to come; None where that is not known before it begins.
        formats: The formats that it makes, its default first. The converter finds the one that was
            chosen in `ConversionRequest.format`. Empty: the single one described above.
        options: Which of "track", "clip" and "keep_damaged" of a `ConversionRequest` it obeys; a
            request for another is refused before any work.
    """

    name: str
    summary: str
    factory: Callable[[Settings], Converter]
    suffix: str = ""
    bitrates: tuple[int, int] | None = None
    settings: type[SettingsTable] | None = None
    check: CheckFunction | None = None
    operation: str | None = None
    formats: tuple[OutputFormat, ...] = ()
    options: tuple[str, ...] = ()

    @property
    def output_formats(self) -> tuple[OutputFormat, ...]:
        """The formats that it makes, its default first; never empty."""
        return self.formats or (OutputFormat(self.name, self.suffix, self.bitrates),)


@dataclass(frozen=True, slots=True)
class UploaderSpec:
    """An uploader.

    Attributes:
        name: What ``--to`` takes; lower case, unique among all uploaders.
        summary: One line for people.
        factory: Makes one from the settings and what follows "=" in ``--to NAME=TARGET`` (None
            without it); raises `UsageError` for a target that it does not take.
        max_size: Bytes that a file may have at most; None is no limit.
        settings: The dataclass of its table in similubot.toml; None is no settings.
        check: What `similubot doctor` asks; None is nothing.
        operation: The name of its tracker, such as "Shelf Upload", so that sinks can show it as
            still to come; None where that is not known before it begins.
    """

    name: str
    summary: str
    factory: Callable[[Settings, str | None], Uploader]
    max_size: int | None = None
    settings: type[SettingsTable] | None = None
    check: CheckFunction | None = None
    operation: str | None = None


@dataclass(frozen=True, slots=True)
class LinkCheckerSpec:
    """A link checker: looks at each link that an uploader returned, before the job is done.

    Attributes:
        name: Lower case, unique among all link checkers.
        summary: One line for people.
        factory: Makes one from the settings.
        settings: The dataclass of its table in similubot.toml; None is no settings.
        check: What `similubot doctor` asks; None is nothing.
    """

    name: str
    summary: str
    factory: Callable[[Settings], LinkChecker]
    settings: type[SettingsTable] | None = None
    check: CheckFunction | None = None


@dataclass(frozen=True, slots=True)
class CommandContext:
    """What a command gets.

    Attributes:
        plugins: What was found, by name.
        settings: The settings of this run.
        debug: Whether tracebacks are wanted.
    """

    plugins: Plugins
    settings: Settings
    debug: bool = False


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """A command of the `similubot` command line.

    Attributes:
        name: What is typed after `similubot`; lower case, unique among all plugins.
        summary: One line for ``similubot --help``.
        configure: Adds its arguments to an `argparse` parser; called only when it is typed.
        run: Does it; returns the exit status (0 done, 1 failed, 2 wrong usage, 130 cancelled).
            A `SimilubotError` becomes one line on stderr and status 1, a `UsageError` status 2.
        settings: A function that imports and returns the dataclass of its table in
            similubot.toml, so that ``similubot --help`` need not; None is no settings.
        check: What `similubot doctor` asks; None is nothing.
    """

    name: str
    summary: str
    configure: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, CommandContext], int]
    settings: Callable[[], type[SettingsTable]] | None = None
    check: CheckFunction | None = None


@dataclass(frozen=True, slots=True)
class ExtensionSpec:
    """What a plugin adds to another plugin that can be extended, such as the bot.

    Attributes:
        name: Lower case, unique among all extensions.
        summary: One line for people.
        extends: The name of the plugin that it extends, such as "bot".
        factory: Makes it from the settings; that plugin documents what it takes (the bot: a
            `similubot_bot.BotExtension`), and leaves out what is something else. Called only when
            that plugin runs.
        settings: The dataclass of its table in similubot.toml; None is no settings.
        check: What `similubot doctor` asks; None is nothing.
    """

    name: str
    summary: str
    extends: str
    factory: Callable[[Settings], object]
    settings: type[SettingsTable] | None = None
    check: CheckFunction | None = None


StageSpec = DownloaderSpec | ConverterSpec | UploaderSpec | LinkCheckerSpec
AnySpec = TrackerSpec | SinkSpec | StageSpec | CommandSpec | ExtensionSpec


@dataclass(frozen=True, slots=True)
class PluginRecord:
    """What was found of one plugin, as `similubot plugins` lists it.

    Attributes:
        name: Its entry point's name.
        distribution: The distribution that pip installed; "" when the metadata does not say.
        version: That distribution's version; "" when the metadata does not say.
        status: "ok", "disabled", "broken", "duplicate" or "incompatible".
        reason: Why it is not ok, and what to do, in a sentence; "" when it is.
    """

    name: str
    distribution: str
    version: str
    status: Literal["ok", "disabled", "broken", "duplicate", "incompatible"]
    reason: str = ""


SpecT = TypeVar("SpecT", bound="AnySpec")


@dataclass(frozen=True, slots=True)
class Plugins:
    """What the installed plugins offer.

    Attributes:
        records: One for each plugin that was found, working or not.
        specs: All descriptors of the working ones, but for those in `conflicts`.
        conflicts: For each kind of descriptor and name that two plugins claim, the sentence that
            names both; neither is used.
    """

    records: tuple[PluginRecord, ...] = ()
    specs: tuple[AnySpec, ...] = ()
    conflicts: Mapping[tuple[type, str], str] = field(default_factory=dict)

    def all(self, kind: type[SpecT]) -> tuple[SpecT, ...]:
        """The descriptors of one kind, such as `SinkSpec`, in the order of their names."""
        found = [spec for spec in self.specs if isinstance(spec, kind)]
        return tuple(sorted(found, key=lambda spec: spec.name))

    def get(self, kind: type[SpecT], name: str) -> SpecT:
        """The descriptor of that kind and name.

        Raises:
            UsageError: There is none, or two plugins claim the name; says which there are.
        """
        for spec in self.all(kind):
            if spec.name == name:
                return spec
        if (kind, name) in self.conflicts:
            raise UsageError(self.conflicts[kind, name])
        from similubot_core.render import nearest, sanitize_line

        word = WORDS[kind]
        names = [spec.name for spec in self.all(kind)]
        there = f"Installed: {', '.join(names)}." if names else f"No {word} is installed."
        raise UsageError(
            f"There is no {word} {sanitize_line(name, 60)!r}{nearest(name, names) or '.'} {there}"
        )

    def schemas(self) -> tuple[type[SettingsTable], ...]:
        """The settings tables that the descriptors name, each once."""
        found: dict[type[SettingsTable], None] = {}
        for spec in self.specs:
            if isinstance(spec, TrackerSpec) or spec.settings is None:
                continue
            found[spec.settings() if isinstance(spec, CommandSpec) else spec.settings] = None
        return tuple(found)


WORDS: Mapping[type, str] = {
    TrackerSpec: "tracker",
    SinkSpec: "sink",
    DownloaderSpec: "downloader",
    ConverterSpec: "converter",
    UploaderSpec: "uploader",
    LinkCheckerSpec: "link checker",
    CommandSpec: "command",
    ExtensionSpec: "extension",
}
"""The word for each kind of descriptor."""
