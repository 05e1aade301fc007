"""A target far from zero is predicted as well as the same target near it: nothing passes through float32 on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from chain import blended
from contest_folder import write_contest
from sklearn.datasets import load_diabetes, load_linnerud

from outfold.cell_values import exact_number, needs_float64
from outfold.config.linear import LinearPipeline
from outfold.contest_files import load_contest
from outfold.ensemble.blend import blend
from outfold.ensemble.combiners import COMBINERS
from outfold.errors import DataError
from outfold.learners.registry import make_learner
from outfold.metrics import get_metric
from outfold.progress import Reporter
from outfold.runs.context import Context
from outfold.stages.submit import submit
from outfold.store.paths import Layout
from outfold.store.predictions import mean_by_id, prediction_frame

PIPELINES = {
    "linear": "learner: linear\nalpha: [0.1]\n",
    "ols": "learner: sklearn\nestimator: sklearn.linear_model.LinearRegression\n",
    "gbdt": "learner: gbdt\nrounds: 60\nearly_stopping: 5\nstop_by: contest\nshap: false\n",
    "network": "learner: tabular\nlayers: [16]\nbatch_size: 64\nphases: [{epochs: 8, lr: 2e-2}]\n",
}
SHIFTS = {"of seconds": 1.6e9, "negative": -1.6e9, "of years": 2000.0}


def diabetes(root: Path, shift: float, scale: float, pipelines: dict[str, str]) -> pd.Series:
    """Diabetes progression as deviations from its mean, times a scale, plus a shift. Returns the test rows' truth."""
    data = load_diabetes(as_frame=True).frame.round(6)
    data["target"] = shift + scale * (data["target"] - 152.0) / 77.0
    data.insert(0, "id", np.arange(len(data)))
    train, test = data[:342], data[342:]
    sample = test[["id"]].assign(target=shift)
    write_contest(
        root, train, test.drop(columns="target"), sample, target="target", id="id", metric="rmse", folds={"n": 2}
    )
    (root / "pipelines").mkdir(exist_ok=True)
    for name, text in pipelines.items():
        (root / f"pipelines/{name}.yaml").write_text(text)
    return test.set_index("id")["target"]


@pytest.mark.parametrize("name", PIPELINES)
def test_every_learner_is_as_good_far_from_zero_as_near_it(tmp_path: Path, name: str) -> None:
    errors = {}
    for where, shift in {"near": 0.0, "far": 1.6e9}.items():
        truth = diabetes(tmp_path / where, shift, 1.0, {name: PIPELINES[name]})
        submit(Context(blended(tmp_path / where, name)))
        (file,) = (tmp_path / where / "submissions").glob("blend-*.csv")
        sent = pd.read_csv(file).set_index("id")["target"]
        errors[where] = float(np.sqrt(np.mean((sent - truth) ** 2)))
    assert errors["near"] < 0.85
    assert errors["far"] == pytest.approx(errors["near"], rel=0.02)


@pytest.mark.parametrize("shift", SHIFTS.values(), ids=SHIFTS)
def test_members_blend_and_file_keep_float64(tmp_path: Path, shift: float) -> None:
    spread = 1e-3 * abs(shift) ** 0.25
    diabetes(tmp_path, shift, spread, {name: PIPELINES[name] for name in ("linear", "ols")})
    layout = Layout(blended(tmp_path, "linear", "ols"))
    for path in (layout.oof("linear"), layout.test("ols"), layout.oof("blend"), layout.test("blend")):
        assert pd.read_parquet(path)["target"].dtype == np.float64
    truth = load_contest(tmp_path).train["target"]
    mean = mean_by_id(pd.read_parquet(layout.oof("blend")))["target"]
    assert float(np.sqrt(np.mean((mean - truth.loc[mean.index]) ** 2))) < 0.8 * spread


def test_other_targets_are_kept_as_float32(tmp_path: Path) -> None:
    diabetes(tmp_path, 2.0, 1.0, {"linear": PIPELINES["linear"]})
    layout = Layout(blended(tmp_path, "linear"))
    for path in (layout.oof("linear"), layout.test("linear"), layout.oof("blend"), layout.test("blend")):
        assert pd.read_parquet(path)["target"].dtype == np.float32


def test_of_several_targets_only_the_one_far_from_zero_is_float64(tmp_path: Path) -> None:
    data = load_linnerud(as_frame=True).frame.rename(columns=str.lower)
    data["weight"] = 1e9 + data["weight"] / 1000
    data.insert(0, "id", np.arange(len(data)))
    sample = data[["id", "weight", "pulse"]].assign(weight=0.0, pulse=0.0)
    train = data.assign(id=data["id"] + 100)
    write_contest(
        tmp_path,
        train,
        data.drop(columns=["weight", "pulse"]),
        sample,
        target=["weight", "pulse"],
        metric="mean_columnwise_rmse",
        folds={"n": 2},
    )
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines/linear.yaml").write_text(PIPELINES["linear"])
    types = pd.read_parquet(Layout(blended(tmp_path, "linear")).test("linear")).dtypes
    assert types["weight"] == np.float64 and types["pulse"] == np.float32


@pytest.mark.parametrize("combiner", [name for name in COMBINERS if name != "rank_mean"])
@pytest.mark.parametrize("metric", ["rmse", "mae"])
def test_every_combiner_keeps_what_tells_its_members_apart(combiner: str, metric: str) -> None:
    rng = np.random.default_rng(0)
    y = 1.6e9 + rng.normal(size=300)
    members = np.stack([y + 0.1 * rng.normal(size=300), y + 0.2 * rng.normal(size=300)])[:, :, None]
    found = blend(
        members,
        y,
        np.arange(300) % 3,
        names=["a", "b"],
        task="regression",
        metric=get_metric(metric, task="regression"),
        combiner=combiner,
        precise=True,
    )
    assert found.honest < 0.15
    assert found.predict(members).dtype == np.float64


@pytest.mark.parametrize(
    ("values", "needed"),
    [
        ([1.6e9, 1.6e9 + 1], True),
        ([1990.0, 2010.0], True),
        ([0.0, 1.0], False),
        ([34_900.0, 755_000.0], False),
        ([5e9, 5e9], False),
        ([1e39, 2e39], True),
        ([0.0, 1e-44], True),
    ],
)
def test_which_values_need_float64(values: list[float], needed: bool) -> None:
    assert needs_float64(np.array(values)) is needed


def test_a_tiny_target_has_a_learner_too(tmp_path: Path) -> None:
    rows = "".join(f"{row},{row % 7},{row % 5 + 1}e-320\n" for row in range(30))
    write_contest(
        tmp_path, f"id,x,y\n{rows}", "id,x\n200,1\n201,2\n", "id,y\n200,0\n201,0\n", target="y", task="regression"
    )
    contest = load_contest(tmp_path)
    assert contest.precise_outputs == {"y"}
    make_learner(contest, LinearPipeline(learner="linear"), "linear", Reporter())


def test_a_frame_keeps_only_the_precise_outputs_as_float64() -> None:
    frame = prediction_frame(pd.Index([1, 2]), 0, "m", ["a", "b"], np.array([[1.1, 2.2], [3.3, 4.4]]), {"b"})
    assert frame["a"].dtype == np.float32 and frame["b"].dtype == np.float64


@pytest.mark.parametrize("value", ["1e308", "-1e308", "1e400"])
def test_an_amount_that_no_model_can_compute_with_is_named(tmp_path: Path, value: str) -> None:
    rows = "".join(f"{row},{row % 7},{row / 3}\n" for row in range(30))
    write_contest(tmp_path, f"id,x,y\n{rows}99,1,{value}\n", "id,x\n200,1\n201,2\n", "id,y\n200,0\n201,0\n", target="y")
    with pytest.raises(DataError, match=r"train\.csv: .*target y is .*in row 99"):
        load_contest(tmp_path)


@pytest.mark.parametrize(
    ("first", "second", "equal"),
    [("1", "1.0", True), ("+1", "1", True), ("0.1", "0.10", True), ("9007199254740993", "9007199254740992", False)],
)
def test_numbers_in_text_are_compared_exactly(first: Any, second: Any, equal: bool) -> None:
    assert (exact_number(first) == exact_number(second)) is equal


@pytest.mark.parametrize("text", ["", "x", "nan", "inf", "1_000", "0x1F", "1e99999"])
def test_text_that_is_no_number(text: str) -> None:
    assert exact_number(text) is None
