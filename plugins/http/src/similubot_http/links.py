"""Which links lead to a media file, as far as a link can say."""

from urllib.parse import unquote, urlsplit

MEDIA_SUFFIXES = frozenset(
    [
        ".3gp",
        ".aac",
        ".ac3",
        ".aif",
        ".aiff",
        ".alac",
        ".amr",
        ".ape",
        ".au",
        ".avi",
        ".caf",
        ".dsf",
        ".dts",
        ".eac3",
        ".f4v",
        ".flac",
        ".flv",
        ".m2ts",
        ".m4a",
        ".m4b",
        ".m4v",
        ".mka",
        ".mkv",
        ".mov",
        ".mp2",
        ".mp3",
        ".mp4",
        ".mpc",
        ".mpeg",
        ".mpg",
        ".mts",
        ".oga",
        ".ogg",
        ".ogv",
        ".opus",
        ".spx",
        ".tak",
        ".ts",
        ".tta",
        ".vob",
        ".wav",
        ".weba",
        ".webm",
        ".wma",
        ".wmv",
        ".wv",
    ]
)


def is_media_link(source: str) -> bool:
    """Whether this is an http or https link whose path ends like a media file."""
    if len(source) > 8192 or any(c.isspace() for c in source):
        return False
    try:
        parts = urlsplit(source)
    except ValueError:
        return False
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname:
        return False
    name = unquote(parts.path.rpartition("/")[2])
    dot = name.rfind(".")
    return dot >= 0 and name[dot:].lower() in MEDIA_SUFFIXES
