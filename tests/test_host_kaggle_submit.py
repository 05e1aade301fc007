"""Submissions to Kaggle: exactly one, whatever the line does, and a score or a plain word about it."""

from __future__ import annotations

import hashlib
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from kaggle_server import KEY, SIGNATURE, SLUG, USER, Fault, Heard, KaggleServer, reach, swift

from outfold.errors import HostError, SubmissionError
from outfold.hosts.host import Scored
from outfold.hosts.kaggle import KaggleHost
from outfold.hosts.kaggle_submit import mark


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[KaggleServer]:
    server = KaggleServer({"train.csv": b"id\n1\n"})
    reach(monkeypatch, tmp_path / "home", server)
    monkeypatch.setenv("KAGGLE_USERNAME", USER)
    monkeypatch.setenv("KAGGLE_KEY", KEY)
    yield server
    server.close()


@pytest.fixture
def host() -> KaggleHost:
    return KaggleHost(SLUG, swift())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "blend.csv"
    path.write_text("id,label\n1,0\n2,1\n")
    return path


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_the_file_arrives_whole_under_its_name_with_its_message(
    server: KaggleServer, host: KaggleHost, file: Path
) -> None:
    scored = host.submit(file, "a blend, of three", Heard(), wait_s=5)
    assert scored == Scored("complete", public=0.75, private=None, ref="1000")
    (sent,) = server.submissions
    assert sent["fileName"] == "blend.csv"
    assert sent["description"] == f"a blend, of three {mark(digest(file))}"
    assert sent["sha256"] == digest(file)


def test_what_is_left_of_the_day_is_said_before_anything_is_sent(
    server: KaggleServer, host: KaggleHost, file: Path
) -> None:
    heard = Heard()
    host.submit(file, "", heard, wait_s=5)
    assert "0 sent today, 5 left" in heard.text
    order = [name for name, _, _ in server.calls]
    assert order.index("GetSubmissionLimits") < order.index("StartSubmissionUpload")


def test_with_none_left_nothing_is_sent_and_the_hour_is_named(
    server: KaggleServer, host: KaggleHost, file: Path
) -> None:
    server.limits = {"numToday": 5, "numTotal": 40, "numAllowedNow": 0}
    with pytest.raises(HostError, match="none of today's submissions is left") as caught:
        host.submit(file, "", Heard(), wait_s=5)
    assert "00:00 UTC" in str(caught.value)
    assert server.count("StartSubmissionUpload") == 0


def test_the_limit_for_all_time_is_told_apart(server: KaggleServer, host: KaggleHost, file: Path) -> None:
    server.limits = {"numToday": 0, "numTotal": 100, "numAllowedNow": 0, "limitedByTotal": True}
    with pytest.raises(HostError, match="for all time"):
        host.submit(file, "", Heard(), wait_s=5)


def test_the_first_submission_ever_is_possible_though_all_limits_are_zero(
    server: KaggleServer, host: KaggleHost, file: Path
) -> None:
    server.limits = {"numToday": 0, "numTotal": 0, "numAllowedNow": 0}
    assert host.submit(file, "", Heard(), wait_s=5).status == "complete"


def test_an_empty_file_is_not_sent(server: KaggleServer, host: KaggleHost, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    with pytest.raises(SubmissionError, match="empty"):
        host.submit(tmp_path / "empty.csv", "", Heard(), wait_s=5)
    assert server.count("StartSubmissionUpload") == 0


def test_the_same_bytes_are_not_sent_twice(server: KaggleServer, host: KaggleHost, file: Path) -> None:
    first = host.submit(file, "once", Heard(), wait_s=5)
    heard = Heard()
    assert host.submit(file, "twice", heard, wait_s=5) == first
    assert len(server.submissions) == 1
    assert "not sent again" in heard.text


def test_a_file_that_kaggle_could_not_score_may_be_sent_again(
    server: KaggleServer, host: KaggleHost, file: Path
) -> None:
    server.scored = {"status": "ERROR", "errorDescription": "Evaluation Exception: Submission must have 418 rows"}
    failed = host.submit(file, "", Heard(), wait_s=5)
    assert (failed.status, failed.message) == ("error", "Evaluation Exception: Submission must have 418 rows")
    server.scored = {"status": "COMPLETE", "publicScore": "0.5", "privateScore": "0.25"}
    again = host.submit(file, "", Heard(), wait_s=5)
    assert (again.status, again.public, again.private, again.ref) == ("complete", 0.5, 0.25, "1001")


def test_a_refused_upload_is_an_error_and_submits_nothing(server: KaggleServer, host: KaggleHost, file: Path) -> None:
    server.always["put"] = Fault(status=403)
    with pytest.raises(HostError, match=r"the upload: .*403"):
        host.submit(file, "", Heard(), wait_s=5)
    assert server.count("CreateSubmission") == 0


def test_an_upload_that_breaks_is_begun_anew(server: KaggleServer, host: KaggleHost, file: Path) -> None:
    server.suffer("put", Fault(drop="before"), Fault(status=503))
    assert host.submit(file, "", Heard(), wait_s=5).status == "complete"
    assert [each["sha256"] for each in server.submissions] == [digest(file)]


def test_a_submission_without_a_number_is_an_error(server: KaggleServer, host: KaggleHost, file: Path) -> None:
    # what the client's own submit returns, in silence, when the upload was refused
    server.suffer("put", Fault(lie=b"ok"))
    with pytest.raises(HostError, match="Could not submit to competition"):
        host.submit(file, "", Heard(), wait_s=5)


@pytest.mark.parametrize("registered", ["after", "before"])
@pytest.mark.parametrize("times", [1, 2])
def test_a_line_that_breaks_while_submitting_leaves_exactly_one_submission(
    server: KaggleServer, host: KaggleHost, file: Path, registered: str, times: int
) -> None:
    server.suffer("CreateSubmission", *[Fault(drop=registered)] * times)
    assert host.submit(file, "", Heard(), wait_s=5).status == "complete"
    assert len(server.submissions) == 1


def test_an_answer_that_cannot_be_read_leaves_exactly_one_submission(
    server: KaggleServer, host: KaggleHost, file: Path
) -> None:
    server.suffer("CreateSubmission", Fault(lie=b"<html>"))
    with pytest.raises(HostError, match="could not be read"):
        host.submit(file, "", Heard(), wait_s=5)
    assert server.submissions == []
    assert host.submit(file, "", Heard(), wait_s=5).status == "complete"
    assert len(server.submissions) == 1


def test_a_list_that_lags_behind_is_read_again_before_another_try(
    server: KaggleServer, host: KaggleHost, file: Path
) -> None:
    shown: list[dict[str, object]] = []
    real = server._ListSubmissions

    def lagging(request: object) -> dict[str, object]:
        # the first look after the break does not show the submission yet
        answer = real(request)
        if server.submissions and not shown:
            shown.append(answer)
            return {"submissions": [], "nextPageToken": ""}
        return answer

    server._ListSubmissions = lagging  # type: ignore[method-assign]
    server.suffer("CreateSubmission", Fault(drop="after"))
    assert host.submit(file, "", Heard(), wait_s=5).status == "complete"
    assert len(server.submissions) == 1


def test_a_description_that_kaggle_shortens_is_still_known_after_a_break(
    server: KaggleServer, host: KaggleHost, file: Path
) -> None:
    server.longest_description = 10
    server.suffer("CreateSubmission", Fault(drop="after"))
    assert host.submit(file, "a long description", Heard(), wait_s=5).status == "complete"
    assert len(server.submissions) == 1


def test_a_team_mates_submission_of_that_moment_is_not_taken_for_ours(
    server: KaggleServer, host: KaggleHost, file: Path
) -> None:
    real = server._GetSubmissionLimits

    def meanwhile(request: object) -> dict[str, object]:
        told = real(request)
        theirs = {"ref": 500, "fileName": "blend.csv", "date": "2018-01-31T00:00:00.000Z", "description": "theirs"}
        server.submissions.append({**theirs, "status": "COMPLETE", "publicScore": "0.1", "sha256": "other"})
        return told

    server._GetSubmissionLimits = meanwhile  # type: ignore[method-assign]
    server.suffer("CreateSubmission", Fault(drop="before"))
    assert host.submit(file, "ours", Heard(), wait_s=5).public == 0.75
    assert [each["sha256"] for each in server.submissions] == ["other", digest(file)]


def test_another_file_of_the_same_name_is_not_taken_for_this_one(
    server: KaggleServer, host: KaggleHost, file: Path
) -> None:
    host.submit(file, "", Heard(), wait_s=5)
    file.write_text("id,label\n1,1\n2,0\n")
    server.suffer("CreateSubmission", Fault(drop="before"))
    assert host.submit(file, "", Heard(), wait_s=5).ref == "1001"
    assert len({each["sha256"] for each in server.submissions}) == 2


def test_a_slower_pace_is_kept_while_submitting(server: KaggleServer, file: Path) -> None:
    server.suffer("CreateSubmission", Fault(status=429, headers={"Retry-After": "9"}))
    slept: list[float] = []
    KaggleHost(SLUG, swift(sleep=slept.append)).submit(file, "", Heard(), wait_s=5)
    assert slept[0] == 9
    assert len(server.submissions) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refusal_is_final_and_in_kaggles_words(
    server: KaggleServer, host: KaggleHost, file: Path, status: int
) -> None:
    server.always["CreateSubmission"] = Fault(status=status, message="Submission not allowed: verify your phone")
    with pytest.raises(HostError, match="verify your phone"):
        host.submit(file, "", Heard(), wait_s=5)
    assert server.count("CreateSubmission") == 1


@pytest.mark.parametrize(
    ("message", "remedy"),
    [
        ("This competition only accepts Submissions from Notebooks.", "from notebooks on Kaggle alone"),
        ("", "competitions/a-contest"),
    ],
)
def test_a_refused_submission_says_what_to_do(
    server: KaggleServer, host: KaggleHost, file: Path, message: str, remedy: str
) -> None:
    server.always["CreateSubmission"] = Fault(status=400, message=message)
    with pytest.raises(HostError) as caught:
        host.submit(file, "", Heard(), wait_s=5)
    assert remedy in (caught.value.remedy or "")


def test_a_score_that_takes_its_time_is_waited_for(server: KaggleServer, host: KaggleHost, file: Path) -> None:
    server.pending_for = 4
    assert host.submit(file, "", Heard(), wait_s=5).public == 0.75


def test_a_score_that_does_not_come_is_pending_and_can_be_asked_for_later(
    server: KaggleServer, host: KaggleHost, file: Path
) -> None:
    server.pending_for = 10_000
    scored = host.submit(file, "", Heard(), wait_s=0.1)
    assert (scored.status, scored.public, scored.ref) == ("pending", None, "1000")
    assert host.status(file, digest(file), Heard()) == Scored("pending", message="sent, and not scored yet", ref="1000")
    server.pending_for = 0
    assert host.status(file, digest(file), Heard()) == Scored("complete", public=0.75, ref="1000")


def test_an_outage_while_waiting_does_not_lose_the_submission(
    server: KaggleServer, host: KaggleHost, file: Path
) -> None:
    server.suffer("ListSubmissions", Fault(), *[Fault(status=500)] * 3)
    assert host.submit(file, "", Heard(), wait_s=5).status == "complete"


def test_a_file_that_was_never_sent_has_no_status(server: KaggleServer, host: KaggleHost, file: Path) -> None:
    assert host.status(file, digest(file), Heard()) is None


@pytest.mark.parametrize("numbered", [False, True])
def test_a_submission_on_a_later_page_is_found(
    server: KaggleServer, host: KaggleHost, file: Path, numbered: bool
) -> None:
    first = host.submit(file, "", Heard(), wait_s=5)
    server.numbered_pages, server.page = numbered, 150
    for number in range(450):
        server.submissions.append({**server.submissions[0], "ref": 2000 + number, "description": "by hand"})
    assert host.status(file, digest(file), Heard()) == first


def test_no_secret_is_said(server: KaggleServer, file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    host, heard = KaggleHost(SLUG, swift(attempts=2)), Heard()
    told = []
    for endpoint in ("put", "CreateSubmission", "StartSubmissionUpload", "ListSubmissions"):
        for fault in (Fault(status=500, message=f"wrong: {KEY}"), Fault(status=403), Fault(drop="before")):
            server.always = {endpoint: fault}
            with pytest.raises(HostError) as caught:
                host.submit(file, "", heard, wait_s=0)
            told += [*traceback.format_exception(caught.value), repr(caught.value.__context__)]
    told += [heard.text, *capfd.readouterr()]
    for secret in (KEY, SIGNATURE):
        assert not [text for text in told if secret in text]
