"""Targets learnt on another scale: predicted, scored and shown on their own."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_contest import digits_contest
from ordered_contest import several_contest
from test_gbdt import oof, split, write_contest

from outfold.config.load import load_pipeline
from outfold.config.pipeline_base import TransformName
from outfold.contest import Contest
from outfold.contest_files import load_contest
from outfold.data.targets.transform import TRANSFORMS
from outfold.errors import ConfigError, DataError
from outfold.learners.base import Learner
from outfold.learners.registry import make_learner
from outfold.learners.wrappers.target_transform import Transformed, as_learnt
from outfold.metrics import get_metric
from outfold.progress import Reporter
from outfold.pseudo_labels import PseudoLabels
from outfold.runs.context import Context
from outfold.runs.neural import image_learner
from outfold.store.fold_dir import Shelf
from outfold.store.predictions import prediction_frame

pytestmark = pytest.mark.usefixtures("one_thread")
LINE = {"learner": "linear", "alpha": 1e-6}


def prices() -> pd.DataFrame:
    """Prices whose logarithm is a line: from 1 to some thousands."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2))
    return pd.DataFrame(x, columns=["a", "b"]).assign(price=np.exp(4 + x @ [1.5, 0.5] + rng.normal(0, 0.1, 200)))


@pytest.fixture(scope="module")
def contest(tmp_path_factory: pytest.TempPathFactory) -> Contest:
    return write_contest(tmp_path_factory.mktemp("prices"), prices(), ["price"], "regression", "metric: rmsle\n")


def config_of(contest: Contest, **keys: Any) -> Any:
    path = contest.layout.pipeline_config("one")
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(keys))
    return load_pipeline(path)


def learner_of(contest: Contest, **keys: Any) -> Learner:
    return make_learner(contest, config_of(contest, **keys), "one", Reporter())


def predicted(contest: Contest, name: str, **keys: Any) -> np.ndarray:
    """Out of three folds."""
    folds, learner = split(contest), learner_of(contest, **keys)
    shelves = {fold: Shelf.open(contest.layout.fold(name, fold), "made of this") for fold in folds.numbers()}
    for fold, shelf in shelves.items():
        learner.fit(fold, folds.train(fold), folds.valid(fold), shelf)
    return oof(contest, folds, learner, shelves)


# the scales


@pytest.mark.parametrize("name", get_args(TransformName))
@given(values=st.lists(st.floats(0.001, 0.999), min_size=2, max_size=5))
def test_a_scale_keeps_the_order_and_comes_back(name: TransformName, values: list[float]) -> None:
    one = TRANSFORMS[name]
    there = np.unique(np.round(values, 6))  # floats that are neighbours may come to the same
    np.testing.assert_allclose(one.backward(one.forward(there)), there, rtol=1e-9)
    assert (np.diff(one.forward(there)) > 0).all()


@pytest.mark.parametrize("name", get_args(TransformName))
def test_whatever_is_predicted_comes_back_as_a_finite_float32(name: TransformName) -> None:
    said = TRANSFORMS[name].backward(np.array([-1e30, -500.0, 0.0, 500.0, 1e30])).astype(np.float32)
    assert np.isfinite(said).all() and (np.diff(said) >= 0).all()


# what it is for


def test_a_line_through_logarithms_is_far_better_where_what_is_asked_is_relative(contest: Contest) -> None:
    plain = contest.metric.score(contest.y, np.maximum(predicted(contest, "plain", **LINE), 0))
    logs = contest.metric.score(contest.y, predicted(contest, "logs", **LINE, target_transform="log"))
    assert logs < 0.12 < 0.5 < plain


@pytest.mark.parametrize("keys", [LINE, {"learner": "gbdt", "rounds": 20}], ids=lambda keys: keys["learner"])
def test_it_is_what_one_would_do_by_hand(contest: Contest, tmp_path: Path, keys: dict[str, Any]) -> None:
    table = prices().assign(price=lambda frame: np.sqrt(frame["price"]))
    by_hand = write_contest(tmp_path / "by-hand", table, ["price"], "regression")
    wanted = np.square(np.maximum(predicted(by_hand, "hand", **keys), 0))
    np.testing.assert_allclose(predicted(contest, "root", **keys, target_transform="sqrt"), wanted, rtol=1e-5)


def test_learners_see_the_scale_and_the_metric_sees_through_it(contest: Contest) -> None:
    learnt, config, _ = as_learnt(contest, config_of(contest, **LINE, target_transform="log1p"), "one.yaml")
    assert config.target_transform is None
    np.testing.assert_allclose(learnt.y, np.log1p(contest.y))
    said = contest.y * 1.1
    assert learnt.metric.name == "rmsle" and learnt.metric.better(0, 1)
    assert learnt.metric.score(learnt.y, np.log1p(said)[:, None]) == pytest.approx(
        contest.metric.score(contest.y, said[:, None])
    )


def test_ratings_are_whole_again_when_they_are_scored(contest: Contest) -> None:
    ratings = replace(contest, y=np.arange(len(contest.y)) % 5 + 1.0, metric=get_metric("qwk", task="regression"))
    learnt, _, _ = as_learnt(ratings, config_of(contest, **LINE, target_transform="log"), "one.yaml")
    assert learnt.metric.score(learnt.y, learnt.y[:, None] + 0.01) == 1


def test_several_targets_have_a_scale_each(tmp_path: Path) -> None:
    table = prices().assign(a2=lambda frame: frame["a"])
    contest = write_contest(tmp_path, table, ["price", "a2"], "regression")
    both = predicted(contest, "both", **LINE, target_transform={"price": "log"})
    plain = predicted(contest, "plain", **LINE)
    np.testing.assert_array_equal(both[:, 1], plain[:, 1])
    assert np.abs(np.log(both[:, 0] / contest.y[:, 0])).mean() < 0.1
    learnt, _, _ = as_learnt(contest, config_of(contest, **LINE, target_transform={"price": "log"}), "one.yaml")
    assert learnt.metric.score(learnt.y, learnt.y) == pytest.approx(0, abs=1e-9)


def test_of_several_kinds_of_targets_only_numbers_are_transformed(tmp_path: Path) -> None:
    gbdt = {"learner": "gbdt", "rounds": 5, "early_stopping": 0}
    contest = load_contest(several_contest(tmp_path, train=60))
    frames = []
    for keys in (gbdt, {**gbdt, "target_transform": "log1p"}):
        learner, shelf = learner_of(contest, **keys), Shelf.open(tmp_path / str(len(keys)), "made of this")
        learner.fit(0, contest.train.index, contest.train.index[:0], shelf)
        frames.append(learner.predict("test", contest.test.index, {0: shelf}))
    changed = [name for name in contest.outputs if not frames[0][name].equals(frames[1][name])]
    assert changed == ["ink"]
    learnt, _, _ = as_learnt(contest, config_of(contest, **gbdt, target_transform="log1p"), "one.yaml")
    perfect = np.column_stack([learnt.y[:, :2], np.eye(3)[learnt.y[:, 2].astype(int)]])
    own = np.column_stack([contest.y[:, :2], np.eye(3)[contest.y[:, 2].astype(int)]])
    assert learnt.metric.score(learnt.y, perfect) == pytest.approx(contest.metric.score(contest.y, own))


def test_a_network_keeps_to_a_range_in_the_targets_units_and_shows_their_score(tmp_path: Path) -> None:
    contest = digits_contest(tmp_path / "contest", train=60, test=5, task="regression")
    ends = np.stack([contest.y.min(axis=0), contest.y.max(axis=0)], axis=1)
    config = {
        "learner": "image",
        "model": "resnet10t",
        "weights": "none",
        "timm_args": {"block_args": {}, "stem_width": 4, "channels": [4, 4, 8, 8]},
        "size": 32,
        "augment": "none",
        "tta": 0,
        "batch_size": 16,
        "phases": [{"epochs": 1, "lr": 4e-3}],
        "target_transform": {"number": "log"},
        "target_range": ends.tolist(),
    }
    learner, shelf, index = learner_of(contest, **config), Shelf.open(tmp_path / "a", "key"), contest.train.index
    learner.check()
    learner.fit(0, index[:40], index[40:], shelf)
    frame = learner.predict("train", index[40:], {0: shelf})
    outputs = frame[contest.outputs].to_numpy()
    logs = np.log(ends[0])
    assert (outputs[:, 0] >= np.exp(logs[0] - 0.0501 * np.ptp(logs))).all()
    assert (outputs[:, 0] <= np.exp(logs[1] + 0.0501 * np.ptp(logs))).all()
    shown = [json.loads(line) for line in shelf.path("history.jsonl").read_text().splitlines()]
    score = contest.metric.score(contest.truth(index[40:]), outputs)
    assert shown[-1]["rmse"] == pytest.approx(score, rel=1e-3)


def test_pseudo_labels_are_learnt_on_the_scale_and_one_that_has_no_place_on_it_is_left_out(contest: Contest) -> None:
    learner = learner_of(contest, **LINE, target_transform="log")
    assert isinstance(learner, Transformed)
    labels = PseudoLabels(contest.test.index[:3], np.array([[1.0], [-2.0], [np.e]], np.float32), 0.5, 0.1)
    taught = learner.scales.pseudo(labels)
    assert taught.ids.tolist() == contest.test.index[[0, 2]].tolist()
    np.testing.assert_allclose(taught.targets, [[0], [1]], atol=1e-6)
    assert taught.targets.dtype == np.float32 and taught.weight == 0.5


def test_only_the_transformed_outputs_of_a_frame_change(contest: Contest) -> None:
    learner = learner_of(contest, **LINE, target_transform="log")
    assert isinstance(learner, Transformed)
    frame = prediction_frame(contest.test.index, 0, "m", ["price"], np.full((len(contest.test), 1), 200.0))
    back = learner.scales.backward(frame)
    assert back["price"].dtype == np.float32 and np.isfinite(back["price"]).all()
    assert back.drop(columns="price").equals(frame.drop(columns="price"))


def test_models_without_the_key_are_not_trained_again_and_with_it_they_are(contest: Contest) -> None:
    plain, logs = (config_of(contest, **LINE, **more) for more in ({}, {"target_transform": "log"}))
    assert "target_transform" not in plain.fit_key() and logs.fit_key()["target_transform"] == "log"


# what is refused


def test_a_value_that_a_scale_does_not_take_is_named_with_its_row(tmp_path: Path) -> None:
    table = prices()
    table.loc[[4, 8], "price"] = [0.0, -3.0]
    contest = write_contest(tmp_path, table, ["price"], "regression")
    with pytest.raises(DataError) as told:
        learner_of(contest, **LINE, target_transform="log")
    assert "one.yaml:1: target_transform: log: the target price is 0 in row" in told.value.message
    assert "104" in told.value.message and "(2 rows: 104, 108); expected more than 0" in told.value.message
    assert "train_where" in str(told.value.remedy) and "log1p" in str(told.value.remedy)
    assert isinstance(learner_of(contest, **LINE, target_transform="asinh"), Transformed)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"target_transform": {"prise": "log"}}, "'prise' is none of the targets; did you mean price"),
        ({"target_transform": "logs"}, "did you mean log"),
        ({"target_transform": {}}, "target_transform"),
    ],
)
def test_a_key_that_means_nothing_is_refused(contest: Contest, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as told:
        learner_of(contest, **LINE, **keys)
    assert message in told.value.message


def test_classes_have_no_scale(tmp_path: Path) -> None:
    table = prices().assign(price=lambda frame: 1 * (frame["price"] > 50))
    contest = write_contest(tmp_path, table, ["price"], "binary")
    with pytest.raises(ConfigError, match="is for numbers; the task of the target price is binary"):
        learner_of(contest, learner="linear", target_transform="log")


def test_a_range_is_refused_where_its_ends_have_no_place_on_the_scale(tmp_path: Path) -> None:
    contest = digits_contest(tmp_path, train=20, test=2, task="regression")
    with pytest.raises(ConfigError, match=r"target_range: .*own units, and target_transform: log takes more than 0"):
        learner_of(contest, learner="image", target_transform={"number": "log"}, target_range=[[0, 5000], [0, 16]])


def test_stages_that_look_at_a_network_see_what_it_learns(tmp_path: Path) -> None:
    contest = digits_contest(tmp_path, train=20, test=2, task="regression")
    config_of(contest, learner="image", model="resnet10t", weights="none", target_transform={"number": "log"})
    learner = image_learner(Context(tmp_path), "one", "picture")
    np.testing.assert_allclose(learner.contest.y[:, 0], np.log(contest.y[:, 0]))
