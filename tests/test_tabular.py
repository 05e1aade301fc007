"""Entity embeddings: what they learn of a table, from the training part alone, and the same bytes each time."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from booster_contest import oof, split, write_contest
from pydantic import TypeAdapter, ValidationError
from sklearn import datasets
from stopping import stopped_at_save, stopped_at_step

from outfold.config.tabular import TabularPipeline
from outfold.contest import Contest
from outfold.contest_files import load_contest
from outfold.errors import ConfigError, DataError
from outfold.learners.base import Learner
from outfold.learners.neural.curves import read_history
from outfold.learners.neural.lr_range_test import find_lr
from outfold.learners.tabular.learner import TabularLearner
from outfold.progress import Reporter
from outfold.pseudo_labels import PseudoLabels
from outfold.runs.context import Context
from outfold.stages.summary import summary
from outfold.store.fold_dir import Shelf
from outfold.training import compiled
from outfold.training.checkpoint import load_member

pytestmark = pytest.mark.usefixtures("one_thread")
ROWS = 240


def shops() -> pd.DataFrame:
    """Sales by shop, weekday and date, with gaps, a constant and a column that is all but one value."""
    rng = np.random.default_rng(0)
    shop, day = rng.integers(0, 12, ROWS), rng.integers(0, 200, ROWS)
    effect = rng.normal(size=12)[shop] + 0.5 * np.sin(day / 7)
    size = rng.normal(size=ROWS)
    table = pd.DataFrame(
        {
            "shop": [f"s{number}" for number in shop],
            "kind": np.where(rng.random(ROWS) < 0.1, None, rng.choice(list("ab"), ROWS)),
            "date": (pd.Timestamp("2020-01-01") + pd.to_timedelta(day, "D")).strftime("%Y-%m-%d"),
            "size": np.where(rng.random(ROWS) < 0.2, np.nan, size),
            "same": 7.0,
        }
    )
    return table.assign(sales=100 + 20 * (effect + 0.5 * size) + rng.normal(size=ROWS))


@pytest.fixture(scope="module")
def contest(tmp_path_factory: pytest.TempPathFactory) -> Contest:
    roles = "columns: {categorical: [shop, kind], continuous: [size, same], dates: [date]}\n"
    return write_contest(tmp_path_factory.mktemp("shops"), shops(), ["sales"], "regression", roles)


def learner_of(contest: Contest, name: str = "net", **keys: Any) -> TabularLearner:
    base = {
        "learner": "tabular",
        "layers": [24, 12],
        "dropouts": [0.05, 0.05],
        "batch_size": 32,
        "precision": "fp32",
        "phases": [{"cycles": 2, "lr": 1e-2, "snapshots": True}],
    }
    config = TypeAdapter(TabularPipeline).validate_python({**base, **keys})
    return TabularLearner(contest, config, name, Reporter())


def trained(contest: Contest, folder: Path, rows: int = 140, **keys: Any) -> tuple[TabularLearner, Shelf]:
    """Trained on the first rows, watching the others."""
    learner, shelf = learner_of(contest, **keys), Shelf.open(folder, "made of this")
    learner.check()
    learner.fit(0, contest.train.index[:rows], contest.train.index[rows:], shelf)
    return learner, shelf


def left(shelf: Shelf) -> list[bytes]:
    """All that a prediction depends on."""
    names = sorted(path.name for path in shelf.folder.glob("*.safetensors"))
    return [shelf.path(name).read_bytes() for name in ("encoding.json", "model.json", *names)]


def predicted(contest: Contest, learner: Learner, shelf: Shelf) -> np.ndarray:
    frame = learner.predict("test", contest.test.index, {0: shelf})
    return frame[contest.outputs].to_numpy()


@pytest.fixture(scope="module")
def straight(contest: Contest, tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    torch.set_num_threads(1)
    return left(trained(contest, tmp_path_factory.mktemp("straight"))[1])


# what it is for


def test_it_learns_categories_dates_and_numbers_far_better_than_their_mean(contest: Contest) -> None:
    folds = split(contest)
    learner = learner_of(contest, phases=[{"epochs": 25, "lr": 2e-2}], batch_size=16)
    shelves = {fold: Shelf.open(contest.layout.fold("net", fold), "of this") for fold in folds.numbers()}
    for fold, shelf in shelves.items():
        learner.fit(fold, folds.train(fold), folds.valid(fold), shelf)
    values = oof(contest, folds, learner, shelves)[:, 0]
    assert np.sqrt(np.mean((values - contest.y) ** 2)) < 0.7 * contest.y.std()
    assert values.dtype == np.float32


@pytest.mark.parametrize("task", ["multiclass", "binary", "multilabel"])
def test_every_task_of_classes_is_learnt(tmp_path: Path, task: str) -> None:
    table = datasets.load_wine(as_frame=True).frame.iloc[:, [0, 6, 9, 12, 13]].sample(frac=1, random_state=0)
    targets = ["target"]
    if task != "multiclass":
        table["target"] = (table["target"] == 1).astype(int)
    if task == "multilabel":
        table["last"], targets = (table["proline"] > 700).astype(int), ["target", "last"]
    contest = write_contest(tmp_path, table, targets, task)
    learner, shelf = trained(contest, tmp_path / "shelf", 90, phases=[{"epochs": 12, "lr": 1e-2}], batch_size=16)
    frame = learner.predict("train", contest.train.index[90:], {0: shelf}).set_index("id")
    values, truth = frame[contest.outputs].to_numpy(), contest.truth(frame.index)
    said = values.argmax(axis=1) if task == "multiclass" else (values > 0.5).reshape(truth.shape)
    assert (said == truth).mean() > 0.8


def test_several_targets_share_one_network_and_features_that_targets_teach(tmp_path: Path) -> None:
    contest = write_contest(tmp_path, shops(), ["sales"], "regression")
    path, train = contest.layout.competition, contest.root / "inputs" / "train.csv"
    rows = pd.read_csv(train)
    rows.assign(dear=np.where(rows["sales"] > 105, "yes", "no")).to_csv(train, index=False)
    asked = "targets:\n  sales: {metric: r2}\n  dear: {metric: accuracy}\ncolumns: {categorical: [shop, kind]}\n"
    path.write_text("host: folder\nslug: real\ntest: test.csv\nid: id\n" + asked)
    sample = contest.root / "inputs" / "sample_submission.csv"
    pd.read_csv(sample).assign(dear="yes").to_csv(sample, index=False)
    contest = load_contest(contest.root)
    phases = [{"epochs": 8, "lr": 1e-2}]
    learner, shelf = trained(contest, tmp_path / "shelf", features=[{"target_encoding": ["shop"]}], phases=phases)
    encoding = json.loads(shelf.path("encoding.json").read_text())
    made = [name for name in encoding["standard"]["columns"] if name.endswith("_by_shop")]
    assert len(made) == len(contest.outputs) == 2
    assert load_member(shelf, "final")["head.weight"].shape[0] == 2
    frame = learner.predict("train", contest.train.index[140:], {0: shelf}).set_index("id")
    truth = contest.truth(frame.index)
    for column, name in enumerate(contest.outputs):
        assert np.corrcoef(frame[name], truth[:, column])[0, 1] > 0.3


def test_test_rows_that_others_have_labelled_are_learnt_from(contest: Contest, tmp_path: Path) -> None:
    rows = contest.test.index[:20]
    high = PseudoLabels(rows, np.full((20, 1), 1e3, np.float32), 5.0, 0.0)
    learner, shelf = learner_of(contest), Shelf.open(tmp_path / "taught", "a")
    learner.fit(0, contest.train.index[:140], contest.train.index[140:], shelf, high)
    plain, other = trained(contest, tmp_path / "plain")
    assert (shelf.done or {})["pseudo"] == 20 and (shelf.done or {})["rows"] == 160
    assert predicted(contest, learner, shelf).mean() > predicted(contest, plain, other).mean() + 3


# from the training part alone


def test_what_the_scored_rows_hold_changes_nothing(contest: Contest, straight: list[bytes], tmp_path: Path) -> None:
    scored = contest.train.index[140:]
    rows, y = contest.train.copy(), contest.y.copy()
    order = np.random.default_rng(0).permutation(len(scored))
    rows.loc[scored] = rows.loc[scored].iloc[order].to_numpy()
    rows.loc[scored, "shop"], rows.loc[scored, "size"] = "nobody has seen it", 1e9
    y[140:] = 5.0
    other = dataclasses.replace(contest, train=rows, y=y)
    assert left(trained(other, tmp_path)[1]) == straight


def test_a_level_that_training_never_saw_is_the_average_one_unless_a_missing_value_has_taught_it(
    contest: Contest, tmp_path: Path
) -> None:
    learner, shelf = trained(contest, tmp_path)
    network, fitted = learner.networks.trained(0, shelf, "snapshot-2")
    raw = load_member(shelf, "snapshot-2")["embeddings.weight"]
    names = list(fitted.encoding.levels)
    shop, kind = names.index("shop"), names.index("kind")
    level = fitted.encoding.levels["shop"]
    assert level.counts[0] == 0 and sum(level.counts) == 140
    counts = torch.tensor(level.counts[1:], dtype=torch.float32)
    vectors = network.embeddings.of(shop)
    torch.testing.assert_close(vectors[0], (counts / counts.sum()) @ vectors[1:])
    begin = int(network.embeddings.starts[kind])
    assert fitted.encoding.levels["kind"].counts[0] > 0
    torch.testing.assert_close(network.embeddings.of(kind)[0], raw[begin : begin + network.embeddings.widths[kind], 0])

    rows = contest.test.assign(shop="new", kind="c", date=pd.NaT, size=np.nan)
    values = predicted(dataclasses.replace(contest, test=rows), *_of(contest, rows, learner, shelf))
    assert np.isfinite(values).all() and len(np.unique(values[: len(rows)])) == 1


def _of(contest: Contest, rows: pd.DataFrame, learner: TabularLearner, shelf: Shelf) -> tuple[TabularLearner, Shelf]:
    other = TabularLearner(dataclasses.replace(contest, test=rows), learner.config, "net", Reporter())
    return other, shelf


def test_a_column_of_one_value_teaches_nothing_and_another_value_later_changes_nothing(
    contest: Contest, tmp_path: Path
) -> None:
    learner, shelf = trained(contest, tmp_path)
    encoding = json.loads(shelf.path("encoding.json").read_text())
    assert "same" not in json.dumps(encoding)
    assert "date.hour" not in encoding["levels"] and "date.month" in encoding["levels"]
    other, _ = _of(contest, contest.test.assign(same=-1e6), learner, shelf)
    np.testing.assert_array_equal(predicted(contest, other, shelf), predicted(contest, learner, shelf))


def test_rows_follow_the_ids_that_are_asked_for(contest: Contest, tmp_path: Path) -> None:
    learner, shelf = trained(contest, tmp_path)
    ids = contest.test.index[::-1][:9]
    some = learner.predict("test", ids, {0: shelf})
    every = learner.predict("test", contest.test.index, {0: shelf})
    assert list(some["id"][:9]) == list(ids)
    joined = some.merge(every, on=["id", "member"])
    np.testing.assert_allclose(joined["sales_x"], joined["sales_y"], rtol=1e-5)


def test_a_table_without_a_column_that_varies_is_told(tmp_path: Path) -> None:
    table = pd.DataFrame({"same": [1] * 40, "word": ["a"] * 40, "target": [0, 1] * 20})
    contest = write_contest(
        tmp_path, table, ["target"], "binary", "columns: {continuous: [same], categorical: [word]}\n"
    )
    with pytest.raises(DataError, match="net fold 0: no column differs from row to row"):
        trained(contest, tmp_path / "shelf", 20)


@pytest.mark.parametrize("columns", [["shop"], ["size"]])
def test_categories_alone_or_numbers_alone_make_a_network(contest: Contest, tmp_path: Path, columns: list[str]) -> None:
    learner, shelf = trained(contest, tmp_path, features=columns)
    assert np.isfinite(predicted(contest, learner, shelf)).all()
    assert (shelf.done or {})["groups"] == 3


# the keys


@pytest.mark.parametrize(
    "keys",
    [
        {"layers": [24, 16]},
        {"dropouts": 0.3},
        {"embedding_dropout": 0.4},
        {"embedding_width": 3},
        {"batch_size": 16},
        {"optimizer": "adam"},
        {"optimizer": "sgd"},
        {"beta2": 0.9},
        {"weight_decay": 0.5},
        {"target_range": [0, 300]},
        {"seed": 1},
        {"ema": 0.5},
        {"clip_grad": 0.01},
        {"accumulate": 2},
        {"drop": ["size"]},
        {"features": [{"count": ["shop"]}]},
        {"precision": "bf16"},
        {"phases": [{"cycles": 2, "lr": 1e-2, "snapshots": True, "dropout": {"from": 0.5, "to": 0.1}}]},
        {"phases": [{"cycles": 2, "lr": [1e-4, 1e-3, 1e-2], "snapshots": True}]},
        {"phases": [{"cycles": 2, "lr": 1e-2, "snapshots": True, "swa": True}]},
    ],
    ids=lambda keys: next(iter(keys)),
)
def test_each_key_makes_another_model(contest: Contest, straight: list[bytes], tmp_path: Path, keys: Any) -> None:
    learner, shelf = trained(contest, tmp_path, **keys)
    assert left(shelf)[2:] != straight[2:]
    assert np.isfinite(predicted(contest, learner, shelf)).all()


def test_predictions_keep_to_the_range_of_the_target(contest: Contest, tmp_path: Path) -> None:
    low, high = float(contest.y.min()), float(contest.y.max())
    learner, shelf = trained(contest, tmp_path, target_range=[low, high], phases=[{"epochs": 2, "lr": 0.5}])
    spare = 0.05 * (high - low)
    values = predicted(contest, learner, shelf)
    assert low - spare <= values.min() and values.max() <= high + spare


def test_the_head_alone_learns_where_a_phase_says_so(contest: Contest, tmp_path: Path) -> None:
    phases = [{"cycles": 1, "snapshots": True}, {"cycles": 1, "train": "head", "snapshots": True}]
    _, shelf = trained(contest, tmp_path, phases=phases)
    first, last = load_member(shelf, "snapshot-1"), load_member(shelf, "snapshot-2")
    assert {name for name in first if not torch.equal(first[name], last[name])} == {"head.weight", "head.bias"}


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"size": 64}, "size: is for images; learner: tabular learns from a table"),
        ({"tta": 4}, "tta: is for images"),
        ({"phases": [{"epochs": 1, "mixup": 0.4}]}, "mixup: is for images"),
        ({"phases": [{"epochs": 1, "train": "head", "precompute": True}]}, "precompute: is for images"),
        ({"dropouts": [0.1]}, "dropouts: has 1 numbers; there are 2 layers"),
        ({"optimizer": "sgd", "beta2": 0.9}, "beta2: belongs to optimizer: adam and adamw"),
        ({"batch_size": "auto"}, "valid integer"),
    ],
)
def test_keys_that_have_no_place_are_refused_by_name(contest: Contest, keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        learner_of(contest, **keys)


def test_learning_rates_that_do_not_fit_are_told_before_training(contest: Contest) -> None:
    with pytest.raises(ConfigError, match="lr: has 4 numbers; the model has 3 layer groups"):
        learner_of(contest, phases=[{"epochs": 1, "lr": [1e-4, 1e-3, 1e-2, 1e-1]}]).check()
    with pytest.raises(ConfigError, match="label_smoothing: is for classes; this contest's task is regression"):
        learner_of(contest, label_smoothing=0.1).check()


# the same bytes


def test_random_numbers_drawn_elsewhere_change_nothing_and_none_are_taken(
    contest: Contest, straight: list[bytes], tmp_path: Path
) -> None:
    torch.manual_seed(99)
    before = torch.get_rng_state()
    assert left(trained(contest, tmp_path)[1]) == straight
    assert torch.equal(torch.get_rng_state(), before)


def test_compiled_steps_are_the_same_steps(
    contest: Contest, straight: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "BACKEND", "aot_eager")
    told: list[str] = []
    monkeypatch.setattr(Reporter, "warn", lambda self, text: told.append(text))
    assert left(trained(contest, tmp_path, compile=True)[1]) == straight
    assert not told


def test_a_training_that_was_stopped_anywhere_ends_with_the_same_bytes(
    contest: Contest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    phases = [
        {"epochs": 2, "lr": "find", "data": 0.7, "ema": 0.9, "schedule": "flat_cosine"},
        {"cycles": 2, "cycle_len": 1.5, "lr": [1e-3, 1e-2], "snapshots": True, "swa": True},
    ]
    keys = {"phases": phases, "precision": "bf16", "dropouts": [0.05, 0.3]}
    _, shelf = trained(contest, tmp_path / "straight", **keys)
    wanted = left(shelf)
    assert (shelf.done or {})["members"] == ["snapshot-1", "snapshot-2", "swa-1"]
    for step in (3, 5):
        with stopped_at_step(monkeypatch, step):
            trained(contest, tmp_path / "stopped", **keys)
    with stopped_at_save(monkeypatch, 2):
        trained(contest, tmp_path / "stopped", **keys)
    _, shelf = trained(contest, tmp_path / "stopped", **keys)
    assert left(shelf) == wanted
    assert [entry["epoch"] for entry in read_history(shelf)] == [1, 2, 1, 2, 3]


# before it is trained


def test_the_rate_finder_and_the_summary_see_the_network(contest: Contest, tmp_path: Path) -> None:
    learner, ids = learner_of(contest), contest.train.index
    sweep = find_lr(learner, 1, 0, ids[:140], ids[140:], Shelf.open(tmp_path / "scratch", "a"))
    assert 1e-6 < sweep.suggestions()["valley"] < 10

    path = contest.layout.pipeline_config("net")
    path.parent.mkdir(exist_ok=True)
    path.write_text("learner: tabular\nlayers: [24, 12]\nphases:\n  - {epochs: 1, lr: [1e-3, 1e-2, 1e-1]}\n")
    found = summary(Context(load_contest(contest.root).root), "net")
    assert [len(row.groups) for row in found.rows if row.name == "embeddings"] == [1]
    assert found.count == sum(p.numel() for p in learner.job(0, ids, ids[:0], Shelf(tmp_path))[1].parameters())
    columns, rows = found.phase_table()
    assert "size" not in columns and rows[0][columns.index("lr by group")] == "0.001, 0.01, 0.1"
