"""The whole chain against Kaggle's wire, through the command line and the unmodified client."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import TABULAR, outfold, write_contest
from kaggle_server import KEY, SLUG, USER, KaggleServer, reach

from outfold.store import ledger

COMPETITION = TABULAR.replace("host: folder", "host: kaggle").replace("slug: my-contest", f"slug: {SLUG}")
COMPETITION = COMPETITION.replace("solution: solution.csv\n", "")


@pytest.fixture
def contest(tabular: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, KaggleServer]]:
    """A contest folder without data; its files lie on the server."""
    files = {path.name: path.read_bytes() for path in (tabular / "inputs").iterdir()}
    root = tmp_path / "fork"
    pipelines = {path.stem: path.read_text() for path in (tabular / "pipelines").glob("*.yaml")}
    write_contest(root, COMPETITION, **pipelines)
    server = KaggleServer(files)
    reach(monkeypatch, tmp_path / "home", server)
    monkeypatch.setenv("KAGGLE_USERNAME", USER)
    monkeypatch.setenv("KAGGLE_KEY", KEY)
    yield root, server
    server.close()


def test_from_nothing_to_a_scored_submission(contest: tuple[Path, KaggleServer]) -> None:
    root, server = contest
    said = [outfold(root, stage).stdout for stage in ("download", "split", "train", "predict", "ensemble")]
    assert sorted(path.name for path in (root / "inputs").glob("*.csv")) == [
        "sample_submission.csv",
        "test.csv",
        "train.csv",
    ]
    last = outfold(root, "submit", "--message", "first try").stdout
    assert "5 left" in last
    assert "public leaderboard" in last
    (sent,) = server.submissions
    assert sent["description"].startswith("first try")
    row = ledger.read(root / "submissions" / "ledger.csv").iloc[0]
    assert (row["status"], row["public_score"], row["message"]) == ("complete", 0.75, "first try")
    assert row["sha256"] == sent["sha256"]

    for stage in ("download", "submit"):
        assert "up to date" in outfold(root, stage).stdout
    assert len(server.submissions) == 1

    written = [path.read_bytes() for path in root.rglob("*") if path.is_file()]
    assert not any(KEY.encode() in data for data in written)
    assert KEY not in "".join([*said, last])


def test_a_score_that_takes_its_time_is_asked_for_again(contest: tuple[Path, KaggleServer]) -> None:
    root, server = contest
    for stage in ("download", "split", "train", "predict", "ensemble"):
        outfold(root, stage)
    server.pending_for = 1_000
    assert "not scored yet" in outfold(root, "submit", "--wait", "1").stdout
    path = root / "submissions" / "ledger.csv"
    assert ledger.read(path).iloc[0]["status"] == "pending"
    server.pending_for = 0
    assert "complete, public 0.75" in outfold(root, "submit").stdout
    assert ledger.read(path).iloc[0]["public_score"] == 0.75
    assert len(server.submissions) == 1


def test_without_credentials_it_says_how_to_get_them(
    contest: tuple[Path, KaggleServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, _ = contest
    monkeypatch.delenv("KAGGLE_USERNAME")
    monkeypatch.delenv("KAGGLE_KEY")
    done = outfold(root, "download", check=False)
    assert done.returncode == 2
    assert "kaggle.json" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(root.rglob("*.csv"))
