"""Keys that a stage reads, and not a fold's training: each changes what the stage does."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from conftest import TABULAR, write_contest, write_tables
from image_contest import digits_contest
from pydantic import TypeAdapter
from sklearn.datasets import load_breast_cancer
from test_image_keys import NET
from trained_fold import differ

from outfold.config.image import ImagePipeline
from outfold.config.image_features import Backbone, ImageFeatures, PipelineBackbone
from outfold.config.imported import ImportedPipeline
from outfold.config.load import load_pipeline, pipeline_of
from outfold.config.phase import Ramp
from outfold.config.pipeline import PIPELINE, BlendConfig
from outfold.config.pipeline_base import Pseudo
from outfold.config.search_space import Range, Search
from outfold.contest import Contest
from outfold.contest_files import load_contest
from outfold.ensemble import blend
from outfold.errors import ConfigError, OutfoldError
from outfold.learners.image.learner import ImageLearner
from outfold.learners.image_embeddings import backbone_features
from outfold.learners.registry import make_learner
from outfold.learners.tables.table_data import ContestTable
from outfold.metrics import get_metric
from outfold.progress import Reporter
from outfold.runs.compute import Compute
from outfold.runs.context import Context
from outfold.runs.imported import imported
from outfold.runs.pseudo_labels import Teachers
from outfold.runs.tuning.study import _distribution
from outfold.stages.download import download
from outfold.stages.ensemble import ensemble
from outfold.stages.import_predictions import import_predictions
from outfold.stages.predict import predict
from outfold.stages.split import split
from outfold.stages.train import train
from outfold.store.paths import Layout
from outfold.training.recipe import plan_phases

pytestmark = pytest.mark.usefixtures("one_thread")

LINEAR = "learner: linear\nC: 0.1\n"
BY_MODEL: dict[type, set[str]] = {
    Range: {"low", "high", "log", "step"},
    Ramp: {"start", "end", "shape"},
    Pseudo: {"pipelines", "confidence", "share", "labels", "weight"},
    ImageFeatures: {"size", "statistics", "gradients", "exif", "backbone"},
    Backbone: {"model", "weights", "size", "resize", "timm_args", "mean", "std"},
    PipelineBackbone: {"pipeline", "member"},
    BlendConfig: {"learner", "combiner", "pipelines", "seed"},
    ImportedPipeline: {"learner", "oof", "test", "same_folds"},
}
EVERY_PIPELINE = {"learner", "tune", "by_fold", "tuned_on", "jobs"}
NETWORKS = {"device", "devices", "precision", "compile", "workers"}


@pytest.fixture(scope="module")
def cancer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two linear models, trained on two folds."""
    root = tmp_path_factory.mktemp("cancer") / "contest"
    write_tables(root, load_breast_cancer(as_frame=True).frame.iloc[:200, [0, 1, 2, 3, -1]].copy(), "target")
    write_contest(root, TABULAR.replace("n: 3", "n: 2"), first=LINEAR, second="learner: linear\nC: 10\nl1_ratio: 0.5\n")
    context = Context(root)
    download(context)
    split(context)
    for name in ("first", "second"):
        train(context, name)
        predict(context, name)
    return root


def labelled(root: Path, **keys: Any) -> str:
    asked = Pseudo.model_validate({"pipelines": "first", "confidence": 0.9, **keys})
    found = Teachers(Context(root), asked).labels(0)
    return f"{found.ids.tolist()} {found.targets.tolist()} {found.weight}"


@pytest.mark.parametrize(
    "change",
    [
        {"pipelines": "second"},
        {"confidence": 0.7},
        {"confidence": None, "share": 0.2},
        {"labels": "hard"},
        {"weight": 2},
    ],
    ids=str,
)
def test_every_key_of_pseudo_changes_the_labels(cancer: Path, change: dict[str, Any]) -> None:
    assert labelled(cancer) != labelled(cancer, **change)


def test_the_keys_of_tuning_are_read(cancer: Path) -> None:
    contest, path = load_contest(cancer), Layout(cancer).pipeline_config("other")
    config = pipeline_of(path, {"learner": "linear", "by_fold": {0: {"C": 0.1}, 1: {"C": 9}}})
    assert [config.for_fold(fold).C for fold in (0, 1)] == [[0.1], [9]]
    tuned = {"learner": "linear", "C": 1, "by_fold": {0: {"C": 0.001}}}
    assert differ(contest, {"learner": "linear", "C": 1}, tuned)
    path.write_text("learner: linear\nby_fold: {0: {C: 1}, 1: {C: 2}}\ntuned_on: '000000000000'\n")
    try:
        with pytest.raises(OutfoldError, match=r"other[.]yaml:3: tuned_on: by_fold was found on other folds"):
            train(Context(cancer), "other")
    finally:
        path.unlink()


def space(**keys: Any) -> Any:
    return _distribution(TypeAdapter(Search).validate_python({"low": 1, "high": 8, **keys}))


@pytest.mark.parametrize("change", [{"low": 2}, {"high": 9}, {"log": True}, {"step": 2}], ids=str)
def test_every_key_of_a_range_changes_what_is_drawn_from(change: dict[str, Any]) -> None:
    assert space() != space(**change)


def momentum(**keys: Any) -> list[float]:
    phase = {"epochs": 1, "schedule": "constant", "momentum": {"from": 0.5, "to": 0.9, **keys}}
    (plan,) = plan_phases(ImagePipeline.model_validate({"learner": "image", "phases": [phase]}), 640, "a.yaml")
    return [plan.at("momentum", step) for step in range(10)]


@pytest.mark.parametrize("change", [{"from": 0.4}, {"to": 0.8}, {"shape": "cosine"}], ids=str)
def test_every_key_of_a_ramp_changes_its_values(change: dict[str, Any]) -> None:
    assert momentum() != momentum(**change)


LEARNERS = {
    "gbdt": {},
    "linear": {},
    "sklearn": {"estimator": "sklearn.tree.DecisionTreeClassifier"},
    "tabular": {},
    "image": {},
}


@pytest.mark.parametrize("learner", LEARNERS)
def test_jobs_and_tune_are_read_of_every_learner(cancer: Path, learner: str) -> None:
    path = Layout(cancer).pipeline_config("other")
    keys = {"learner": learner, **LEARNERS[learner]}
    assert (
        Compute().jobs_for(pipeline_of(path, {**keys, "jobs": 3})) == 3 != Compute().jobs_for(pipeline_of(path, keys))
    )
    assert pipeline_of(path, {**keys, "tune": {"seed": [0, 1]}}).tune == {"seed": [0, 1]}
    with pytest.raises(ConfigError, match=r"tune[.]sead: unknown key"):
        pipeline_of(path, {**keys, "tune": {"sead": [0, 1]}})
    with pytest.raises(ConfigError, match="tuned_on: has no effect without by_fold"):
        pipeline_of(path, {**keys, "tuned_on": "abc"})
    own = pipeline_of(path, {**keys, "by_fold": {0: {"seed": 5}, 1: {"seed": 6}}})
    assert [own.for_fold(fold).seed for fold in (0, 1)] == [5, 6]


def test_the_learner_chooses_the_model() -> None:
    made = {type(PIPELINE.validate_python({"learner": name, **keys})) for name, keys in LEARNERS.items()}
    assert len(made) == len(LEARNERS)


@pytest.mark.parametrize(
    "keys",
    [{"learner": "gbdt", "library": "xgboost"}, {"learner": "tabular"}, {"learner": "tabular", "model": "realmlp"}],
    ids=str,
)
def test_a_device_that_is_not_there_is_refused(cancer: Path, keys: dict[str, Any]) -> None:
    path = Layout(cancer).pipeline_config("other")
    path.write_text("".join(f"{key}: {value}\n" for key, value in keys.items()) + "device: cuda:63\n")
    try:
        with pytest.raises(ConfigError, match=rf"other.yaml:{len(keys) + 1}: device: "):
            make_learner(load_contest(cancer), load_pipeline(path), "other", Reporter())
    finally:
        path.unlink()


@pytest.mark.parametrize("keys", [{"learner": "tabular"}, NET], ids=["tabular", "image"])
def test_devices_are_given_to_folds_in_turn(keys: dict[str, Any]) -> None:
    config = pipeline_of(Path("a.yaml"), {**keys, "devices": ["cpu", "cpu"]})
    assert Compute().jobs_for(config) == 2
    assert Compute().devices_for(config, "a.yaml") == ["cpu", "cpu"]


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Contest]:
    root = tmp_path_factory.mktemp("digits")
    made = digits_contest(root, train=16, test=8, task="binary", folds={"n": 2})
    for path in root.glob("inputs/t*/*.png"):
        cv2.imwrite(str(path), cv2.resize(cv2.imread(str(path)), (40, 32)))
    yield made


def described(contest: Contest, **keys: Any) -> pd.DataFrame:
    config = pipeline_of(Path("a.yaml"), {"learner": "linear", "image_features": {"size": 2, **keys}})
    table = ContestTable(contest, config, "model", Reporter())  # type: ignore[arg-type]
    found = table.images("train", contest.train.index, 0)
    assert found is not None
    return found


SMALL = {"model": "resnet10t", "weights": "none", "timm_args": {"channels": [4, 4, 8, 8]}, "size": 32}


@pytest.mark.parametrize(
    "change", [{"size": 3}, {"statistics": False}, {"gradients": False}, {"exif": True}, {"backbone": SMALL}], ids=str
)
def test_every_key_of_image_features_changes_their_columns(digits: Contest, change: dict[str, Any]) -> None:
    assert list(described(digits).columns) != list(described(digits, **change).columns)


def activations(contest: Contest, **keys: Any) -> pd.DataFrame:
    return backbone_features(contest, "test", Backbone.model_validate({**SMALL, **keys}), "a.yaml", Reporter())


@pytest.mark.parametrize(
    "change",
    [
        {"model": "resnet14t"},
        {"size": 40},
        {"resize": "squash"},
        {"timm_args": {"channels": [4, 4, 8, 16]}},
        {"mean": [0.1, 0.2, 0.3]},
        {"std": [0.1, 0.2, 0.3]},
    ],
    ids=str,
)
def test_every_key_of_a_backbone_changes_its_activations(digits: Contest, change: dict[str, Any]) -> None:
    assert not activations(digits).equals(activations(digits, **change))


def test_the_weights_of_a_backbone_are_looked_for(digits: Contest) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        activations(digits, weights="nowhere.safetensors")


def test_the_network_and_the_member_of_another_pipeline_are_taken(digits: Contest) -> None:
    context = Context(digits.root)
    phases = [{"cycles": 2, "snapshots": True, "lr": 0.1}]
    text = {**NET, "batch_size": 4, "phases": phases}
    for name in ("one", "two"):
        path = Layout(digits.root).pipeline_config(name)
        path.write_text("".join(f"{key}: {value}\n" for key, value in text.items()))
    split(context)
    train(context, "one")
    shutil.copytree(digits.layout.pipeline("one"), digits.layout.pipeline("two"))
    last = described(digits, backbone={"pipeline": "one"})
    assert not last.equals(described(digits, backbone={"pipeline": "one", "member": "snapshot-1"}))
    assert list(last.columns) != list(described(digits, backbone={"pipeline": "two"}).columns)


def test_precision_workers_and_compile_are_taken(digits: Contest) -> None:
    def learner(**keys: Any) -> ImageLearner:
        return ImageLearner(digits, ImagePipeline.model_validate({**NET, **keys}), "cnn", Reporter())

    assert learner().precision.name != learner(precision="bf16").precision.name
    source = [learner(workers=number).source("train", 32, [0.5], [0.5]).workers for number in (0, 3)]
    assert source == [0, 3]
    with pytest.raises(ConfigError, match="device"):
        learner(device="cuda:63")


def test_every_key_of_a_blend_changes_it(cancer: Path) -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 120)
    members = np.stack([np.clip(y * 0.3 + 0.35 + rng.normal(0, scale, 120), 0.01, 0.99) for scale in (0.2, 0.3, 0.4)])
    asked = {"metric": get_metric("log_loss", task="binary"), "task": "binary"}
    names = ["a", "b", "c"]

    def blended(combiner: str, seed: int, parts: int = 3) -> Any:
        return blend(
            members[:, :, None].astype(np.float32),
            y,
            np.arange(120) % parts,
            names=names,
            combiner=combiner,
            seed=seed,
            **asked,
        ).oof

    assert not np.array_equal(blended("mean", 0), blended("ges", 0))
    assert not np.array_equal(blended("stack", 0, parts=1), blended("stack", 1, parts=1))
    blends = cancer / "pipelines" / "blend.yaml"
    sent = []
    for name in ("first", "second"):
        blends.write_text(f"combiner: mean\npipelines: {name}\n")
        sent.append(ensemble(Context(cancer)).test_sha256)
    assert sent[0] != sent[1]
    blends.unlink()


def test_every_key_of_an_import_is_read(cancer: Path) -> None:
    frame = pd.read_parquet(cancer / "artifacts" / "first" / "oof.parquet")
    test = pd.read_parquet(cancer / "artifacts" / "first" / "test.parquet")
    oof, tested = cancer / "oof.csv", cancer / "predicted.csv"
    column = [name for name in frame.columns if name not in ("id", "fold", "member")]
    frame[["id", *column]].rename(columns={column[0]: "target"}).to_csv(oof, index=False)
    test.groupby("id", as_index=False)[column].mean().rename(columns={column[0]: "target"}).to_csv(tested, index=False)
    context = Context(cancer)
    with pytest.raises(OutfoldError, match="fold"):
        import_predictions(context, "outside", oof, tested)
    import_predictions(context, "outside", oof, tested, same_folds=True)
    path = Layout(cancer).pipeline_config("outside")
    assert load_pipeline(path) == ImportedPipeline(oof="oof.csv", test="predicted.csv", same_folds=True)
    assert imported(context, "outside") is not None
    path.unlink()
