"""The table [bot] of similubot.toml."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

MIB = 1024 * 1024

_AtLeastOne = Annotated[int, Meta(ge=1, le=1000)]
_Count = Annotated[int, Meta(ge=1)] | None
_Ids = tuple[Annotated[int, Meta(ge=1)], ...] | None


@dataclass(frozen=True)
class BotSettings:
    """How the bot works, and for whom. Ids are Discord's (switch on its developer mode to copy
    them). The token stands in the table [discord].

    Attributes:
        prefix: What a typed command begins with; mentioning the bot works too.
        message_content: Whether to ask Discord for the text of messages (the intent "Message
            Content"). Without it, typed commands work only after a mention; slash commands always.
        data_folder: Where the jobs and their files lie; None is the user's data folder.
        to: The uploader that is used where nobody names one, as ``NAME`` or ``NAME=TARGET``.
        targets: What people may name besides the plain names of the installed uploaders, such as
            "litterbox=24h".
        downloaders: The names of the downloaders that people may use; None is all that are
            installed.
        sinks: Sinks that show each job besides its message, as ``NAME`` or ``NAME=TARGET``.
        offer: Whether a link in a plain message is answered with a "Convert" button.
        jobs: How many jobs run at once.
        jobs_per_user: How many of one user run at once.
        jobs_per_server: How many of one server run at once; None is no limit of its own.
        open_per_user: How many jobs of one user may wait or run.
        open_per_server: How many jobs of one server may wait or run.
        max_size: Bytes that a source may have at most.
        min_free_disk: Bytes that stay free on the disk of `data_folder`: below it nothing starts.
        notify_after: Who has waited at least this many seconds gets a short message at the end that
            mentions them, for an edit notifies nobody; 0 is always, ``inf`` never.
        cooldown: Seconds that a user waits from one request to the next; 0 is none.
        user_jobs_per_day, user_bytes_per_day: Jobs of one user, and bytes of their sources, in 24
            hours; None is no limit.
        server_jobs_per_day, server_bytes_per_day: The same of one server.
        servers: The servers where the bot answers; None is all, and an empty list none.
        channels: The channels where it answers, with their threads; None is all.
        roles: Who may use the bot: holders of one of these roles, or one of `users`; with both None
            everybody may, with empty lists nobody but `admins`.
        users: See `roles`.
        admins: Users who may do everything, everywhere.
        stop_seconds: How long running jobs may go on once the bot is to stop (SIGTERM); those
            not done by then are kept for the next start.
        keep_days: How long ended jobs stay in the job list.
        catch_up_minutes: How far back messages are read at the start, in the channels that were in
            use, so that a command typed during a restart is answered once; 0 reads none.
        language: The language of answers where nobody chose another, such as "de".
        on_delete: What becomes of a job whose message is deleted: "deliver" sends the outcome to
            the requester directly, else into the channel; "cancel" cancels it.
        retry_minutes: How long an ended job can be repeated by its button; then its link is wiped.
        backups: How many daily backups of the job list are kept; 0 is none.
        log_file: Where the log is written as well, 10 MB and five older files; None is nowhere.
        http_port: The port of this machine (127.0.0.1) for /health and /metrics; None is none.
        page: Whether similubot-web shows the queue there too, at /page/.
    """

    table_name: ClassVar[str] = "bot"

    prefix: Annotated[str, Meta(min_length=1, max_length=10)] = "!"
    message_content: bool = True
    data_folder: Path | None = None
    to: str = "catbox"
    targets: tuple[str, ...] = ()
    downloaders: tuple[str, ...] | None = None
    sinks: tuple[str, ...] = ()
    offer: bool = False
    jobs: Annotated[int, Meta(ge=1, le=64)] = 2
    jobs_per_user: _AtLeastOne = 1
    jobs_per_server: _AtLeastOne | None = None
    open_per_user: _AtLeastOne = 5
    open_per_server: _AtLeastOne = 50
    max_size: Annotated[int, Meta(ge=1)] = 2048 * MIB
    min_free_disk: Annotated[int, Meta(ge=0)] = 1024 * MIB
    notify_after: Annotated[float, Meta(ge=0)] = 30.0
    cooldown: Annotated[float, Meta(ge=0, le=86_400)] = 5.0
    user_jobs_per_day: _Count = None
    user_bytes_per_day: _Count = None
    server_jobs_per_day: _Count = None
    server_bytes_per_day: _Count = None
    servers: _Ids = None
    channels: _Ids = None
    roles: _Ids = None
    users: _Ids = None
    admins: tuple[Annotated[int, Meta(ge=1)], ...] = ()
    stop_seconds: Annotated[float, Meta(ge=0, le=3600)] = 20.0
    keep_days: Annotated[float, Meta(ge=0)] = 30.0
    catch_up_minutes: Annotated[float, Meta(ge=0, le=1440)] = 10.0
    language: str = "en"
    on_delete: Literal["deliver", "cancel"] = "deliver"
    retry_minutes: Annotated[float, Meta(ge=0)] = 30.0
    backups: Annotated[int, Meta(ge=0, le=1000)] = 7
    log_file: Path | None = None
    http_port: Annotated[int, Meta(ge=1, le=65_535)] | None = None
    page: bool = False

    @property
    def shown_prefix(self) -> str:
        """What a command begins with in help texts: "/" where people cannot type commands."""
        return self.prefix if self.message_content else "/"

    @property
    def folder(self) -> Path:
        """`data_folder`, or the user's data folder for similubot."""
        if self.data_folder is not None:
            return self.data_folder
        import platformdirs

        return Path(platformdirs.user_data_dir("similubot", appauthor=False)) / "bot"
