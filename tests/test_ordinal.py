"""Targets of ordered classes: the order is told or said, networks and boosters keep to it, decisions cut it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import chain
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from ordered_contest import CNN, GBDT, GRADES, graded_contest
from pydantic import ValidationError
from torch.nn import functional

import outfold
from outfold.config.competition import CompetitionConfig
from outfold.contest_files import load_contest
from outfold.data.targets.targets import Target, read_target
from outfold.ensemble import tune_thresholds
from outfold.errors import ConfigError, SubmissionError
from outfold.learners.tables.targets import class_probabilities, step_names, steps
from outfold.metrics import expected_class, get_metric
from outfold.runs.context import Context
from outfold.stages.download import download
from outfold.stages.ensemble import ensemble
from outfold.stages.show import show
from outfold.stages.split import split
from outfold.stages.submit import submit
from outfold.stages.train import train
from outfold.submission import build
from outfold.training.losses import Loss, class_log_probabilities, width

pytestmark = pytest.mark.usefixtures("one_thread")
PATH = Path("inputs/train.csv")


def target(values: list[Any], **said: Any) -> Target:
    return read_target(pd.DataFrame({"grade": values}), PATH, task="ordinal", **said)


# ---- the order


def test_numbers_sort_themselves_and_may_be_fractions() -> None:
    assert target(["10", "9", "2", "9"]).classes == [2, 9, 10]
    halves = target(["0.5", "2", "1.5"])
    assert halves.classes == [0.5, 1.5, 2.0] and halves.y.tolist() == [0, 2, 1]
    assert halves.outputs == ["0.5", "1.5", "2.0"]


def test_words_have_the_order_that_is_said_which_may_name_more_than_there_are() -> None:
    found = target(["high", "low", "low"], order=["low", "medium", "high"])
    assert found.classes == ["low", "medium", "high"] and found.y.tolist() == [2, 0, 0]
    assert target(["2", "1", "3"], order=[3, 2, 1]).y.tolist() == [1, 2, 0]


def test_words_without_an_order_are_refused_with_the_key_to_write() -> None:
    with pytest.raises(ConfigError, match=r"the target grade holds words \(high, low\).*\n.*order: \["):
        target(["high", "low", "low"])


def test_an_order_that_lacks_a_class_or_has_it_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="order: lacks 'high'"):
        target(["high", "low", "low"], order=["low", "medium"])
    with pytest.raises(ConfigError, match="names a class twice"):
        target(["high", "low"], order=["low", "high", "low"])


def test_an_order_makes_the_task_ordinal_and_contradicts_any_other() -> None:
    base = {"host": "folder", "slug": "x", "order": ["low", "high"]}
    assert CompetitionConfig.model_validate(base).task == "ordinal"
    with pytest.raises(ValidationError, match="order: is for task: ordinal"):
        CompetitionConfig.model_validate({**base, "task": "multiclass"})


# ---- the network: conditional logits (CORN)

LOGITS = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 5), st.integers(1, 6)),
    elements=st.floats(-60, 60, width=32),
)


@given(LOGITS)
def test_class_probabilities_sum_to_one_and_those_above_a_class_fall(logits: np.ndarray) -> None:
    p = class_log_probabilities(torch.from_numpy(logits)).double().exp().numpy()
    assert p.shape == (len(logits), logits.shape[1] + 1) and (p >= 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-5)
    above = 1 - np.cumsum(p, axis=1)[:, :-1]
    assert (np.diff(above, axis=1) <= 1e-6).all()
    product = np.cumprod(1 / (1 + np.exp(-logits.astype(np.float64))), axis=1)
    np.testing.assert_allclose(above, product, atol=1e-5)


@given(LOGITS, st.data())
def test_the_loss_is_the_sum_of_the_conditional_tasks_that_a_row_takes_part_in(
    logits: np.ndarray, data: st.DataObject
) -> None:
    classes = logits.shape[1] + 1
    y = np.array(data.draw(st.lists(st.integers(0, classes - 1), min_size=len(logits), max_size=len(logits))))
    loss = Loss.for_rows("ordinal", y, classes)
    wanted = np.zeros(len(y))
    for k in range(classes - 1):  # as in the paper: task k has the rows above class k - 1
        inside = y >= k
        each = functional.binary_cross_entropy_with_logits(
            torch.from_numpy(logits[:, k]).double(), torch.from_numpy((y > k).astype(np.float64)), reduction="none"
        )
        wanted += np.where(inside, each.numpy(), 0)
    found = loss.rows(torch.from_numpy(logits), loss.targets(y)).numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


def test_a_network_gives_one_number_less_than_there_are_classes() -> None:
    assert (width("ordinal", 5), width("multiclass", 5)) == (4, 5)
    assert Loss("ordinal").predictions(torch.zeros(2, 4)).shape == (2, 5)


def test_smoothing_weights_and_focal_go_with_ordered_classes() -> None:
    y = np.array([0, 0, 0, 1, 2])
    sure = torch.tensor([[-30.0, 0.0]]).expand(5, 2)
    plain = Loss.for_rows("ordinal", y, 3)
    assert (
        float(Loss("ordinal", smoothing=0.2).rows(sure, plain.targets(y))[0])
        > 1
        > float(plain.rows(sure, plain.targets(y))[0])
    )
    balanced = Loss.for_rows("ordinal", y, 3, balanced=True)
    doubtful = torch.zeros(5, 2)
    ratio = balanced.rows(doubtful, balanced.targets(y)) / plain.rows(doubtful, plain.targets(y))
    np.testing.assert_allclose(ratio.numpy(), [5 / 9, 5 / 9, 5 / 9, 5 / 3, 5 / 3], rtol=1e-5)
    focal = plain.named("focal", 2.0).rows(doubtful, plain.targets(y)) / plain.rows(doubtful, plain.targets(y))
    np.testing.assert_allclose(focal.numpy(), np.square(1 - np.array([0.5, 0.5, 0.5, 0.25, 0.25])), rtol=1e-5)


# ---- boosters: a question a step


@given(hnp.arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(1, 6)), elements=st.floats(0, 1)))
def test_steps_that_contradict_each_other_still_make_probabilities(above: np.ndarray) -> None:
    p = class_probabilities(above)
    assert p.shape == (len(above), above.shape[1] + 1) and (p >= 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1)
    kept = 1 - np.cumsum(p, axis=1)[:, :-1]
    assert (kept <= above + 1e-12).all()
    falling = (np.diff(above, axis=1) <= 0).all(axis=1)
    np.testing.assert_allclose(kept[falling], above[falling], atol=1e-12)


def test_certain_steps_lead_back_to_the_class() -> None:
    y = np.array([0, 3, 1, 2])
    np.testing.assert_array_equal(class_probabilities(steps(y, 4)).argmax(axis=1), y)
    assert step_names(["low", "medium", "high"]) == ["above low", "above medium"]


# ---- the chain


@pytest.fixture(scope="module")
def blended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A contest of grades: a network and boosters, trained, predicted and blended."""
    torch.set_num_threads(1)
    root = graded_contest(tmp_path_factory.mktemp("graded"), train=150, cnn=CNN, lightgbm=GBDT)
    return chain.blended(root, "cnn", "lightgbm")


def test_folds_are_stratified_and_the_metric_is_qwk(blended: Path) -> None:
    work = outfold.open(blended)
    assert work.contest.task == "ordinal" and work.contest.classes == list(GRADES)
    assert work.contest.metric.name == "qwk" and work.folds.kind == "stratified"


@pytest.mark.parametrize("pipeline", ["cnn", "lightgbm", "blend"])
def test_every_learner_and_the_blend_give_probabilities_of_the_classes(blended: Path, pipeline: str) -> None:
    work = outfold.open(blended)
    for frame in (work.oof(pipeline), work.test(pipeline)):
        assert list(frame.columns[-3:]) == list(GRADES)
        np.testing.assert_allclose(frame[list(GRADES)].sum(axis=1), 1, atol=1e-5)


def test_boosters_learn_the_grades_and_their_thresholds_are_those_of_other_folds(blended: Path) -> None:
    work = outfold.open(blended)
    manifest, contest = work.manifest("lightgbm"), work.contest
    oof = work.oof("lightgbm")
    y, outputs, fold = contest.truth(oof.index), oof[contest.outputs].to_numpy(), oof["fold"].to_numpy()
    assert manifest.score is not None and manifest.score > 0.5
    assert len(manifest.extra["thresholds"]) == 2
    tuned = contest.metric.score(y, outputs, thresholds=manifest.extra["thresholds"])
    assert manifest.score < tuned, "what was tuned on the rows that it scores looks better"
    labels = np.empty(len(y), dtype=np.int64)
    for k in (0, 1):
        others = tune_thresholds(contest.metric, y[fold != k], outputs[fold != k], task="ordinal")
        assert others is not None
        labels[fold == k] = np.searchsorted(others, expected_class(outputs[fold == k]))
    assert manifest.score == pytest.approx(contest.metric.score(y, np.eye(3)[labels]))


def test_the_file_says_the_grades_and_the_host_scores_them(blended: Path) -> None:
    scored = submit(Context(blended), "lightgbm")
    assert scored is not None and scored.private is not None and scored.private > 0.4
    sent = pd.read_csv(next((blended / "submissions").glob("lightgbm-*.csv")))
    assert list(sent.columns) == ["id", "grade"] and set(sent["grade"]) <= set(GRADES)


def test_a_network_learns_the_grades(tmp_path: Path) -> None:
    cnn = CNN.replace("[8, 8, 16, 16]", "[16, 16, 32, 32]").replace("epochs: 4", "epochs: 8")
    root = graded_contest(tmp_path, train=200, test=10, cnn=cnn + "class_weight: balanced\n")
    for stage in (download, split):
        stage(Context(root))
    manifest = train(Context(root), "cnn", only_folds=[0])
    oof = outfold.open(root).oof("cnn")
    right = oof[list(GRADES)].to_numpy().argmax(axis=1) == outfold.open(root).contest.truth(oof.index)
    assert right.mean() > 0.6 and manifest.score is not None and manifest.score > 0.5


def test_reports_do_not_stumble(blended: Path) -> None:
    work = outfold.open(blended)
    assert show(Context(blended), "cnn", rows=3, draws=1).stat().st_size > 1000
    table = work.class_scores()
    assert list(table.index) == list(GRADES) and table["rows"].sum() == len(work.contest.train)
    assert len(work.worst(n=5)) == 5 and work.worst(n=1)["predicted"].str.contains("%").all()
    assert work.figures.confusion() is not None


def test_a_change_of_metric_trains_nothing_and_takes_the_likeliest_class(blended: Path, tmp_path: Path) -> None:
    root = tmp_path / "contest"
    shutil.copytree(blended, root)
    with (root / "competition" / "competition.yaml").open("a") as file:
        file.write("metric: mae\n")
    before = outfold.open(blended).manifest("lightgbm")
    after = train(Context(root), "lightgbm")
    assert after.fingerprint == before.fingerprint and after.metric == "mae" and "thresholds" not in after.extra
    oof = outfold.open(root).oof("lightgbm")
    y = load_contest(root).truth(oof.index)
    assert after.score == pytest.approx(np.abs(oof[list(GRADES)].to_numpy() @ np.arange(3) - y).mean(), rel=1e-5)
    train(Context(root), "cnn")  # scored again, and no more
    ensemble(Context(root))
    with pytest.raises(SubmissionError, match="mean of classes that are no numbers"):
        submit(Context(root))


# ---- the file


def filled(sample: pd.DataFrame, metric: str, classes: list[Any], outputs: list[list[float]]) -> pd.DataFrame:
    frame = pd.DataFrame(outputs, index=sample["id"], columns=[str(value) for value in classes])
    bound = get_metric(metric, task="ordinal")
    thresholds = [0.4, 1.4] if metric == "qwk" else None
    return build(sample, frame, task="ordinal", targets=["grade"], classes=classes, metric=bound, thresholds=thresholds)


def test_one_column_holds_a_class_the_mean_or_each_its_probability() -> None:
    outputs, classes = [[0.5, 0.5, 0.0], [0.0, 0.5, 0.5]], [1, 2, 4]
    one = pd.DataFrame({"id": [7, 8], "grade": 0})
    assert filled(one, "qwk", classes, outputs)["grade"].tolist() == [2, 4]
    assert filled(one, "accuracy", classes, outputs)["grade"].tolist() == [1, 2]
    assert filled(one, "mae", classes, outputs)["grade"].tolist() == [1.5, 3.0]
    many = pd.DataFrame({"id": [7, 8], "4": 0.0, "1": 0.0, "2": 0.0})
    assert filled(many, "log_loss", classes, outputs)["4"].tolist() == [0.0, 0.5]
    with pytest.raises(SubmissionError, match="a probability for each of 3 classes"):
        filled(one, "log_loss", classes, outputs)
