"""A job: its stages are chosen early, its folder is its own, and nothing is lost or left."""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from similubot_core import (
    Cancelled,
    CancelToken,
    ConversionRequest,
    ConverterSpec,
    DownloaderSpec,
    LinkCheckerSpec,
    Settings,
    StageContext,
    StageError,
    UploaderSpec,
    UsageError,
)
from similubot_core.jobs.folder_uploader import open_folder_uploader
from similubot_core.jobs.pipeline import Job, run_job
from similubot_core.plugins.planning import plan_job
from similubot_core.plugins.specs import AnySpec, Plugins

KEY = "S3CRET-key"


class Fetch:
    """Fetches "fetch://NAME": a file of that name with the name in it."""

    def run(self, source: str, context: StageContext) -> Path:
        name = source.removeprefix("fetch://").partition("#")[0]
        file = context.folder / name
        file.write_text(name)
        return file


class Shout:
    """Converts a text into capitals, in NAME.up."""

    def run(self, file: Path, request: ConversionRequest, context: StageContext) -> Path:
        result = context.folder / f"{file.stem}.up"
        result.write_text(file.read_text().upper() + str(request.bitrate or ""))
        return result


class Keep:
    """Uploads into memory."""

    def __init__(self) -> None:
        self.got: dict[str, str] = {}

    def run(self, file: Path, context: StageContext) -> str:
        self.got[file.name] = file.read_text()
        return f"keep://{file.name}"


def accepts(source: str) -> bool:
    return source.startswith("fetch://")


FETCH = DownloaderSpec("fetch", "fetch:// links", lambda settings: Fetch(), accepts)
SHOUT = ConverterSpec("shout", "capitals", lambda settings: Shout(), ".up", (8, 320))
FOLDER = UploaderSpec("folder", "a folder", open_folder_uploader)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a file to convert."""
    (tmp_path / "clip.txt").write_text("clip")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def plan(source: str, *specs: AnySpec, to: str | None = None, output: str | None = None,
         bitrate: int | None = None) -> Job:  # fmt: skip
    plugins = Plugins(specs=specs or (FETCH, SHOUT, FOLDER))
    return plan_job(
        plugins, Settings(environ={}), source,
        to=to, output=None if output is None else Path(output), bitrate=bitrate,
    )  # fmt: skip


def refused(source: str, *specs: AnySpec, **more: object) -> str:
    """The sentence that a job is refused with; nothing was written by then."""
    before = sorted(Path().rglob("*"))
    with pytest.raises(UsageError) as caught:
        plan(source, *specs, **more)  # type: ignore[arg-type]
    assert sorted(Path().rglob("*")) == before
    message = caught.value.message
    assert KEY not in message
    assert len(message.splitlines()) == 1
    return message


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# -- what a job does ---------------------------------------------------------------------------


def test_a_file_becomes_a_file_in_the_current_folder(here: Path) -> None:
    result = run_job(plan("clip.txt"))
    assert (result.result, result.name, result.size) == ("clip.up", "clip.up", 4)
    assert result.seconds >= 0
    assert names(here) == ["clip.txt", "clip.up"]
    assert (here / "clip.up").read_text() == "CLIP"
    assert (here / "clip.txt").read_text() == "clip"


def test_a_link_becomes_a_file_under_the_name_that_was_fetched(here: Path) -> None:
    result = run_job(plan("fetch://song.bin"))
    assert (here / result.result).read_text() == "SONG.BIN"
    assert names(here) == ["clip.txt", "song.up"]


def test_a_fetched_name_that_is_taken_gets_a_number(here: Path) -> None:
    (here / "song.up").write_text("older")
    assert run_job(plan("fetch://song.bin")).result == "song (2).up"
    assert (here / "song.up").read_text() == "older"


@pytest.mark.parametrize(
    ("output", "written"),
    [("out.up", "out.up"), ("OUT.UP", "OUT.UP"), ("out", "out"), ("sub", "sub/clip.up")],
)
def test_the_output_is_a_file_or_a_folder(here: Path, output: str, written: str) -> None:
    (here / "sub").mkdir()
    assert run_job(plan("clip.txt", output=output)).result == written
    assert (here / written).read_text() == "CLIP"


def test_an_uploader_gets_the_result_and_no_file_is_left_here(here: Path) -> None:
    keep = Keep()
    to_keep = UploaderSpec("keep", "memory", lambda settings, target: keep, max_size=1000)
    job = plan("clip.txt", SHOUT, to_keep, to="keep", bitrate=128)
    assert job.request == ConversionRequest(128, 1000, format="shout")
    assert run_job(job).result == "keep://clip.up"
    assert keep.got == {"clip.up": "CLIP128"}
    assert names(here) == ["clip.txt"]


class Look:
    """Looks at links: says, or raises, what it was told to."""

    def __init__(self, answer: str | StageError) -> None:
        self.answer = answer
        self.seen: list[tuple[str, str, bool]] = []

    def run(self, link: str, file: Path, context: StageContext) -> str:
        self.seen.append((link, file.read_text(), context.untrusted))
        if isinstance(self.answer, StageError):
            raise self.answer
        return self.answer


def checked_by(look: Look, environ: dict[str, str] | None = None) -> Job:
    """A job whose link `look` is asked to look at."""
    specs = (
        *(SHOUT, UploaderSpec("keep", "memory", lambda settings, target: Keep())),
        LinkCheckerSpec("look", "looks", lambda settings: look),
    )
    settings = Settings(environ=environ or {})
    return plan_job(Plugins(specs=specs), settings, "clip.txt", to="keep", untrusted=True)


def test_a_link_is_looked_at_before_the_job_is_done(here: Path) -> None:
    look, messages = Look(""), []
    result = run_job(checked_by(look), callbacks=(lambda info: messages.append(info.message),))
    assert (result.result, result.note) == ("keep://clip.up", "")
    assert look.seen == [("keep://clip.up", "CLIP", True)]
    assert "Checking the link" in messages[:-1]


def test_a_link_that_cannot_be_looked_at_is_a_note(here: Path) -> None:
    messages: list[str] = []
    job = checked_by(Look("host answered\nHTTP 403"))
    result = run_job(job, callbacks=(lambda info: messages.append(info.message),))
    assert result.note == "the link could not be checked: host answered HTTP 403"
    assert messages[-1].endswith(f"; {result.note}")


def test_a_link_that_leads_to_no_file_is_a_failure(here: Path) -> None:
    with pytest.raises(StageError, match=r"^The file is not there\.$"):
        run_job(checked_by(Look(StageError("The file is not there."))))


def test_a_setting_leaves_links_unchecked(here: Path) -> None:
    look = Look(StageError("never asked"))
    job = checked_by(look, {"SIMILUBOT_CORE_CHECK_LINKS": "false"})
    assert run_job(job).result == "keep://clip.up"
    assert look.seen == []


def test_what_follows_the_uploaders_name_is_its_target(here: Path) -> None:
    (here / "a=b").mkdir()
    assert run_job(plan("clip.txt", to="folder=a=b")).result == "a=b/clip.up"


def test_a_given_downloader_is_taken_without_asking_any(here: Path) -> None:
    job = plan_job(Plugins(specs=(SHOUT,)), Settings(environ={}), "fetch://x", downloader=Fetch())
    assert run_job(job).name == "x.up"


# -- what is refused before any work -----------------------------------------------------------


def test_sources_that_cannot_be(here: Path) -> None:
    os.mkfifo(here / "pipe")
    (here / "sub").mkdir()
    assert refused("gone.mp4") == "There is no file gone.mp4."
    assert refused("sub") == "sub is a folder; name a file or a link."
    assert refused(".") == ". is a folder; name a file or a link."
    assert refused("") == "The source is empty; name a file or a link."
    assert refused("pipe") == "pipe is not a regular file; name a file or a link."
    assert refused("/dev/zero") == "/dev/zero is not a regular file; name a file or a link."
    assert refused("a\0b") == "There is no file a b."
    assert refused("a\x1b[2J\nb") == "There is no file a [2J b."


def test_a_name_that_is_too_long_for_a_file(here: Path) -> None:
    message = refused("x" * 300)
    assert message.startswith("The file xxx")
    assert message.endswith("cannot be read: File name too long.")


def test_links_that_nobody_takes_are_shown_without_their_key(here: Path) -> None:
    assert refused(f"https://host.example/file/x#{KEY}") == (
        "I can't download https://host.example/file/x…. Supported: fetch:// links."
    )
    assert refused(f"https://host.example/file/x#{KEY}", SHOUT) == (
        "I can't download https://host.example/file/x…. "
        "No downloader is installed; install one, such as similubot-mega."
    )
    assert refused(f"mega.nz/file/x#{KEY}") == "There is no file mega.nz/file/x…."


def test_a_link_that_two_plugins_take(here: Path) -> None:
    assert refused("fetch://x", FETCH, replace(FETCH, name="fetch-too"), SHOUT) == (
        "Several downloaders accept this link: fetch and fetch-too. Choose one with --from fetch, "
        'or for always with prefer = ["fetch"] in the table [core] of similubot.toml.'
    )


def test_a_downloader_that_stumbles_over_a_source_stops_no_other(
    here: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def stumble(source: str) -> bool:
        raise ValueError(source)

    specs = (replace(FETCH, name="broken", accepts=stumble), FETCH, SHOUT)
    assert run_job(plan(f"fetch://x#{KEY}", *specs)).name == "x.up"
    assert "The downloader broken raised ValueError" in caplog.text
    assert KEY not in caplog.text


def test_bitrates_that_cannot_be(here: Path) -> None:
    outside = "The format shout takes 8 to 320 kb/s; {} is outside of that."
    assert refused("clip.txt", bitrate=7) == outside.format(7)
    assert refused("clip.txt", bitrate=321) == outside.format(321)
    lossless = replace(SHOUT, bitrates=None)
    for bitrate in (0, -5):
        for converter in (SHOUT, lossless):
            assert refused("clip.txt", converter, bitrate=bitrate) == (
                f"{bitrate} is not a bitrate; give 1 kb/s or more."
            )
    assert refused("clip.txt", lossless, bitrate=128) == (
        "The format shout has no bitrate to choose; leave out --bitrate."
    )


def test_uploaders_that_there_are_not(here: Path) -> None:
    assert refused("clip.txt", to="nowhere") == (
        "There is no uploader 'nowhere'. Installed: folder."
    )
    assert "choose one" in refused("clip.txt", to="folder=.", output="x")
    assert refused("clip.txt", to="folder") == "Name the folder: --to folder=DIR."
    assert refused("clip.txt", to="folder=gone") == "There is no folder gone; make it first."


def test_outputs_that_cannot_be(here: Path) -> None:
    (here / "clip.up").write_text("older")
    (here / "dangling").symlink_to("nowhere")
    (here / "sub").mkdir()
    (here / "sub" / "clip.up").write_text("older")
    exists = "exists already; name another file with --output."
    assert refused("clip.txt") == f"clip.up {exists}"
    assert refused("clip.txt", output=".") == f"clip.up {exists}"
    assert refused("clip.txt", output="sub") == f"sub/clip.up {exists}"
    assert refused("clip.txt", output="clip.txt") == (
        "clip.txt is the source itself; name another file with --output."
    )
    assert refused("clip.txt", output="dangling") == f"dangling {exists}"
    assert refused("clip.txt", output="gone/x") == "There is no folder gone; make it first."
    assert refused("clip.txt", output="clip.txt/x") == "There is no folder clip.txt; make it first."
    assert "File name too long" in refused("clip.txt", output="x" * 300)
    assert (here / "clip.up").read_text() == "older"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that root cannot write")
def test_a_folder_that_cannot_be_written(here: Path) -> None:
    message = refused("clip.txt", output="/proc/x.m4a")
    assert message.startswith("Nothing can be written into /proc: ")
    assert message.endswith("; name another folder.")


# -- whatever happens, the job's folder goes and the source stays ------------------------------


@dataclass
class Stage:
    """A stage that does what a test wants of it."""

    do: Callable[[StageContext, object], object]

    def run(self, first: object, *more: object) -> object:
        context = more[-1]
        assert isinstance(context, StageContext)
        return self.do(context, first)


def job_with(downloader: object = None, converter: object = None, uploader: object = None) -> Job:
    return Job("clip.txt", downloader, converter or Shout(), uploader=uploader)  # type: ignore[arg-type]


def fail(context: StageContext, first: object) -> object:
    (context.folder / "half").write_text("half")
    raise StageError("It went wrong; try again.")


@pytest.mark.parametrize("stage", ["downloader", "converter", "uploader"])
@pytest.mark.parametrize(
    "error", [StageError("No."), Cancelled(), ValueError(), KeyboardInterrupt()]
)
def test_an_error_in_a_stage_goes_on_and_leaves_nothing(
    here: Path, stage: str, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = here / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))

    def do(context: StageContext, first: object) -> object:
        (context.folder / "half").write_text("half")
        raise error

    # What no stage should raise becomes a sentence that names the stage.
    expected = StageError if isinstance(error, ValueError) else type(error)
    with pytest.raises(expected):
        run_job(job_with(**{stage: Stage(do)}))
    assert names(here) == ["clip.txt", "tmp"]
    assert names(temporary) == []


def outside(context: StageContext, first: object) -> object:
    return Path("clip.txt").absolute()


def the_source(context: StageContext, first: object) -> object:
    return first


def a_way_out(context: StageContext, first: object) -> object:
    link = context.folder / "link"
    link.symlink_to(Path("clip.txt").absolute())
    return link


def missing(context: StageContext, first: object) -> object:
    return context.folder / "missing"


def a_folder(context: StageContext, first: object) -> object:
    return context.folder


def nothing(context: StageContext, first: object) -> object:
    return None


@pytest.mark.parametrize("do", [outside, the_source, a_way_out, missing, a_folder, nothing])
@pytest.mark.parametrize("stage", ["downloader", "converter"])
def test_a_stage_that_returns_no_file_of_its_own_costs_nobody_a_file(
    here: Path, stage: str, do: Callable[[StageContext, object], object]
) -> None:
    with pytest.raises(StageError, match=f"^The {stage} ended without a file in the job's folder"):
        run_job(job_with(**{stage: Stage(do)}))
    assert names(here) == ["clip.txt"]
    assert (here / "clip.txt").read_text() == "clip"


def test_a_stage_may_return_its_file_as_text_or_in_a_folder_below(here: Path) -> None:
    def below(context: StageContext, first: object) -> object:
        (context.folder / "a").mkdir()
        (context.folder / "a" / "x.bin").write_text("x")
        return str(context.folder / "a" / "x.bin")

    assert run_job(job_with(downloader=Stage(below))).result == "x.up"


def test_each_stage_has_an_empty_folder_of_its_own(here: Path) -> None:
    seen: list[Path] = []

    def note(context: StageContext, first: object) -> object:
        assert names(context.folder) == []
        seen.append(context.folder.resolve())
        file = context.folder / "x"
        file.write_text("x")
        return file

    def link(context: StageContext, first: object) -> object:
        note(context, first)
        return "link://x"

    run_job(job_with(Stage(note), Stage(note), Stage(link)))
    assert len(set(seen)) == 3
    assert not any(folder.exists() for folder in seen)


def test_a_result_whose_name_was_taken_meanwhile_is_not_lost_over_it(here: Path) -> None:
    def convert(context: StageContext, first: object) -> object:
        Path("out.m4a").write_text("another's")
        (context.folder / "x").write_text("x")
        return context.folder / "x"

    job = replace(job_with(converter=Stage(convert)), output=Path("out.m4a"))
    with pytest.raises(StageError, match=r"^out\.m4a exists by now; name another file with --outp"):
        run_job(job)
    assert (here / "out.m4a").read_text() == "another's"
    assert names(here) == ["clip.txt", "out.m4a"]


# -- cancel ------------------------------------------------------------------------------------


def test_a_job_that_is_cancelled_before_it_begins_does_nothing(here: Path) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        run_job(plan("fetch://x"), cancel=token)
    assert names(here) == ["clip.txt"]


@pytest.mark.parametrize("stage", ["downloader", "converter"])
def test_a_cancel_that_a_stage_does_not_see_ends_the_job_after_it(here: Path, stage: str) -> None:
    token = CancelToken()

    def do(context: StageContext, first: object) -> object:
        token.cancel()
        (context.folder / "x").write_text("x")
        return context.folder / "x"

    with pytest.raises(Cancelled):
        run_job(job_with(**{stage: Stage(do)}), cancel=token)
    assert names(here) == ["clip.txt"]


def test_every_stage_gets_the_jobs_token_and_callbacks(here: Path) -> None:
    token, seen = CancelToken(), list[StageContext]()

    def do(context: StageContext, first: object) -> object:
        seen.append(context)
        (context.folder / "x").write_text("x")
        return context.folder / "x"

    def link(context: StageContext, first: object) -> object:
        do(context, first)
        return "link://x"

    run_job(job_with(Stage(do), Stage(do), Stage(link)), cancel=token, callbacks=(print,))
    assert [context.cancel for context in seen] == [token] * 3
    assert {context.callbacks for context in seen} == {(print,)}


# -- going on after an interruption ------------------------------------------------------------


def test_a_job_run_again_in_its_folder_does_not_download_again(here: Path) -> None:
    fetched: list[str] = []

    class Count(Fetch):
        def run(self, source: str, context: StageContext) -> Path:
            fetched.append(source)
            return super().run(source, context)

    job = Job("fetch://song.bin", Count(), Stage(fail))  # type: ignore[arg-type]
    with pytest.raises(StageError):
        run_job(job, resume_in=here / "mine")
    result = run_job(replace(job, converter=Shout()), resume_in=here / "mine")
    assert result.name == "song.up"
    assert fetched == ["fetch://song.bin"]
    assert (here / "mine").is_dir()  # it is the caller's


def test_a_downloader_finds_what_it_left(here: Path) -> None:
    found: list[list[str]] = []

    def download(context: StageContext, first: object) -> object:
        found.append(names(context.folder))
        (context.folder / "part").write_text("part")
        if len(found) == 1:
            raise StageError("The line broke.")
        return context.folder / "part"

    job = job_with(downloader=Stage(download))
    with pytest.raises(StageError):
        run_job(job, resume_in=here / "mine")
    run_job(job, resume_in=here / "mine")
    assert found == [[], ["part"]]


def test_jobs_do_not_disturb_each_other(here: Path) -> None:
    results: list[str] = []
    barrier = threading.Barrier(4)

    def work(number: int) -> None:
        barrier.wait(20)
        results.append(run_job(plan("fetch://song.bin")).result)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(set(results)) == 4
    assert names(here) == ["clip.txt", *sorted(results)]
