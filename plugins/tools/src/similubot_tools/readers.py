"""What each tool's lines mean: one small reader for each.

A reader is made for one run by the command's words, and then takes one line after another, without
line ends and escape sequences.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Row:
    """One of several things that go on side by side.

    Attributes:
        name: For people; the same each time.
        percentage: How far it is, 0 to 100; None when it has ended.
    """

    name: str
    percentage: float | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What one line says. None is unknown.

    Attributes:
        percentage: Of the whole run, 0 to 100; only where the line can know that.
        done: Bytes done.
        total: Bytes of the whole run.
        speed: Bytes per second.
        eta: Seconds to the end of the run.
        phase: The phase or item that runs, for people.
        phase_percentage: How far that phase or item is, 0 to 100.
        message: A sentence for people where no phase is named.
        steps: Whether the percentage counts steps, of which more may turn up.
        rows: Those of several things that go on side by side.
    """

    percentage: float | None = None
    done: int | None = None
    total: int | None = None
    speed: float | None = None
    eta: float | None = None
    phase: str = ""
    phase_percentage: float | None = None
    message: str = ""
    steps: bool = False
    rows: tuple[Row, ...] = ()


Reader = Callable[[str], Reading | None]

_NUMBER = r"\d{1,15}(?:[.,]\d{1,3})?"


def size(number: str, unit: str, step: int = 1024) -> int:
    """Bytes of "3.2" and "MiB", "M", "kB"; steps of `step` unless the unit says "i"."""
    prefix = unit[:1].upper()
    power = "KMGTP".find(prefix) + 1 if prefix else 0
    base = 1024 if "i" in unit else step
    return int(float(number.replace(",", ".")) * float(base) ** power)


_GIT = re.compile(
    r"(?:remote: )?([A-Z][A-Za-z' -]{2,40}):\s{1,4}(\d{1,3})% \((\d{1,12})/(\d{1,12})\)"
    rf"(?:, ({_NUMBER}) ([KMGT]?i?B|bytes) \| ({_NUMBER}) ([KMGT]?i?B|bytes)/s)?(?:, done\.)?"
)


def git(command: Sequence[str]) -> Reader:
    """Git's phases; how long each takes differs from one repository to the next."""

    def read(line: str) -> Reading | None:
        match = _GIT.fullmatch(line)
        if match is None:
            return None
        moved = match[5] is not None
        return Reading(
            done=size(match[5], match[6].replace("bytes", "")) if moved else None,
            speed=size(match[7], match[8].replace("bytes", "")) if moved else None,
            phase=match[1],
            phase_percentage=100.0 * int(match[3]) / max(1, int(match[4])),
        )

    return read


_RSYNC = re.compile(
    r"\s*([\d,.]{1,24})([KMGTP]?)\s+(\d{1,3})%\s+([\d.,]{1,12})([kKMGT]?)B/s\s+"
    r"(\d{1,6}):(\d\d):(\d\d)(?:\s+\((?:xfr|xfer)#\d+, (ir|to)-che?c?k=(\d+)/(\d+)\))?"
)


def rsync(command: Sequence[str]) -> Reader:
    """Rsync's rows.

    With ``--info=progress2`` they count the whole once the list of files is complete (``to-chk``);
    until then rsync counts what it has found so far (``ir-chk``). ``--progress`` counts each file,
    which is the whole where there is but one.
    """
    sources = [word for word in command[1:] if not word.startswith("-")][:-1]
    only_files = bool(sources) and all(map(_is_file, sources))
    one_file = only_files and len(sources) == 1
    overall = one_file or any("progress2" in word for word in command)
    complete = only_files or "--no-inc-recursive" in command or "--no-i-r" in command

    def read(line: str) -> Reading | None:
        nonlocal complete
        match = _RSYNC.fullmatch(line)
        if match is None:
            return None
        if match[9] is not None and not only_files:
            complete = match[9] == "to"
        speed = _rough(match[4], match[5])
        if not overall:
            left = f", {match[10]} of {match[11]} files to check" if match[9] == "to" else ""
            return Reading(
                speed=speed,
                phase=f"current file{left}",
                phase_percentage=float(match[3]),
            )
        done = int(_rough(match[1], match[2], grouped=not match[2]) or 0)
        if not complete:
            return Reading(done=done, speed=speed, message="still listing files")
        return Reading(percentage=float(match[3]), done=done, speed=speed)

    return read


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except (OSError, ValueError):  # such as a name that is too long
        return False


def _rough(number: str, prefix: str, *, grouped: bool = False) -> float | None:
    """A number that may have separators; None for none or 0."""
    text = re.sub(r"[.,]", "", number) if grouped else number.replace(",", ".")
    try:
        value = float(text)
    except ValueError:
        return None
    return value * 1024.0 ** (" KMGTP".index(prefix.upper()) if prefix else 0) or None


_CURL_COUNT = r"\d{1,12}(?:\.\d{1,2})?"
_CURL_TIME = (
    r"(?:--:--:--|\d{1,4}:\d\d:\d\d|\d{1,6}d\s+\d\dh|\d{1,6}d|\d\dm \d\ds|\d\d:\d\d|\d\dh \d\dm)"
)
_CURL = re.compile(
    rf"\s*(\d{{1,3}})\s+({_CURL_COUNT})([kMGTP]?)\s+(\d{{1,3}})\s+({_CURL_COUNT})([kMGTP]?)"
    rf"\s+(\d{{1,3}})\s+({_CURL_COUNT})([kMGTP]?)\s+{_CURL_COUNT}[kMGTP]?\s+{_CURL_COUNT}[kMGTP]?"
    rf"\s+({_CURL_TIME})\s+{_CURL_TIME}\s+{_CURL_TIME}\s+({_CURL_COUNT})([kMGTP]?)"
)
_CURL_BAR = re.compile(r"\s{0,400}(?:#{1,400}\s{0,400})?(\d{1,3}\.\d)%")
_CURL_BESIDE_URLS = re.compile(r"-[a-zA-Y]*Z[a-zA-Z]*|--parallel")


def curl(command: Sequence[str]) -> Reader:
    """Curl's meter and its ``--progress-bar``.

    A row at 100 % says nothing: curl prints 100 where the length is unknown, and after each
    response on the way to the last one.
    """
    several = sum("://" in word for word in command) > 1 or any(
        _CURL_BESIDE_URLS.fullmatch(word) or ("://" in word and re.search(r"[{\[]", word))
        for word in command
    )

    def read(line: str) -> Reading | None:
        match = _CURL.fullmatch(line)
        if match is not None:
            percentage = float(match[1])
            received = size(match[5], match[6])
            sent = size(match[8], match[9])
            total = size(match[2], match[3])
            speed = float(size(match[11], match[12])) or None
            known = 0 < percentage < 100 and total > received + sent
            if known and not several:
                return Reading(percentage=percentage, done=received + sent, speed=speed)
            if known:
                return Reading(speed=speed, phase="current file", phase_percentage=percentage)
            return Reading(done=received + sent or None, speed=speed) if speed else None
        match = _CURL_BAR.fullmatch(line)
        if match is None or not 0 < float(match[1]) < 100:
            return None
        if several:
            return Reading(phase="current file", phase_percentage=float(match[1]))
        return Reading(percentage=float(match[1]))

    return read


_WGET_BAR = re.compile(
    rf".{{1,60}}?\s(\d{{1,3}})%\[[=>+ ]*\]\s+({_NUMBER})([KMGT]?)\s+"
    rf"(?:({_NUMBER})([KMGT]?)B/s|--\.-[KMGT]?B/s)?.*"
)
_WGET_DOTS = re.compile(
    rf"\s*\d+[KMG]?(?: [.,]{{1,10}})+\s+(\d{{1,3}})%\s+({_NUMBER})([KMGT]?)[= ].*"
)
_WGET_BYTES = re.compile(
    rf".{{1,60}}?\s\[\s*<=>\s*\]\s+({_NUMBER})([KMGT]?)\s+(?:({_NUMBER})([KMGT]?)B/s|--\.-[KMGT]?B/s)?.*"
)
_WGET_MANY = re.compile(
    r"-(?:r|m|p|i|[a-zA-Z]*[rmpi])|--(?:recursive|mirror|page-requisites|input-file.*)"
)


def wget(command: Sequence[str]) -> Reader:
    """Wget's bar and dots."""
    several = sum("://" in word for word in command) > 1 or any(
        _WGET_MANY.fullmatch(word) for word in command[1:]
    )

    def read(line: str) -> Reading | None:
        match = _WGET_BAR.fullmatch(line)
        done: int | None = None
        if match is not None:
            done = size(match[2], match[3])
            speed = float(size(match[4], match[5])) if match[4] else None
        else:
            if told := _WGET_BYTES.fullmatch(line):
                speed = float(size(told[3], told[4])) if told[3] else None
                return Reading(done=None if several else size(told[1], told[2]), speed=speed)
            match = _WGET_DOTS.fullmatch(line)
            if match is None:
                return None
            speed = float(size(match[2], match[3]))
        percentage = float(match[1])
        if several:
            return Reading(speed=speed, phase="current file", phase_percentage=percentage)
        return Reading(percentage=percentage, done=done, speed=speed)

    return read


_APT = re.compile(r"([A-Z][A-Za-z ]{4,40})\.\.\. ?(\d{1,3})%")
_APT_FETCH = re.compile(r"(\d{1,3})% \[(?:(\d{1,6}) |Working).*")
_APT_SHARE_OF_ITEMS = 0.2
"""Of apt's percentage, four fifths are the share of the bytes and one that of the items."""
_APT_DATABASE = re.compile(r"\(Reading database \.\.\. (\d{1,3})%")
_APT_INSTALL = re.compile(r"Progress: \[\s*(\d{1,3})%\].*")


def apt(command: Sequence[str]) -> Reader:
    """Apt's phases; what ``download`` fetches is the whole, of which the bytes are counted."""
    items = _apt_downloads(command)
    patterns = (
        (_APT_FETCH, "Fetching"),
        (_APT_DATABASE, "Reading database"),
        (_APT_INSTALL, "Installing"),
    )

    def read(line: str) -> Reading | None:
        match = _APT.fullmatch(line)
        if match is not None:
            return Reading(phase=match[1], phase_percentage=float(match[2]))
        for pattern, phase in patterns:
            match = pattern.fullmatch(line)
            if match is not None and items and phase == "Fetching":
                percentage = _apt_bytes(float(match[1]), match[2], items)
                if percentage is not None and "] [" not in line:
                    return Reading(percentage=percentage)
            if match is not None:
                return Reading(phase=phase, phase_percentage=float(match[1]))
        return None

    return read


def _apt_downloads(command: Sequence[str]) -> int:
    """How many packages ``apt-get download`` fetches; 0 for another command."""
    if "download" not in command:
        return 0
    after = command[list(command).index("download") :]
    return sum(
        not word.startswith("-") and before not in ("-o", "-c", "-t")
        for before, word in pairwise(after)
    )


def _apt_bytes(percentage: float, item: str | None, items: int) -> float | None:
    """The share of the bytes by apt's percentage, while it fetches an item; None is unknown."""
    if item is None or not 1 <= int(item) <= items:
        return None
    done = 100.0 * (int(item) - 1) / items
    share = (percentage - _APT_SHARE_OF_ITEMS * done) / (1 - _APT_SHARE_OF_ITEMS)
    return min(100.0, max(0.0, share))


_LAYER = re.compile(
    r" ?([0-9a-f]{12}):? (Pulling fs layer|Waiting|Downloading|Verifying Checksum|Download complete"
    r"|Extracting|Pull complete|Already exists)"
    rf"(?:\s{{1,4}}(?:\[[=> ]{{0,200}}\]\s{{1,8}})?({_NUMBER})([kMGT]?B)/({_NUMBER})([kMGT]?B))?"
    r"(?:\s.*)?"
)
_BUILD_STEP = re.compile(r"#\d{1,6} \[(?:[^\]]{1,60} )?(\d{1,4})/(\d{1,4})\] .*")
_MOST_LAYERS = 4096


def docker(command: Sequence[str]) -> Reader:
    """The layers of ``docker pull``, and the steps of a plain build.

    A layer is downloaded and then extracted; how long each takes differs, so the whole is unknown.
    """
    layers: dict[str, bool] = {}

    def read(line: str) -> Reading | None:
        match = _LAYER.fullmatch(line)
        if match is not None:
            layer, does = match[1], match[2]
            if layer in layers or len(layers) < _MOST_LAYERS:
                layers[layer] = does in ("Pull complete", "Already exists")
            told = f"{sum(layers.values())} of {len(layers)} layers done"
            if does in ("Downloading", "Extracting"):
                total = size(match[5], match[6], 1000) if match[5] else 0
                if not total:
                    return Reading(message=told)
                share = 100.0 * min(1.0, size(match[3], match[4], 1000) / total)
                return Reading(message=told, rows=(Row(f"{layer} {does}", share),))
            ended = [Row(f"{layer} Downloading")] if does.endswith("omplete") else []
            if does == "Pull complete":
                ended.append(Row(f"{layer} Extracting"))
            return Reading(message=told, rows=tuple(ended))
        match = _BUILD_STEP.fullmatch(line)
        return Reading(message=f"step {match[1]} of {match[2]}") if match else None

    return read


_STEPS = re.compile(r"\[(\d{1,9})/(\d{1,9})\] .*")
_CMAKE = re.compile(r"\[\s{0,2}(\d{1,3})%\] .*")
_FEW_STEPS = 9
_CARGO = re.compile(r"\s{0,16}Building \[[=> ]{0,200}\] (\d{1,9})/(\d{1,9})(?::.*)?")


def _steps(pattern: re.Pattern[str], unit: str) -> Callable[[Sequence[str]], Reader]:
    def make(command: Sequence[str]) -> Reader:
        last = 0
        again = False

        def read(line: str) -> Reading | None:
            nonlocal last, again
            match = pattern.fullmatch(line)
            if match is None or not 0 <= int(match[1]) <= int(match[2]):
                return None
            done, total = int(match[1]), int(match[2])
            again = again or done < last  # such as of a second build
            # Of a few steps more may follow: ninja runs CMake anew as "[0/1]" before it builds.
            last = done if total > _FEW_STEPS else 0
            return Reading(
                percentage=100.0 * done / total if last and not again else None,
                message=f"{unit} {done} of {total}",
                steps=True,
            )

        return read

    return make


def cargo(command: Sequence[str]) -> Reader:
    """Cargo's crates: how long each takes differs so much that their count is no share."""

    def read(line: str) -> Reading | None:
        match = _CARGO.fullmatch(line)
        return Reading(message=f"crate {match[1]} of {match[2]}") if match else None

    return read


def cmake(command: Sequence[str]) -> Reader:
    """The percentages of make's and ninja's builds that CMake writes."""
    ninja = _steps(_STEPS, "step")(command)
    first: int | None = None

    def read(line: str) -> Reading | None:
        nonlocal first
        match = _CMAKE.fullmatch(line)
        if match is None:
            return ninja(line)
        percentage = int(match[1])
        if percentage > 100:
            return None
        first = percentage if first is None else first
        if first > 50:  # most was built before, and nothing says how long the rest takes
            return Reading(message=f"step at {percentage} % of all, most of them built before")
        return Reading(percentage=percentage, steps=True)

    return read


_DD = re.compile(rf"(\d{{1,18}}) bytes (?:\(.*\) )?copied, ({_NUMBER})(?:e[-+]\d+)? s, .*")


def dd(command: Sequence[str]) -> Reader:
    """Dd's bytes; the speed is measured."""

    def read(line: str) -> Reading | None:
        match = _DD.fullmatch(line)
        if match is None:
            return None
        seconds = float(match[2].replace(",", "."))
        return Reading(done=int(match[1]), speed=int(match[1]) / seconds if seconds else None)

    return read


_ARIA2 = re.compile(
    rf"\[#([0-9a-f]{{6}}) ({_NUMBER})([KMGT]?i?B)/({_NUMBER})([KMGT]?i?B)(?:\((\d{{1,3}})%\))?"
    rf"[^\]]{{0,200}}?(?:DL:({_NUMBER})([KMGT]?i?B))?"
    r"(?: UL:[^ \]]{0,40})?(?: ETA:[^ \]]{0,40})?\]"
)
_ARIA2_SUM = re.compile(rf"\[DL:({_NUMBER})([KMGT]?i?B)(?: UL:[^ \]]{{1,40}})?\]")


def aria2c(command: Sequence[str]) -> Reader:
    """aria2c's read-outs; downloads that go on side by side are rows."""
    several = any(
        re.fullmatch(r"-[a-zA-Y]*Z[a-zA-Z]*|-i.*|--(?:force-sequential|input-file).*", word)
        for word in command[1:]
    )
    seen: set[str] = set()
    shown: set[str] = set()

    def read(line: str) -> Reading | None:
        nonlocal shown
        together = _ARIA2_SUM.match(line)
        if together is not None:
            rows = [
                Row(f"download {match[1]}", float(match[6] or 0))
                for match in _ARIA2.finditer(line, together.end())
            ]
            names = {row.name for row in rows}
            ended = [Row(name) for name in sorted(shown - names)]
            shown = names
            seen.update(names)
            return Reading(speed=float(size(together[1], together[2])), rows=(*ended, *rows))
        match = _ARIA2.match(line)
        if match is None:
            return None
        name = f"download {match[1]}"
        if len(seen) < 2:
            seen.add(name)
        ended = [Row(other) for other in sorted(shown - {name})]
        shown &= {name}
        speed = float(size(match[7], match[8])) if match[7] else None
        percentage = float(match[6]) if match[6] else None
        if several or len(seen) > 1:
            return Reading(speed=speed, phase=name, phase_percentage=percentage, rows=tuple(ended))
        return Reading(percentage=percentage, done=size(match[2], match[3]), speed=speed)

    return read


_ZSTD = re.compile(
    rf".*?Read\s?:\s{{0,8}}({_NUMBER}) ?([KMGT]?i?B?) ?/\s{{0,8}}({_NUMBER}) ?([KMGT]?i?B?)\s.*"
)


_ZSTD_CONSUMED = re.compile(
    rf"(?:\(L\d{{1,3}}\) )?Buffered:.{{1,20}} - Consumed:\s{{0,8}}({_NUMBER}) ?([KMGT]?i?B?)"
    r" - Compressed:.{1,60}"
)


def zstd(command: Sequence[str]) -> Reader:
    """Zstd's input read; the percentage behind the arrow is the ratio.

    With ``-v`` it tells no total; that of one file is its size.
    """
    output = [after for before, after in pairwise(command) if before == "-o"]
    files = [word for word in command[1:] if word not in output and _is_file(word)]
    whole = Path(files[0]).stat().st_size if len(files) == 1 else 0

    def read(line: str) -> Reading | None:
        match = _ZSTD.fullmatch(line + " ")
        if match is not None:
            total = size(match[3], match[4])
            done = size(match[1], match[2] or match[4])
        else:
            match = _ZSTD_CONSUMED.fullmatch(line)
            if match is None:
                return None
            total, done = whole, size(match[1], match[2])
        if not total > 0 or done > total:
            return Reading(done=done)
        return Reading(percentage=100.0 * done / total, done=done, total=total)

    return read


_XZ = re.compile(
    r"\s*(\d{1,3}\.\d) %\s+[\d.,]+ [KMGT]?i?B / ([\d.,]+) ([KMGT]?i?B) = [\d.>]+"
    rf"(?:\s+({_NUMBER}) ([KMGT]?i?B)/s)?.*"
)


_XZ_VALUES = re.compile(r"-[a-zA-Z]*[STMF]|--(?:suffix|threads|format|check|files)")


def xz(command: Sequence[str]) -> Reader:
    """Xz -v's share of the input: with several files, of each by itself."""
    files = [
        word
        for before, word in pairwise(command)
        if not word.startswith("-") and not _XZ_VALUES.fullmatch(before)
    ]

    def read(line: str) -> Reading | None:
        match = _XZ.fullmatch(line)
        if match is None:
            return None
        speed = float(size(match[4], match[5])) if match[4] else None
        if len(files) > 1:
            return Reading(speed=speed, phase="current file", phase_percentage=float(match[1]))
        return Reading(percentage=float(match[1]), speed=speed)

    return read


_PV = re.compile(
    rf"(?:.{{1,40}}: )?\s*({_NUMBER}) ?([KMGT]?i?B) .*?\[\s*({_NUMBER}) ?([KMGT]?i?B)/s\]"
    r"(?: \[[=>#<*. -]*\]\s*(?:(\d{1,3})%)?.*)?"
)
_PV_NUMBER = re.compile(r"\d{1,3}")


def pv(command: Sequence[str]) -> Reader:
    """Pv's row, and the plain numbers of ``pv -n``."""
    numeric = any(re.fullmatch(r"-[a-mo-zA-Z]*n[a-zA-Z]*|--numeric", word) for word in command[1:])
    as_bytes = any(
        re.fullmatch(r"-[ac-km-zA-Z]*[bl][a-zA-Z]*|--bytes", word) for word in command[1:]
    )

    def read(line: str) -> Reading | None:
        if numeric and line.isascii() and line.isdigit() and len(line) < 19:
            if as_bytes:
                return Reading(done=int(line))
            return Reading(percentage=float(line)) if int(line) <= 100 else None
        match = _PV.fullmatch(line)
        if match is None:
            return None
        return Reading(
            percentage=float(match[5]) if match[5] else None,
            done=size(match[1], match[2]),
            speed=float(size(match[3], match[4])),
        )

    return read


_PIP = re.compile(rf".*?({_NUMBER})/({_NUMBER}) ([kMGT]?B)\s+({_NUMBER}) ([kMGT]?B)/s.*")


_UV = re.compile(
    rf"(?:.{{0,200}}\s)?(\S{{1,60}})\s{{1,40}}-{{2,80}} ({_NUMBER}) ?([KMG]?i?B)"
    rf"/({_NUMBER}) ?([KMG]?i?B)\s*"
)


def pip(command: Sequence[str]) -> Reader:
    """Pip's and uv's files one by one; how many will come nobody knows."""

    def read(line: str) -> Reading | None:
        match = _UV.fullmatch(line)
        if match is not None:
            total = size(match[4], match[5])
            share = size(match[2], match[3]) / total if total else 0.0
            percentage = 100.0 * min(share, 1.0)
            if percentage >= 100:
                return Reading(rows=(Row(match[1]),))
            return Reading(
                phase=match[1], phase_percentage=percentage, rows=(Row(match[1], percentage),)
            )
        match = _PIP.fullmatch(line)
        if match is None or not float(match[2].replace(",", ".")):
            return None
        share = float(match[1].replace(",", ".")) / float(match[2].replace(",", "."))
        return Reading(
            speed=float(size(match[4], match[5], 1000)),
            phase="current file",
            phase_percentage=100.0 * min(share, 1.0),
        )

    return read


_RCLONE = re.compile(
    rf"Transferred:\s+({_NUMBER}) ?([KMGTP]?i?B(?:yte)?s?) / ({_NUMBER}) ?([KMGTP]?i?B(?:yte)?s?),"
    rf" (?:\d{{1,3}}%|-), ({_NUMBER}) ?([KMGTP]?i?B(?:yte)?s?)/s,.*"
)


def rclone(command: Sequence[str]) -> Reader:
    """Rclone's statistics, as lines or as JSON (``--use-json-log``).

    The total is of what it has found so far: it counts once two reports have the same.
    """
    last: int | None = None

    def whole(done: int, total: int, speed: float | None) -> Reading:
        nonlocal last
        is_settled = total == last and total > 0
        last = total
        if not is_settled:
            return Reading(done=done, speed=speed, message="still listing files")
        percentage = 100.0 * min(done, total) / total
        return Reading(percentage=percentage, done=min(done, total), total=total, speed=speed)

    def read(line: str) -> Reading | None:
        if line.startswith("{"):
            stats = _json(line).get("stats")
            if not isinstance(stats, dict):
                return None
            done, total = _count(stats.get("bytes")), _count(stats.get("totalBytes"))
            if done is None or total is None:
                return None
            return whole(done, total, _count(stats.get("speed")) or None)
        match = _RCLONE.fullmatch(line.strip())
        if match is None:
            return None
        done, total = size(match[1], match[2]), size(match[3], match[4])
        return whole(done, total, float(size(match[5], match[6])) or None)

    return read


_RESTIC = re.compile(
    rf"\[(?:\d{{1,4}}:)?\d{{1,2}}:\d\d\](?: +({_NUMBER})%)? +(\d{{1,12}}) (?:files(?:/dirs)?)"
    rf" ({_NUMBER}) ([KMGTP]?i?B)(?:, total \d{{1,12}} files(?:/dirs)? ({_NUMBER}) ([KMGTP]?i?B))?"
    r"(?P<rest>.{0,200})"
)


_RESTIC_READS_AHEAD = 80 * 1024**2
"""Five connections, each with a pack of 16 MiB."""


def restic(command: Sequence[str]) -> Reader:
    """Restic's status line, or its JSON (``--json``).

    A backup goes on looking for files meanwhile; it tells the time left once it has them all. It
    reads ahead of what it uploads, and fetches whole packs before it restores files, so that its
    share of a small backup says little.
    """
    restores = "restore" in command
    knows_all = restores

    def whole(percentage: float | None, done: int | None, total: int | None) -> Reading:
        if not knows_all or percentage is None or not 0 <= percentage <= 100:
            return Reading(done=done, message="still looking for files")
        if (total or 0) < _RESTIC_READS_AHEAD * 10:
            told = "fetching packs" if restores else "reading ahead of the upload"
            return Reading(done=done, message=told)
        return Reading(percentage=percentage, done=done, total=total)

    def read(line: str) -> Reading | None:
        nonlocal knows_all
        if line.startswith("{"):
            status = _json(line)
            if status.get("message_type") != "status":
                return None
            knows_all = knows_all or _count(status.get("seconds_remaining")) is not None
            share = _number(status.get("percent_done"))
            done = _count(status.get("bytes_done", status.get("bytes_restored")))
            total = _count(status.get("total_bytes"))
            return whole(None if share is None else 100.0 * share, done, total)
        match = _RESTIC.fullmatch(line)
        if match is None:
            return None
        knows_all = knows_all or "ETA" in match["rest"]
        percentage = float(match[1]) if match[1] else None
        total = size(match[5], match[6]) if match[5] else None
        return whole(percentage, size(match[3], match[4]), total)

    return read


_BORG = re.compile(
    rf"({_NUMBER}) ([kMGTP]?B) O {_NUMBER} [kMGTP]?B C {_NUMBER} [kMGTP]?B D (\d{{1,12}}) N .*"
)
_BORG_PART = re.compile(rf"\s*({_NUMBER})% ([A-Z][A-Za-z]{{2,30}})(?:[: ].*)?")


def borg(command: Sequence[str]) -> Reader:
    """Borg's ``--progress``, as lines or as JSON (``--log-json``): of an archive that is made the
    bytes read, of one that is extracted the share."""
    extracts = "extract" in command

    def part(name: str, percentage: float) -> Reading:
        if extracts and name.startswith("Extract"):
            return Reading(percentage=percentage)
        return Reading(phase=name, phase_percentage=percentage)

    def read(line: str) -> Reading | None:
        if line.startswith("{"):
            told = _json(line)
            if told.get("type") == "archive_progress":
                done = _count(told.get("original_size"))
                return None if done is None else Reading(done=done)
            current, total = _number(told.get("current")), _number(told.get("total"))
            if told.get("type") != "progress_percent" or current is None or not total:
                return None
            name = str(told.get("message", "")).strip().partition("%")[2].strip() or "part"
            return part(re.split(r"[: ]", name, maxsplit=1)[0], min(100.0, 100.0 * current / total))
        match = _BORG.fullmatch(line)
        if match is not None:
            return Reading(done=size(match[1], match[2], 1000), message=f"{int(match[3]):,} files")
        match = _BORG_PART.fullmatch(line)
        if match is None or float(match[1]) > 100:
            return None
        return part(match[2], float(match[1]))

    return read


_SEVEN_ZIP = re.compile(r"\s{0,3}(\d{1,3})%(?:\s.*)?")


def seven_zip(command: Sequence[str]) -> Reader:
    """7-Zip's share of the bytes, which it redraws by backspaces."""

    def read(line: str) -> Reading | None:
        match = _SEVEN_ZIP.fullmatch(line)
        return Reading(percentage=float(match[1])) if match and int(match[1]) <= 100 else None

    return read


_TAR = re.compile(r"(?:g?tar|bsdtar): (?:Write|Read) checkpoint (\d{1,15})")
_TAR_BLOCK = 512


def tar(command: Sequence[str]) -> Reader:
    """Tar's ``--checkpoint``: the records so far, as bytes."""
    factor = 20
    for at, word in enumerate(command):
        found = re.fullmatch(r"(?:-b|--blocking-factor=)(\d{1,6})", word)
        if found:
            factor = int(found[1])
        elif word in ("-b", "--blocking-factor") and command[at + 1 : at + 2]:
            value = command[at + 1]
            factor = int(value) if value.isascii() and value.isdigit() and len(value) < 7 else 20

    def read(line: str) -> Reading | None:
        match = _TAR.fullmatch(line)
        return Reading(done=int(match[1]) * factor * _TAR_BLOCK) if match else None

    return read


_FLAC = re.compile(r"(.{1,400}): (\d{1,3})% complete(?:, ratio=[\d.]{1,8})?")
_FLAC_SOUNDS = (".wav", ".flac", ".aif", ".aiff", ".raw", ".w64", ".rf64", ".oga", ".ogg")


def flac(command: Sequence[str]) -> Reader:
    """Flac's share of a file, which it redraws by backspaces."""
    words = [
        word
        for before, word in pairwise(command)
        if word.lower().endswith(_FLAC_SOUNDS)
        and before not in ("-o", "--output-name")
        and not word.startswith("-")
    ]
    several = len(words) > 1

    def read(line: str) -> Reading | None:
        match = _FLAC.fullmatch(line)
        if match is None or int(match[2]) > 100:
            return None
        if several:
            return Reading(phase=match[1][:60], phase_percentage=float(match[2]))
        return Reading(percentage=float(match[2]))

    return read


_HANDBRAKE = re.compile(rf"Encoding: task (\d{{1,4}}) of (\d{{1,4}}), ({_NUMBER}) %(?: .*)?")
_HANDBRAKE_SCAN = re.compile(rf"Scanning title \d{{1,4}} of \d{{1,4}}.*?, ({_NUMBER}) %")


def handbrake(command: Sequence[str]) -> Reader:
    """HandBrakeCLI's tasks: with more than one, how long each takes nobody knows."""

    def read(line: str) -> Reading | None:
        match = _HANDBRAKE_SCAN.fullmatch(line)
        if match is not None:
            return Reading(phase="Scanning", phase_percentage=min(100.0, float(match[1])))
        match = _HANDBRAKE.fullmatch(line)
        if match is None or float(match[3]) > 100:
            return None
        if match[2] == "1":
            return Reading(percentage=float(match[3]))
        name = f"task {match[1]} of {match[2]}"
        return Reading(phase=name, phase_percentage=float(match[3]))

    return read


_YT_DLP = re.compile(
    rf"\[download\]\s+({_NUMBER})% of\s{{1,9}}~?\s{{0,9}}({_NUMBER})([KMGT]?i?B)(?: in [\d:]+)?"
    rf"(?: at\s+(?:Unknown (?:B/s|speed)|({_NUMBER})([KMGT]?i?B)/s))?.*"
)
_YT_DLP_FORMATS = re.compile(r"\[info\] .*: Downloading (\d{1,3}) format\(s\): (.{1,200})")
_YT_DLP_ITEM = re.compile(r"\[download\] Downloading item (\d{1,6}) of (\d{1,6})")


def yt_dlp(command: Sequence[str]) -> Reader:
    """yt-dlp's downloads: of one file the whole, of sound and picture or a list each by itself."""
    item = ""
    files = 1
    number = 0
    last = 0.0

    def read(line: str) -> Reading | None:
        nonlocal item, files, number, last
        match = _YT_DLP_ITEM.fullmatch(line)
        if match is not None:
            item, number, last = f"item {match[1]} of {match[2]}", 0, 0.0
            return Reading(message=item)
        match = _YT_DLP_FORMATS.fullmatch(line)
        if match is not None:
            files = match[2].count("+") + match[2].count(",") + 1
            number, last = 0, 0.0
            return Reading(message=item) if item else None
        match = _YT_DLP.fullmatch(line)
        if match is None or float(match[1]) > 100:
            return None
        percentage = float(match[1])
        if percentage < last or not number:
            number += 1
        last = percentage
        speed = float(size(match[4], match[5])) if match[4] else None
        if not item and files == 1:
            total = size(match[2], match[3])
            done = int(total * percentage / 100)
            return Reading(percentage=percentage, done=done, speed=speed)
        names = [item, f"file {number} of {max(files, number)}" if files > 1 else ""]
        phase = ", ".join(filter(None, names))
        return Reading(speed=speed, phase=phase, phase_percentage=percentage)

    return read


def _json(line: str) -> Mapping[str, object]:
    """The JSON object on a line; an empty one where there is none."""
    try:
        found: object = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and -1e18 < value < 1e18 else None


def _count(value: object) -> int | None:
    number = _number(value)
    return None if number is None or number < 0 else int(number)


READERS: dict[str, Callable[[Sequence[str]], Reader]] = {
    "git": git,
    "rsync": rsync,
    "curl": curl,
    "wget": wget,
    "apt": apt,
    "docker": docker,
    "ninja": _steps(_STEPS, "step"),
    "cmake": cmake,
    "cargo": cargo,
    "dd": dd,
    "aria2c": aria2c,
    "zstd": zstd,
    "xz": xz,
    "pv": pv,
    "pip": pip,
    "rclone": rclone,
    "restic": restic,
    "borg": borg,
    "7z": seven_zip,
    "tar": tar,
    "flac": flac,
    "handbrake": handbrake,
    "ytdlp": yt_dlp,
}
"""The readers by the names of their trackers; each is made from the command's words."""
