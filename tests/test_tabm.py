"""TabM: k networks in one, trained by the engine, that learn by themselves and vote together."""

from __future__ import annotations

import builtins
import json
import sys
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
from outfold.learners.tabular.encoding import quantile_edges
from outfold.learners.tabular.learner import TabularLearner
from outfold.learners.tabular.tabm import TabmNetwork
from outfold.progress import Reporter
from outfold.pseudo_labels import PseudoLabels
from outfold.store.fold_dir import Shelf
from outfold.training.composite_losses import EnsembleLoss
from outfold.training.losses import Loss

pytestmark = pytest.mark.usefixtures("one_thread")
SMALL = {"k": 4, "d_block": 16, "n_blocks": 2, "n_bins": 6, "d_embedding": 3}


@pytest.fixture(scope="module")
def binary(tmp_path_factory: pytest.TempPathFactory) -> Contest:
    table = cancer().iloc[::2, [0, 1, 2, 3, 20, 21, -1]].reset_index(drop=True)
    stage = pd.cut(table["mean_radius"], 5, labels=list("abcde")).astype(str)
    return write_contest(tmp_path_factory.mktemp("cancer"), table.assign(stage=stage), ["target"], "binary")


def learner_of(contest: Contest, **keys: Any) -> TabularLearner:
    base = {
        "learner": "tabular",
        "model": "tabm",
        "params": SMALL,
        "batch_size": 32,
        "precision": "fp32",
        "phases": [{"epochs": 6, "lr": 1e-2}],
    }
    config = TypeAdapter(TabularPipeline).validate_python({**base, **keys})
    return TabularLearner(contest, config, "tabm", Reporter())


def trained(contest: Contest, folder: Path, **keys: Any) -> tuple[TabularLearner, Shelf]:
    """Trained on all rows but the last twenty."""
    learner, shelf, ids = learner_of(contest, **keys), Shelf.open(folder, "made of this"), contest.train.index
    learner.check()
    learner.fit(0, ids[:-20], ids[-20:], shelf)
    return learner, shelf


# the loss


def test_each_network_learns_by_itself_and_predictions_are_their_mean() -> None:
    each = Loss("multiclass", smoothing=0.1)
    outputs, y = torch.randn(5, 3, 4, generator=torch.manual_seed(0)), torch.tensor([0, 1, 2, 3, 0])
    loss = EnsembleLoss.of(each)
    alone = torch.stack([each.rows(outputs[:, place], y) for place in range(3)], dim=1)
    torch.testing.assert_close(loss.rows(outputs, y), alone.mean(dim=1))
    shares = torch.stack([outputs[:, place].softmax(dim=1) for place in range(3)]).mean(dim=0)
    torch.testing.assert_close(loss.predictions(outputs), shares)
    assert not torch.allclose(loss.predictions(outputs), outputs.mean(dim=1).softmax(dim=1))
    torch.testing.assert_close(
        loss.plain().rows(outputs, y).mean(),
        torch.stack([each.plain().rows(outputs[:, place], y) for place in range(3)]).mean(),
    )


def test_weights_of_rows_and_ranges_of_targets_hold_for_each_network() -> None:
    each = Loss.for_rows("regression", np.array([0.0, 10.0]), 1).within([[0, 10]])
    loss = EnsembleLoss.of(each)
    outputs = torch.randn(4, 3, 1, generator=torch.manual_seed(0)) * 50
    assert (loss.predictions(outputs) >= -0.5).all() and (loss.predictions(outputs) <= 10.5).all()
    weighted = EnsembleLoss.of(Loss("binary", weighted=True))
    targets = torch.tensor([[1.0, 1.0], [0.0, 0.5], [1.0, 0.0], [1.0, 2.0]])
    plain = EnsembleLoss.of(Loss("binary")).rows(outputs, targets[:, :1])
    torch.testing.assert_close(weighted.rows(outputs, targets), plain * targets[:, 1])


# the pieces


def test_pieces_end_at_quantiles_and_a_number_that_hardly_varies_has_fewer() -> None:
    numbers = np.stack([np.arange(100), np.repeat([0, 1], 50), np.ones(100)], axis=1).astype(np.float32)
    even, two, same = quantile_edges(numbers, 4)
    np.testing.assert_allclose(even, [0, 24.75, 49.5, 74.25, 99])
    assert two[0] == 0 and two[-1] == 1 and len(two) <= 3
    assert same == [0, 2]


# the learner


def test_it_learns_and_its_networks_differ(binary: Contest, tmp_path: Path) -> None:
    learner, shelf = trained(binary, tmp_path)
    ids = binary.train.index
    values = learner.predict("train", ids[-20:], {0: shelf})[["target"]].to_numpy()
    assert values.dtype == np.float32 and binary.metric.score(binary.truth(ids[-20:]), values) > 0.95
    model, fitted = learner.networks.trained(0, shelf, "model" if not shelf.done else shelf.done["members"][0])
    assert isinstance(model, TabmNetwork) and len(fitted.edges) == 6
    with torch.inference_mode():
        rows = (torch.zeros(3, 1, dtype=torch.int32), torch.randn(3, 6, generator=torch.manual_seed(0)))
        outputs = model(rows)
    assert outputs.shape == (3, 4, 1) and outputs.std(dim=1).min() > 0
    shown = [json.loads(line) for line in shelf.path("history.jsonl").read_text().splitlines()]
    assert shown[-1]["auc"] == pytest.approx(binary.metric.score(binary.truth(ids[-20:]), values), abs=1e-6)


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_other_tasks(tmp_path: Path, task: str) -> None:
    data = datasets.load_wine(as_frame=True) if task == "multiclass" else datasets.load_diabetes(as_frame=True)
    contest = write_contest(tmp_path / "contest", data.frame.iloc[:, -6:], ["target"], task)
    folds = split(contest, 2)
    learner = learner_of(contest, phases=[{"epochs": 12, "lr": 1e-2}])
    shelves = {fold: Shelf.open(tmp_path / str(fold), "x") for fold in folds.numbers()}
    for fold, shelf in shelves.items():
        learner.fit(fold, folds.train(fold), folds.valid(fold), shelf)
    values = oof(contest, folds, learner, shelves)
    if task == "multiclass":
        np.testing.assert_allclose(values.sum(axis=1), 1, atol=1e-5)
        assert (values.argmax(axis=1) == contest.y).mean() > 0.85
    else:
        assert 1 - np.mean((values[:, 0] - contest.y) ** 2) / contest.y.var() > 0.3


def test_targets_of_several_kinds_share_the_networks(tmp_path: Path) -> None:
    contest = load_contest(several_contest(tmp_path / "contest", train=60))
    learner, shelf = trained(contest, tmp_path / "fold", features=None, phases=[{"epochs": 1, "lr": 1e-3}])
    frame = learner.predict("test", contest.test.index, {0: shelf})
    assert np.isfinite(frame[contest.outputs].to_numpy()).all()
    np.testing.assert_allclose(frame[contest.outputs[2:]].sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(
    "params", [{"d_embedding": 0}, {"arch_type": "tabm-mini"}, {"arch_type": "tabm-packed", "d_embedding": 0}]
)
def test_every_kind_of_sharing_trains_and_is_built_again(
    binary: Contest, tmp_path: Path, params: dict[str, Any]
) -> None:
    learner, shelf = trained(binary, tmp_path, params={**SMALL, **params}, phases=[{"epochs": 1, "lr": 1e-2}])
    assert np.isfinite(learner.predict("test", binary.test.index, {0: shelf})["target"]).all()


def test_a_second_run_gives_the_same_bytes_and_the_rows_that_score_change_nothing(
    binary: Contest, tmp_path: Path
) -> None:
    said = []
    for name in ("one", "two"):
        learner, shelf = trained(binary, tmp_path / name, phases=[{"epochs": 1, "lr": 1e-2}])
        said.append(learner.predict("test", binary.test.index, {0: shelf}))
    learner, shelf = learner_of(binary, phases=[{"epochs": 1, "lr": 1e-2}]), Shelf.open(tmp_path / "three", "x")
    learner.fit(0, binary.train.index[:-20], binary.train.index[:0], shelf)
    said.append(learner.predict("test", binary.test.index, {0: shelf}))
    for frame in said[1:]:
        pd.testing.assert_frame_equal(said[0], frame, check_exact=True)


def test_pseudo_labelled_rows_are_learnt_from(binary: Contest, tmp_path: Path) -> None:
    learner, shelf = learner_of(binary, pseudo={"pipelines": "other"}), Shelf.open(tmp_path, "x")
    labels = PseudoLabels(binary.test.index[:9], np.full((9, 1), 0.5, np.float32), 1.0, 0.0)
    learner.fit(0, binary.train.index[:40], binary.train.index[40:], shelf, labels)
    assert (shelf.done or {})["pseudo"] == 9


# what is refused


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"d_blok": 8}, "params.d_blok: TabM has no such argument; did you mean d_block"),
        ({"d_out": 8}, "params.d_out: cannot be set: the contest's outputs say it"),
        ({"k": 0}, "params.k: found 0; expected a whole number from 1 up"),
        ({"n_bins": 1}, "params.n_bins: found 1; expected a whole number from 2 up"),
    ],
)
def test_an_argument_that_means_nothing_is_refused(binary: Contest, params: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as told:
        learner_of(binary, params=params)
    assert message in told.value.message and "tabm.yaml" in told.value.message


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"layers": [8]}, "layers: belongs to model: embeddings"),
        ({"refit": False}, "refit: belongs to model: realmlp"),
        ({"model": "embeddings"}, "params: belong to model: tabm and model: realmlp"),
    ],
)
def test_keys_of_another_model_are_refused(binary: Contest, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        learner_of(binary, **keys)


def test_its_authors_advice_holds_where_nothing_is_said() -> None:
    advised = TypeAdapter(TabularPipeline).validate_python({"learner": "tabular", "model": "tabm"})
    assert (advised.batch_size, advised.weight_decay, advised.phases[0].lr) == (256, 3e-4, 2e-3)
    said = TypeAdapter(TabularPipeline).validate_python({"learner": "tabular", "model": "tabm", "batch_size": 64})
    assert said.batch_size == 64


def test_what_is_searched_by_default_is_taken(binary: Contest) -> None:
    space = default_space(learner_of(binary).config)
    assert set(space) >= {"params.d_block", "params.dropout"}
    for key, search in space.items():
        for value in bounds(search):
            name = key.removeprefix("params.")
            learner_of(binary, **({"params": {**SMALL, name: value}} if name != key else {key: value}))


def test_without_the_library_the_extra_is_named(binary: Contest, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.partition(".")[0] == "tabm":
            raise ModuleNotFoundError("No module named 'tabm'", name="tabm")
        return real(name, *rest)

    monkeypatch.setitem(sys.modules, "tabm", None)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match="needs the library tabm, which is not installed here") as told:
        learner_of(binary)
    assert told.value.remedy == 'Run `pip install "outfold[networks]"`.'
