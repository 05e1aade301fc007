"""The last line of a command names a stage that can run: the first that is missing or out of date."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from contest_folder import iris_tables, write_contest

from outfold.errors import ConfigError
from outfold.progress import Reporter
from outfold.runs.context import Context
from outfold.runs.next_step import next_step
from outfold.stages.ensemble import ensemble
from outfold.stages.predict import predict
from outfold.stages.split import split
from outfold.stages.submit import submit
from outfold.stages.train import train
from outfold.store.paths import Layout

pytestmark = pytest.mark.usefixtures("one_thread")


def step(root: Path, done: str = "check") -> str:
    """The stage that is named next."""
    return next_step(Layout(root), done).split("`")[1].split()[3]


def test_the_next_step_is_the_first_stage_that_is_out_of_date(tmp_path: Path) -> None:
    train_table, test_table, sample = iris_tables()
    root = write_contest(tmp_path, train_table, test_table, sample, target="species", folds={"n": 2})
    (root / "pipelines").mkdir()
    pipeline = root / "pipelines" / "linear.yaml"
    pipeline.write_text("learner: linear\n")

    def run(*stages: Callable[..., object]) -> None:
        for stage in stages:
            names = Layout(root).pipeline_names() if stage in (train, predict) else [None]
            for name in names:
                stage(Context(root, reporter=Reporter()), *([] if name is None else [name]))

    assert step(root) == "split"
    run(split, train, predict, ensemble)
    assert [step(root, done) for done in ("check", "train", "ensemble")] == ["submit"] * 3
    run(submit)
    assert [step(root, done) for done in ("check", "submit")] == ["report"] * 2

    pipeline.write_text("learner: linear\n# edited\n")
    assert step(root) == "train"
    (root / "pipelines" / "other.yaml").write_text("learner: linear\n")
    run(train)
    assert step(root, "train") == "predict"
    (root / "pipelines" / "other.yaml").unlink()
    run(predict)
    assert step(root, "predict") == "ensemble"

    contest = root / "competition" / "competition.yaml"
    contest.write_text(contest.read_text() + "metric: accuracy\n")
    assert step(root) == "split"


def test_before_the_download_comes_what_the_host_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_API_TOKEN", "KAGGLE_API_V1_TOKEN", "KAGGLE_CONFIG_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    root = write_contest(tmp_path / "contest", host="kaggle", id="flower", target="species")
    said = next_step(Layout(root), "doctor")
    assert said.startswith("put your Kaggle API token in place") and "download`" in said

    train_table, test_table, sample = iris_tables()
    write_contest(root, train_table, test_table, sample, host="kaggle", id="flower", target="species")
    assert step(root, "doctor") == "check"  # brought by hand

    token = tmp_path / "home" / ".kaggle" / "access_token"
    token.parent.mkdir(parents=True)
    token.write_text("KGAT_0123")
    assert step(root, "doctor") == "download"

    root = write_contest(tmp_path / "folder", None, test_table, sample, id="flower", target="species")
    said = next_step(Layout(root), "doctor")
    assert said.startswith("put the missing files in place (train: ") and "train.csv" in said


def test_the_id_column_is_no_target(tmp_path: Path) -> None:
    root = write_contest(tmp_path, *iris_tables(), id="flower", target="flower")
    with pytest.raises(ConfigError, match=r"'flower' is the id column"):
        Context(root).competition  # noqa: B018
