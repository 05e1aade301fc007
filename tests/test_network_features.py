"""Another pipeline's trained network as a backbone: each fold its own, made first, and never an old one."""

from __future__ import annotations

import json
import runpy
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import IMAGES, REPO, outfold, write_contest, write_images
from ordered_contest import CNN as MANY
from ordered_contest import several_contest
from pydantic import ValidationError
from safetensors.torch import load_file

from outfold.config.image_features import Backbone, ImageFeatures, PipelineBackbone
from outfold.contest_files import load_contest
from outfold.data.images.decode import decode, to_square
from outfold.errors import ConfigError, MismatchError
from outfold.learners.image_embeddings import network_features
from outfold.learners.tables.table_data import ContestTable
from outfold.progress import Reporter
from outfold.runs.context import Context
from outfold.stages.download import download
from outfold.stages.predict import predict
from outfold.stages.split import split
from outfold.stages.train import train
from outfold.training.models import ModelSpec, build_model

pytestmark = pytest.mark.usefixtures("one_thread")

SMALL = {"channels": [4, 4, 8, 8]}
CNN = f"""\
learner: image
model: resnet10t
timm_args: {{channels: {SMALL["channels"]}}}
weights: none
size: 16
augment: none
phases: [{{cycles: 2, cycle_len: 1, lr: 1e-2, snapshots: true}}]
tta: 0
device: cpu
"""
PLAIN = "image_features: {statistics: false, gradients: false, size: 1, backbone: {pipeline: cnn}}\n"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Digits, with a network that is trained, a linear model on it that is not, and folds."""
    root = tmp_path_factory.mktemp("digits")
    write_images(root, rows=60)
    write_contest(root, IMAGES, cnn=CNN, features=f"learner: linear\nC: 0.1\n{PLAIN}")
    for stage in (download, split):
        stage(Context(root))
    train(Context(root), "cnn")
    return root


def features(root: Path, part: Any, fold: int, member: str | None = None) -> pd.DataFrame:
    backbone = PipelineBackbone(pipeline="cnn", member=member)
    return network_features(load_contest(root), part, fold, backbone, "pipelines/features.yaml", Reporter())


@pytest.mark.parametrize("part", ["train", "test"])
def test_they_are_what_the_head_of_this_folds_network_sees_by_id(root: Path, part: Any) -> None:
    contest = load_contest(root)
    ids = (contest.train if part == "train" else contest.test).index
    for fold in (0, 1):
        table = features(root, part, fold)
        assert table.index.equals(ids) and set(table.dtypes) == {np.dtype(np.float32)} and table.columns[0] == "cnn_0"
        model = build_model(ModelSpec("resnet10t", 3, 3, 16, SMALL, "test"), "none", root).eval()
        shelf = contest.layout.fold("cnn", fold)
        model.load_state_dict(load_file(shelf / "snapshot-2.safetensors"))
        facts = json.loads((shelf / "model.json").read_text())
        mean, std = (torch.tensor(facts[key])[:, None, None] for key in ("mean", "std"))
        for name in (ids[0], ids[-1]):
            (path,) = contest.images(part, pd.Index([name]))
            pixels = torch.from_numpy(to_square(decode(path), 16, "crop")).permute(2, 0, 1)[None] / 255
            with torch.inference_mode():
                seen = model.forward_head(model.forward_features((pixels - mean) / std), pre_logits=True)[0]
            np.testing.assert_allclose(table.loc[name].to_numpy(), seen.numpy(), rtol=1e-4, atol=1e-5)
    assert not np.allclose(features(root, part, 0), features(root, part, 1))


def test_a_member_may_be_named(root: Path) -> None:
    np.testing.assert_array_equal(features(root, "test", 0, "snapshot-2"), features(root, "test", 0))
    assert not np.allclose(features(root, "test", 0, "snapshot-1"), features(root, "test", 0))
    with pytest.raises(ConfigError, match=r"cnn has no member 'snapshot-3'; did you mean snapshot-[12]"):
        features(root, "test", 0, "snapshot-3")


def test_weights_that_are_gone_are_named_by_predict(root: Path, tmp_path: Path) -> None:
    copy = tmp_path / "contest"
    shutil.copytree(root, copy)
    weights = copy / "artifacts" / "cnn" / "folds" / "1" / "snapshot-2.safetensors"
    weights.unlink()
    done = outfold(copy, "predict", "cnn", check=False)
    assert done.returncode == 2, done.stderr
    assert f"{weights}: no such file" in done.stderr and "train cnn`" in done.stderr


def test_rows_that_score_are_seen_by_the_network_that_has_not_seen_them(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    images = ContestTable.images

    def noted(self: ContestTable, part: Any, ids: pd.Index, fold: int) -> Any:
        asked.append((part, fold, ids))
        return images(self, part, ids, fold)

    monkeypatch.setattr(ContestTable, "images", noted)
    folds = Context(root).folds
    train(Context(root), "features")
    predict(Context(root), "features")
    for fold in (0, 1):
        rows = [ids for part, of, ids in asked if part == "train" and of == fold and len(ids)]
        assert any(ids.equals(folds.train(fold)) for ids in rows) and any(ids.equals(folds.valid(fold)) for ids in rows)
        assert all(ids.isin(folds.train(fold)).all() or ids.equals(folds.valid(fold)) for ids in rows)
    assert {fold for part, fold, ids in asked if part == "test" and len(ids)} == {0, 1}
    seen = pd.read_csv(root / "artifacts" / "features" / "importance.csv")["feature"]
    assert seen.str.startswith("image.cnn_").sum() == 8


def test_trees_see_through_a_network_too(root: Path) -> None:
    write_contest(root, IMAGES, trees=f"learner: gbdt\nrounds: 3\nearly_stopping: 0\n{PLAIN}")
    train(Context(root), "trees")
    fitted = json.loads((root / "artifacts" / "trees" / "folds" / "1" / "fitted.json").read_text())
    assert [name for name in fitted["features"] if "cnn" in name] == [f"image.cnn_{n}" for n in range(8)]


def test_other_networks_make_another_model_and_an_untrained_one_is_refused(tmp_path: Path) -> None:
    write_images(tmp_path, rows=30)
    write_contest(tmp_path, IMAGES, cnn=CNN, features=f"learner: linear\nC: 0.1\n{PLAIN}")
    for stage in (download, split):
        stage(Context(tmp_path))
    refused = r"cnn, whose networks are asked for as a backbone, (.*)\n  Run `outfold.* train cnn` first"
    with pytest.raises(MismatchError, match=refused.replace("(.*)", "is not trained")):
        train(Context(tmp_path), "features")
    train(Context(tmp_path), "cnn", only_folds=[1])
    with pytest.raises(MismatchError, match=refused.replace("(.*)", "is not trained on fold 0")):
        train(Context(tmp_path), "features")
    train(Context(tmp_path), "cnn")
    first = train(Context(tmp_path), "features")
    assert train(Context(tmp_path), "features") == first

    cnn = tmp_path / "pipelines" / "cnn.yaml"
    cnn.write_text(CNN + "seed: 1\n")
    with pytest.raises(
        MismatchError, match=refused.replace("(.*)", "was trained on another contest, pipeline, data or folds .*")
    ):
        train(Context(tmp_path), "features")
    train(Context(tmp_path), "cnn")
    second = train(Context(tmp_path), "features")
    assert second.fingerprint != first.fingerprint and second.oof_sha256 != first.oof_sha256
    cnn.write_text(CNN.replace("tta: 0", "tta: 1") + "seed: 1\n")
    assert train(Context(tmp_path), "features").fingerprint == second.fingerprint, "its networks are the same"


@pytest.mark.parametrize(
    ("pipelines", "told"),
    [
        (
            {"features": PLAIN.replace("cnn", "cmn")},
            "it learns from 'cmn', and there is no such pipeline; did you mean cnn",
        ),
        ({"features": PLAIN.replace("cnn", "features")}, "features learns from features"),
        ({"features": PLAIN.replace("cnn", "trees"), "trees": ""}, r"trees \(learner: linear\) has no network"),
    ],
)
def test_what_cannot_be_seen_through_is_told(tmp_path: Path, pipelines: dict[str, str], told: str) -> None:
    write_images(tmp_path, rows=10)
    write_contest(tmp_path, IMAGES, cnn=CNN, **{name: f"learner: linear\n{keys}" for name, keys in pipelines.items()})
    context = Context(tmp_path)
    from outfold.learners.registry import make_learner

    with pytest.raises(ConfigError, match=told):
        make_learner(context.contest, context.model_config("features"), "features", Reporter())


def test_a_backbone_is_a_timm_model_or_a_pipeline() -> None:
    assert isinstance(ImageFeatures.model_validate({"backbone": "resnet34"}).backbone, Backbone)
    assert ImageFeatures.model_validate({"backbone": {"pipeline": "cnn"}}).backbone == PipelineBackbone(pipeline="cnn")
    with pytest.raises(ValidationError, match="weights"):
        ImageFeatures.model_validate({"backbone": {"pipeline": "cnn", "weights": "none"}})


def test_make_is_told_what_must_be_trained_first(root: Path) -> None:
    needs = runpy.run_path(str(REPO / "tools" / "needs.py"))["needs"]
    assert "features/oof.parquet:cnn/oof.parquet" in list(needs(root / "pipelines"))


def test_each_of_several_targets_sees_through_the_one_network_that_has_them_all(tmp_path: Path) -> None:
    short = MANY.replace("epochs: 4", "epochs: 1")
    linear = f"learner: linear\nC: 0.1\nalpha: [0.01, 0.1]\n{PLAIN}"
    several_contest(tmp_path, train=60, cnn=short, features=linear)
    for stage in (download, split):
        stage(Context(tmp_path))
    for name in ("cnn", "features"):
        manifest = train(Context(tmp_path), name)
        predict(Context(tmp_path), name)
    assert manifest.outputs == load_contest(tmp_path).outputs
    assert len(list((tmp_path / "artifacts" / "cache").glob("activations-*"))) == 4, "two folds, train and test"
