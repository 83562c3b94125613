"""The errors that carry a sentence for the user."""


class SimilubotError(Exception):
    """Something went wrong; the message tells a person in one sentence.

    Args:
        message: One sentence: what happened and what to do. It is shown to the user as it is, so
            it holds no secret and no traceback.
        detail: For the log only: what a tool printed, an exit code. Holds no secret either.
    """

    def __init__(self, message: str, *, detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail


class StageError(SimilubotError):
    """A stage could not do its operation."""


class DamagedError(StageError):
    """The source is damaged: only a part of it could be converted.

    Asking again with `ConversionRequest.keep_damaged` keeps that part.
    """


class StorageError(StageError):
    """A disk of this machine cannot take what the work needs; the sentence is for its owner.

    Args:
        message: As for every `SimilubotError`.
        full: Whether room on the disk would help.
        detail: For the log.
    """

    def __init__(self, message: str, *, full: bool = False, detail: str = "") -> None:
        super().__init__(message, detail=detail)
        self.full = full


class Cancelled(SimilubotError):  # noqa: N818  (the word for it, as in asyncio.CancelledError)
    """The job's cancel token was set."""

    def __init__(self, message: str = "Cancelled.", *, detail: str = "") -> None:
        super().__init__(message, detail=detail)


class UsageError(SimilubotError):
    """The command line or a call was given something it does not take (exit status 2)."""


class SettingsError(UsageError):
    """A settings file or an environment variable has an unknown key or a bad value."""


class PluginError(SimilubotError):
    """A plugin could not be loaded, or what it registered is not what its hook asks for."""


def user_message(error: BaseException) -> str:
    """The sentence for the user, for any error at all; for one without a sentence, its kind."""
    if isinstance(error, SimilubotError):
        return error.message
    if isinstance(error, KeyboardInterrupt):
        return Cancelled().message
    return f"Something unexpected happened ({type(error).__name__}); --debug shows where."
