"""Downloads from Kaggle: the real client against a local server that breaks in every way that lines break."""

from __future__ import annotations

import os
import shutil
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from kaggle_server import KEY, SIGNATURE, SLUG, USER, Fault, Heard, KaggleServer, reach, swift, zipped

from outfold.errors import DataError, HostError
from outfold.hosts.kaggle import KaggleHost
from outfold.hosts.zip_files import Limits

FILES = {
    "train.csv": b"id,label\n" + b"".join(b"%d,%d\n" % (i, i % 3) for i in range(3000)),
    "images/a.png": os.urandom(200_000),
    "images/deep/b.png": os.urandom(1000),
    "empty.txt": b"",
    "sample_submission.csv": b"id,label\n1,0\n",
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[KaggleServer]:
    server = KaggleServer(FILES)
    reach(monkeypatch, tmp_path / "home", server)
    monkeypatch.setenv("KAGGLE_USERNAME", USER)
    monkeypatch.setenv("KAGGLE_KEY", KEY)
    yield server
    server.close()


@pytest.fixture
def host() -> KaggleHost:
    return KaggleHost(SLUG, swift())


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    return tmp_path / "contest" / "inputs"


def arrived(inputs: Path) -> dict[str, bytes]:
    return {
        path.relative_to(inputs).as_posix(): path.read_bytes()
        for path in inputs.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def test_everything_arrives_byte_for_byte_and_nothing_is_left_beside(
    server: KaggleServer, host: KaggleHost, inputs: Path
) -> None:
    host.download(inputs, Heard())
    assert arrived(inputs) == FILES
    assert [path.name for path in inputs.parent.iterdir()] == ["inputs"]


def test_every_page_of_the_list_of_files_is_read(server: KaggleServer, host: KaggleHost, inputs: Path) -> None:
    host.download(inputs, Heard())
    assert server.count("ListDataFiles") == 3


def test_when_all_is_there_kaggle_is_not_even_asked(server: KaggleServer, host: KaggleHost, inputs: Path) -> None:
    host.download(inputs, Heard())
    asked, heard = len(server.calls), Heard()
    KaggleHost(SLUG, swift()).download(inputs, heard)
    assert len(server.calls) == asked
    assert "all 5 files are there and whole" in heard.text


@pytest.mark.parametrize("damage", ["changed", "cut", "gone"])
def test_a_file_that_is_no_longer_what_came_is_downloaded_again(
    server: KaggleServer, host: KaggleHost, inputs: Path, damage: str
) -> None:
    host.download(inputs, Heard())
    victim = inputs / "train.csv"
    if damage == "gone":
        victim.unlink()
    else:
        data = victim.read_bytes()
        victim.write_bytes(data[:-5] if damage == "cut" else data[:-1] + b"!")
    heard = Heard()
    host.download(inputs, heard)
    assert arrived(inputs) == FILES
    assert "train.csv" in heard.text


def test_files_of_the_user_in_inputs_are_left_alone(server: KaggleServer, host: KaggleHost, inputs: Path) -> None:
    inputs.mkdir(parents=True)
    (inputs / "external.csv").write_text("mine")
    host.download(inputs, Heard())
    assert (inputs / "external.csv").read_text() == "mine"


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("train.csv/mine.txt", "train.csv: a folder where a file comes"),
        ("images", "images: a file where a folder comes"),
        ("images/deep", "images/deep: a file where a folder comes"),
        ("images/a.png/mine.txt", "images/a.png: a folder where a file comes"),
    ],
)
def test_what_collides_with_the_download_is_told_and_nothing_is_lost(
    server: KaggleServer, host: KaggleHost, inputs: Path, place: str, told: str
) -> None:
    own = inputs / place
    own.parent.mkdir(parents=True)
    own.write_text("mine")
    with pytest.raises(DataError, match=told) as caught:
        host.download(inputs, Heard())
    assert arrived(inputs) == {place: b"mine"} and "Move what is there elsewhere" in (caught.value.remedy or "")
    own.rename(inputs.parent / "mine.txt")
    shutil.rmtree(inputs)
    downloads = server.count("blob")
    host.download(inputs, Heard())
    assert arrived(inputs) == FILES
    assert server.count("blob") == downloads, "what was downloaded is kept"


def test_ones_own_file_of_the_same_name_is_kept_and_told(server: KaggleServer, host: KaggleHost, inputs: Path) -> None:
    inputs.mkdir(parents=True)
    (inputs / "train.csv").write_text("mine")
    (inputs / "empty.txt").write_bytes(b"")
    heard = Heard()
    host.download(inputs, heard)
    assert arrived(inputs) == FILES
    assert (inputs / ".train.csv.replaced").read_text() == "mine"
    assert "warning:" in heard.text and "train.csv: they are kept" in heard.text
    assert not (inputs / ".empty.txt.replaced").exists()


@pytest.mark.parametrize("cut", [0, 1, 1000, 100_000, -1])
def test_a_body_that_is_cut_is_resumed_where_it_stopped(
    server: KaggleServer, host: KaggleHost, inputs: Path, cut: int
) -> None:
    cut = cut % len(server.archive)
    server.suffer("blob", Fault(cut=cut))
    host.download(inputs, Heard())
    assert arrived(inputs) == FILES
    ranges = [headers.get("Range") for name, headers, _ in server.calls if name == "blob"]
    assert f"bytes={cut}-" in ranges or cut == 0


def test_a_line_that_breaks_many_times_is_no_obstacle_while_bytes_come(
    server: KaggleServer, host: KaggleHost, inputs: Path
) -> None:
    # the client opens the whole body first, and then the range: each second request is the resumed one
    server.suffer("blob", Fault(cut=20_000), *[each for _ in range(9) for each in (Fault(), Fault(cut=20_000))])
    host.download(inputs, Heard())
    assert arrived(inputs) == FILES


def test_a_resume_that_is_refused_does_not_touch_what_came(
    server: KaggleServer, host: KaggleHost, inputs: Path
) -> None:
    server.suffer("blob", Fault(cut=90_000), Fault(), Fault(status=403, message="expired"))
    host.download(inputs, Heard())
    assert arrived(inputs) == FILES
    ranges = [headers.get("Range") for name, headers, _ in server.calls if name == "blob"]
    assert ranges.count("bytes=90000-") == 2


def test_a_file_that_changes_between_two_tries_is_never_mixed(
    server: KaggleServer, host: KaggleHost, inputs: Path
) -> None:
    server.suffer("blob", Fault(cut=90_000))
    begun = server.archive
    changed = {**FILES, "train.csv": FILES["train.csv"][::-1]}

    def change(*_: object) -> None:
        server.archive = zipped(changed)

    host.patience = swift(sleep=change)
    host.download(inputs, Heard())
    assert server.archive != begun
    assert arrived(inputs) == changed


def test_a_killed_download_goes_on_in_the_next_run(server: KaggleServer, inputs: Path) -> None:
    class Killed(BaseException):
        pass

    def kill(_: float) -> None:
        raise Killed

    server.suffer("blob", Fault(cut=120_000))
    with pytest.raises(Killed):
        KaggleHost(SLUG, swift(sleep=kill)).download(inputs, Heard())
    assert not inputs.exists()
    KaggleHost(SLUG, swift()).download(inputs, Heard())
    assert arrived(inputs) == FILES
    assert any(headers.get("Range") == "bytes=120000-" for name, headers, _ in server.calls if name == "blob")


def test_a_body_that_stalls_does_not_hang(server: KaggleServer, host: KaggleHost, inputs: Path) -> None:
    server.suffer("blob", Fault(stall=50_000))
    host.download(inputs, Heard())
    assert arrived(inputs) == FILES


def test_a_line_that_stalls_for_ever_ends_in_an_error_and_keeps_what_came(server: KaggleServer, inputs: Path) -> None:
    server.suffer("blob", Fault(cut=50_000))
    server.always["blob"] = Fault(stall=0)
    with pytest.raises(HostError, match="could not be made, or broke") as caught:
        KaggleHost(SLUG, swift(read_s=0.1, attempts=2)).download(inputs, Heard())
    assert "what was downloaded is kept" in str(caught.value)
    server.always.clear()
    KaggleHost(SLUG, swift()).download(inputs, Heard())
    assert arrived(inputs) == FILES
    assert server.calls[-1][1]["Range"] == "bytes=50000-"


def test_the_deadline_ends_a_download_that_only_trickles(server: KaggleServer, inputs: Path) -> None:
    now = iter(range(0, 10_000_000, 600))
    server.always["blob"] = Fault(cut=10)
    with pytest.raises(HostError, match="took too long"):
        KaggleHost(SLUG, swift(clock=lambda: float(next(now)))).download(inputs, Heard())


def test_a_truncated_body_without_a_length_is_noticed(server: KaggleServer, host: KaggleHost, inputs: Path) -> None:
    server.suffer("blob", Fault(no_length=True, cut=100_000))
    heard = Heard()
    host.download(inputs, heard)
    assert arrived(inputs) == FILES
    assert "is damaged" in heard.text


def test_a_body_without_a_length_that_is_whole_is_taken(server: KaggleServer, host: KaggleHost, inputs: Path) -> None:
    server.suffer("blob", Fault(no_length=True))
    host.download(inputs, Heard())
    assert arrived(inputs) == FILES
    assert server.count("blob") == 1


def test_a_zip_that_is_damaged_twice_is_an_error_and_nothing_is_moved(
    server: KaggleServer, host: KaggleHost, inputs: Path
) -> None:
    middle = len(server.archive) // 2
    server.archive = server.archive[:middle] + b"rubbish!" + server.archive[middle + 8 :]
    with pytest.raises(DataError, match="damaged"):
        host.download(inputs, Heard())
    assert server.count("DownloadDataFiles") == 2
    assert not inputs.exists()


def test_a_size_that_is_not_the_listed_one_is_an_error_and_the_next_run_begins_anew(
    server: KaggleServer, host: KaggleHost, inputs: Path
) -> None:
    server.sizes["train.csv"] += 1
    with pytest.raises(DataError, match=r"train\.csv came with"):
        host.download(inputs, Heard())
    assert not inputs.exists()
    server.sizes["train.csv"] -= 1
    host.download(inputs, Heard())
    assert arrived(inputs) == FILES


def test_a_listed_file_that_does_not_come_is_named(server: KaggleServer, host: KaggleHost, inputs: Path) -> None:
    server.sizes["test.csv"] = 5
    with pytest.raises(DataError, match=r"lacks 1 of the files that Kaggle lists: test\.csv"):
        host.download(inputs, Heard())


@pytest.mark.parametrize("name", ["../evil.csv", "/etc/evil.csv", "C:\\evil.csv"])
def test_a_name_that_leads_out_is_refused_and_nothing_is_moved(
    server: KaggleServer, host: KaggleHost, inputs: Path, name: str
) -> None:
    server.archive = zipped({**FILES, name: b"evil"})
    with pytest.raises(DataError, match="leads out of its folder"):
        host.download(inputs, Heard())
    assert not inputs.exists()
    assert not list(inputs.parent.parent.rglob("*evil*"))


def test_a_bomb_is_refused(server: KaggleServer, inputs: Path) -> None:
    server.archive = zipped({**FILES, "zeros": bytes(50_000_000)})
    with pytest.raises(DataError, match="no honest archive"):
        KaggleHost(SLUG, swift(), Limits(floor=1_000_000, ratio=20)).download(inputs, Heard())
    assert not inputs.exists()


def test_archives_within_are_opened_and_checked_against_the_list(
    server: KaggleServer, host: KaggleHost, inputs: Path
) -> None:
    images = zipped({"1.png": b"one", "2.png": b"two"})
    server.archive = zipped({"train.zip": images, "labels.csv.zip": zipped({"labels.csv": b"id,label\n"})})
    server.sizes = {"train.zip": len(images), "labels.csv.zip": len(zipped({"labels.csv": b"id,label\n"}))}
    host.download(inputs, Heard())
    assert arrived(inputs) == {"train/1.png": b"one", "train/2.png": b"two", "labels.csv": b"id,label\n"}
    asked = len(server.calls)
    host.download(inputs, Heard())
    assert len(server.calls) == asked


def test_a_packing_that_cannot_be_opened_here_is_kept_and_the_command_named(
    server: KaggleServer, host: KaggleHost, inputs: Path
) -> None:
    server.archive = zipped({"train.7z": b"7z..."})
    server.sizes = {"train.7z": 5}
    heard = Heard()
    host.download(inputs, heard)
    assert arrived(inputs) == {"train.7z": b"7z..."}
    assert "7z x train.7z" in heard.text


def test_a_contest_of_one_file_may_come_unpacked(server: KaggleServer, host: KaggleHost, inputs: Path) -> None:
    server.archive, server.archive_name, server.sizes = b"id\n1\n", "data.csv", {"data.csv": 5}
    host.download(inputs, Heard())
    assert arrived(inputs) == {"data.csv": b"id\n1\n"}


@pytest.mark.parametrize("endpoint", ["ListDataFiles", "DownloadDataFiles", "blob"])
@pytest.mark.parametrize("fault", [Fault(status=500), Fault(status=503), Fault(status=429), Fault(drop="before")])
def test_a_failure_that_passes_is_overcome(
    server: KaggleServer, host: KaggleHost, inputs: Path, endpoint: str, fault: Fault
) -> None:
    server.suffer(endpoint, fault, fault)
    host.download(inputs, Heard())
    assert arrived(inputs) == FILES


def test_the_server_says_how_long_to_wait(server: KaggleServer, inputs: Path) -> None:
    in_a_minute = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    server.suffer(
        "ListDataFiles",
        Fault(status=429, headers={"Retry-After": "7"}),
        Fault(status=503, headers={"Retry-After": in_a_minute}),
        Fault(status=429),
    )
    slept: list[float] = []
    KaggleHost(SLUG, swift(sleep=slept.append)).download(inputs, Heard())
    assert slept[0] == 7
    assert 50 < slept[1] <= 60
    assert slept[2] == pytest.approx(0.04)


def test_a_wait_beyond_the_deadline_is_not_begun(server: KaggleServer, inputs: Path) -> None:
    server.suffer("ListDataFiles", Fault(status=429, headers={"Retry-After": "86400"}))
    slept: list[float] = []
    with pytest.raises(HostError, match="slower pace"):
        KaggleHost(SLUG, swift(sleep=slept.append)).download(inputs, Heard())
    assert slept == []


def test_pauses_double_and_the_tries_are_counted(server: KaggleServer, inputs: Path) -> None:
    server.always["ListDataFiles"] = Fault(status=502)
    slept: list[float] = []
    with pytest.raises(HostError, match=r"servers failed \(502\)"):
        KaggleHost(SLUG, swift(sleep=slept.append, attempts=5)).download(inputs, Heard())
    assert slept == pytest.approx([0.01, 0.02, 0.04, 0.08])


@pytest.mark.parametrize(
    ("status", "said", "remedy"),
    [
        (401, "did not accept the credentials from the variables KAGGLE_USERNAME", "kaggle.com/settings/api"),
        (403, "You must accept this competition's rules", f"https://www.kaggle.com/competitions/{SLUG}/rules"),
        (404, f"knows no contest '{SLUG}'", "slug:"),
    ],
)
def test_a_refusal_says_what_to_do_and_is_not_tried_again(
    server: KaggleServer, host: KaggleHost, inputs: Path, status: int, said: str, remedy: str
) -> None:
    server.always["ListDataFiles"] = Fault(status=status, message="You must accept this competition's rules")
    with pytest.raises(HostError) as caught:
        host.download(inputs, Heard())
    assert said in caught.value.message
    assert remedy in str(caught.value.remedy)
    assert server.count("ListDataFiles") == 1


def test_a_portal_that_answers_for_kaggle_is_no_traceback(server: KaggleServer, host: KaggleHost, inputs: Path) -> None:
    server.always["ListDataFiles"] = Fault(lie=b"<html>please log in to the hotel</html>")
    with pytest.raises(HostError, match="could not be read"):
        host.download(inputs, Heard())


def test_a_disk_that_is_too_small_is_noticed_before_the_download(
    server: KaggleServer, host: KaggleHost, inputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from outfold.hosts import fetch

    monkeypatch.setattr(fetch, "_SPARE", 1 << 60)
    with pytest.raises(HostError, match="free"):
        host.download(inputs, Heard())
    assert not (inputs.parent / ".inputs.download" / "part").exists()


def test_no_secret_is_said_or_written(
    server: KaggleServer, inputs: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    heard = Heard()
    host = KaggleHost(SLUG, swift(read_s=0.1, attempts=2))
    told = []
    for fault in (
        Fault(stall=0),
        Fault(cut=0),
        Fault(status=403, message=f"key {KEY} is wrong"),
        Fault(status=500),
        Fault(drop="before"),
    ):
        server.always["blob"] = fault
        with pytest.raises(HostError) as caught:
            host.download(inputs, heard)
        told += [
            *traceback.format_exception(caught.value),
            repr(caught.value.__context__),
            repr(caught.value.__cause__),
        ]
    server.always.clear()
    host.download(inputs, heard)
    told += [heard.text, *capfd.readouterr(), repr(vars(host)), repr(host.describe())]
    told += [path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file()]
    for secret in (KEY, SIGNATURE):
        assert not [text for text in told if secret in text]
