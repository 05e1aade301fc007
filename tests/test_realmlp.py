"""RealMLP through its authors' library: every task, stopped by rows inside the training part, the same every time."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from ordered_contest import several_contest
from pydantic import TypeAdapter, ValidationError
from sklearn import datasets
from test_gbdt import cancer, oof, split, write_contest

from outfold.config.default_spaces import default_space
from outfold.config.search_space import bounds
from outfold.config.tabular import TabularPipeline
from outfold.contest import Contest
from outfold.contest_files import load_contest
from outfold.errors import ConfigError
from outfold.learners import optional_imports as extra_networks
from outfold.learners.realmlp.learner import RealMlpLearner
from outfold.learners.registry import make_learner
from outfold.learners.wrappers.per_target import ByTarget
from outfold.progress import Reporter
from outfold.runs.context import Context
from outfold.runs.neural import neural_learner
from outfold.store.fold_dir import Shelf

pytestmark = pytest.mark.usefixtures("one_thread")
SLOW = pytest.mark.slow
SMALL = {"n_epochs": 8, "hidden_sizes": [16], "batch_size": 32, "plr_hidden_1": 4}


@pytest.fixture(scope="module")
def binary(tmp_path_factory: pytest.TempPathFactory) -> Contest:
    table = cancer().iloc[::2, [0, 1, 2, 3, 20, 21, -1]].reset_index(drop=True)
    stage = pd.cut(table["mean_radius"], 5, labels=list("abcde")).astype(str)
    table = table.assign(stage=stage)
    table.loc[table.index[3::4], "stage"] = "new"  # the test rows
    table.loc[table.index[7::8], ["mean_texture", "stage"]] = None
    return write_contest(tmp_path_factory.mktemp("cancer"), table, ["target"], "binary")


def learner_of(contest: Contest, **keys: Any) -> RealMlpLearner:
    base = {"learner": "tabular", "model": "realmlp", "params": SMALL}
    config = TypeAdapter(TabularPipeline).validate_python({**base, **keys})
    return RealMlpLearner(contest, config, "realmlp", Reporter())


def trained(contest: Contest, folder: Path, **keys: Any) -> tuple[RealMlpLearner, Shelf]:
    """Trained on all rows but the last twenty."""
    learner, shelf, ids = learner_of(contest, **keys), Shelf.open(folder, "made of this"), contest.train.index
    learner.fit(0, ids[:-20], ids[-20:], shelf)
    return learner, shelf


def test_it_ranks_rows_says_nothing_and_leaves_what_it_looked_at(
    binary: Contest, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    drawn = torch.random.get_rng_state()
    with caplog.at_level(logging.INFO):
        learner, shelf = trained(binary, tmp_path / "fold")
        ids = binary.train.index[-20:]
        values = learner.predict("train", ids, {0: shelf})[["target"]].to_numpy()
    assert values.dtype == np.float32 and binary.metric.score(binary.truth(ids), values) > 0.9
    told = capsys.readouterr()
    assert told.out == "" and "GPU" not in told.err and not caplog.records
    assert torch.equal(drawn, torch.random.get_rng_state())
    learner.summarise({0: shelf}, tmp_path)
    found = pd.read_csv(tmp_path / "importance.csv", index_col="feature")["share_mean"]
    assert "stage" in found.index and found.sum() == pytest.approx(1, abs=1e-4)


def test_gaps_and_categories_that_training_has_not_seen_are_no_trouble(binary: Contest, tmp_path: Path) -> None:
    learner, shelf = trained(binary, tmp_path)
    assert np.isfinite(learner.predict("test", binary.test.index, {0: shelf})["target"]).all()


@pytest.mark.parametrize("task", ["multiclass", *(pytest.param(t, marks=SLOW) for t in ("regression", "multilabel"))])
def test_other_tasks(tmp_path: Path, task: str) -> None:
    data = datasets.load_diabetes(as_frame=True) if task == "regression" else datasets.load_wine(as_frame=True)
    table, targets = data.frame.iloc[:, -6:], ["target"]
    if task == "multilabel":
        table = table.assign(first=1 * (table["target"] == 0), never=0).drop(columns="target")
        table.loc[[0, 4], "never"] = [1, 0]
        targets = ["first", "never"]
    contest = write_contest(tmp_path / "contest", table, targets, task)
    folds = split(contest, 2)
    learner = learner_of(contest)
    shelves = {fold: Shelf.open(tmp_path / str(fold), "x") for fold in folds.numbers()}
    for fold, shelf in shelves.items():
        learner.fit(fold, folds.train(fold), folds.valid(fold), shelf)
    values = oof(contest, folds, learner, shelves)
    if task == "regression":
        assert 1 - np.mean((values[:, 0] - contest.y) ** 2) / contest.y.var() > 0.25
    elif task == "multiclass":
        np.testing.assert_allclose(values.sum(axis=1), 1, atol=1e-5)
        assert (values.argmax(axis=1) == contest.y).mean() > 0.8
    else:
        assert ((values[:, 0] > 0.5) == contest.y[:, 0]).mean() > 0.8 and np.median(values[:, 1]) < 0.1


def test_targets_of_several_kinds_have_a_network_each(tmp_path: Path) -> None:
    contest = load_contest(several_contest(tmp_path, train=60))
    config = TypeAdapter(TabularPipeline).validate_python(
        {"learner": "tabular", "model": "realmlp", "params": {**SMALL, "n_epochs": 1}, "refit": False}
    )
    learner = make_learner(contest, config, "realmlp", Reporter())
    assert isinstance(learner, ByTarget)
    assert {type(one) for one in learner.learners.values()} == {RealMlpLearner}


def test_the_same_seed_gives_the_same_predictions_and_the_rows_that_score_change_nothing(
    binary: Contest, tmp_path: Path
) -> None:
    shuffled = binary.y.copy()
    shuffled[-20:] = np.random.default_rng(0).permutation(shuffled[-20:])
    keys = {"params": {**SMALL, "n_epochs": 3}}
    said = []
    for name, contest in (("one", binary), ("two", dataclasses.replace(binary, y=shuffled))):
        learner, shelf = trained(contest, tmp_path / name, **keys)
        said.append(learner.predict("train", binary.train.index, {0: shelf}))
    pd.testing.assert_frame_equal(*said, check_exact=True)
    learner, shelf = trained(binary, tmp_path / "three", seed=1, **keys)
    assert not learner.predict("train", binary.train.index, {0: shelf}).equals(said[0])


def test_refit_learns_from_all_rows_to_the_epoch_found(binary: Contest, tmp_path: Path) -> None:
    keys = {"params": {**SMALL, "n_epochs": 3}}
    found = [trained(binary, tmp_path / str(refit), refit=refit, **keys) for refit in (False, True)]
    epochs = [(shelf.done or {})["best_epochs"] for _, shelf in found]
    assert epochs[0] == epochs[1]
    ids = binary.train.index
    one, two = (learner.predict("train", ids, {0: shelf}) for learner, shelf in found)
    assert not one.equals(two)


def test_the_epoch_is_chosen_by_what_the_contest_asks(binary: Contest) -> None:
    problem = type("P", (), {"kind": "binary"})()
    assert learner_of(binary)._params(problem)["val_metric_name"] == "cross_entropy"
    labels = dataclasses.replace(binary, metric=dataclasses.replace(binary.metric, wants="labels"))
    assert learner_of(labels)._params(problem)["val_metric_name"] == "class_error"
    said = learner_of(binary, params={**SMALL, "val_metric_name": "brier"})
    assert said._params(problem)["val_metric_name"] == "brier"


# what is refused


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_epoch": 3}, "params.n_epoch: RealMLP has no such parameter; did you mean n_epochs"),
        ({"n_cv": 3}, "params.n_cv: cannot be set: the contest's folds are the cross-validation"),
    ],
)
def test_a_parameter_that_means_nothing_is_refused(binary: Contest, params: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as told:
        learner_of(binary, params=params)
    assert message in told.value.message and "realmlp.yaml" in told.value.message


def test_what_the_library_says_against_a_value_is_passed_on(binary: Contest, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"realmlp\.yaml: RealMLP refuses: "):
        trained(binary, tmp_path, params={**SMALL, "val_metric_name": "no-such-metric"})


@pytest.mark.parametrize("keys", [{"phases": [{"epochs": 1}]}, {"pseudo": {"pipelines": "x"}}, {"layers": [8]}])
def test_keys_of_the_engine_are_refused(binary: Contest, keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=f"{next(iter(keys))}: (is for networks|belongs to model)"):
        learner_of(binary, **keys)


def test_there_is_nothing_for_the_engine_to_look_at(binary: Contest) -> None:
    path = binary.layout.pipeline_config("realmlp")
    path.parent.mkdir(exist_ok=True)
    path.write_text("learner: tabular\nmodel: realmlp\n")
    with pytest.raises(ConfigError, match="trained by its authors' library, so there is no summary"):
        neural_learner(Context(binary.root), "realmlp", "summary")


def test_what_is_searched_by_default_is_taken(binary: Contest) -> None:
    space = default_space(learner_of(binary).config)
    assert set(space) == {f"params.{name}" for name in ("hidden_sizes", "p_drop", "lr", "wd")}
    for key, search in space.items():
        for value in bounds(search):
            learner_of(binary, params={**SMALL, key.removeprefix("params."): value})


def test_without_the_library_the_extra_is_named(binary: Contest, monkeypatch: pytest.MonkeyPatch) -> None:
    def without(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named '{name}'", name=name)

    monkeypatch.setattr(extra_networks.importlib, "import_module", without)
    with pytest.raises(ConfigError, match="model: realmlp needs the library pytabkit, which is not installed") as told:
        learner_of(binary)
    assert told.value.remedy == 'Run `pip install "outfold[networks]"`.'
