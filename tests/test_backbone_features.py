"""A network that is not trained, as features for trees: aligned, computed once, and worth it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import timm
import torch
from conftest import IMAGES, write_contest, write_images
from PIL import Image
from pydantic import ValidationError
from safetensors.torch import save_file

from outfold.config.image_features import Backbone, ImageFeatures
from outfold.contest_files import load_contest
from outfold.data.images.decode import decode, to_square
from outfold.data.images.image_statistics import exif_of
from outfold.errors import ConfigError
from outfold.learners.image import pooling as module
from outfold.learners.image_embeddings import backbone_features
from outfold.progress import Reporter
from outfold.runs.context import Context
from outfold.runs.provenance import fit_fingerprint
from outfold.stages.download import download
from outfold.stages.predict import predict
from outfold.stages.split import split
from outfold.stages.train import train

pytestmark = pytest.mark.usefixtures("one_thread")

REAL = Path(os.environ["OUTFOLD_TEST_DATA"]) if os.environ.get("OUTFOLD_TEST_DATA") else None
SMALL = {"model": "resnet10t", "timm_args": {"channels": [4, 4, 8, 8]}, "size": 24}


def random_weights(path: Path, seed: int) -> torch.nn.Module:
    torch.manual_seed(seed)
    model = timm.create_model(SMALL["model"], **SMALL["timm_args"], num_classes=5)
    for layer in model.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            # so that statistics of training would be told from those of evaluation
            layer.running_mean.uniform_(-0.1, 0.1)
    path.parent.mkdir(exist_ok=True)
    save_file(model.state_dict(), path)
    return model.eval()


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    write_images(tmp_path, rows=30, size=20)
    return write_contest(tmp_path, IMAGES, trees="learner: gbdt\nrounds: 5\nearly_stopping: 0\n")


def features(root: Path, part: Any = "train", **keys: Any) -> pd.DataFrame:
    backbone = Backbone.model_validate({**SMALL, "weights": "weights/small.safetensors", **keys})
    return backbone_features(load_contest(root), part, backbone, "pipelines/trees.yaml", Reporter())


@pytest.mark.parametrize("part", ["train", "test"])
def test_they_are_what_the_networks_head_would_see_by_id(digits: Path, part: Any) -> None:
    model = random_weights(digits / "weights" / "small.safetensors", 1)
    table = features(digits, part, mean=[0.5, 0.4, 0.3], std=[0.2, 0.3, 0.4])
    contest = load_contest(digits)
    ids = (contest.train if part == "train" else contest.test).index
    assert table.index.equals(ids) and set(table.dtypes) == {np.dtype(np.float32)}
    for name in (ids[0], ids[-1]):
        (path,) = contest.images(part, pd.Index([name]))
        pixels = torch.from_numpy(to_square(decode(path), 24, "crop")).permute(2, 0, 1)[None] / 255
        mean, std = (torch.tensor(values)[:, None, None] for values in ([0.5, 0.4, 0.3], [0.2, 0.3, 0.4]))
        with torch.inference_mode():
            seen = model.forward_head(model.forward_features((pixels - mean) / std), pre_logits=True)[0]
        np.testing.assert_allclose(table.loc[name].to_numpy(), seen.numpy(), rtol=1e-4, atol=1e-5)


def test_they_are_computed_once_and_anew_for_other_weights_or_images(
    digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    compute = module.activations
    monkeypatch.setattr(module, "activations", lambda *given: calls.append(1) or compute(*given))
    random_weights(digits / "weights" / "small.safetensors", 1)
    first = features(digits)
    pd.testing.assert_frame_equal(features(digits), first)
    assert len(calls) == 1
    random_weights(digits / "weights" / "small.safetensors", 2)
    assert not np.allclose(features(digits), first) and len(calls) == 2
    features(digits, size=32)
    features(digits, mean=[0.0, 0.0, 0.0])
    assert len(calls) == 4


def test_random_weights_are_the_same_each_time(digits: Path) -> None:
    first = features(digits, weights="none")
    shutil.rmtree(digits / "artifacts")
    torch.manual_seed(99)
    pd.testing.assert_frame_equal(features(digits, weights="none"), first)


def test_another_file_of_weights_is_another_model(digits: Path) -> None:
    pipeline = digits / "pipelines" / "trees.yaml"
    plain = pipeline.read_text()
    pipeline.write_text(
        plain + "image_features:\n  backbone: {model: resnet10t, timm_args: {channels: [4, 4, 8, 8]}, size: 24, "
        "weights: weights/small.safetensors}\n"
    )
    download(Context(digits))
    split(Context(digits))
    fingerprints = set()
    for seed in (1, 2):
        random_weights(digits / "weights" / "small.safetensors", seed)
        context = Context(digits)
        fingerprints.add(fit_fingerprint(context, context.model_config("trees")))
    assert len(fingerprints) == 2
    train(Context(digits), "trees")
    predict(Context(digits), "trees")
    gains = pd.read_csv(digits / "artifacts" / "trees" / "importance.csv")
    assert gains.iloc[:, 0].astype(str).str.startswith("image.resnet10t_").any()


def test_a_missing_file_is_told(digits: Path) -> None:
    with pytest.raises(ConfigError, match=r"small\.safetensors: no such file"):
        features(digits)


def test_a_backbone_may_be_named_alone() -> None:
    named = ImageFeatures.model_validate({"backbone": "resnet34"}).backbone
    assert named == Backbone(model="resnet34", weights="pretrained", size=224)
    with pytest.raises(ValidationError):
        ImageFeatures.model_validate({"backbone": {"weights": "none"}})


def test_exif_tells_a_phones_photo_from_a_picture_of_the_web(digits: Path, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x0132] = 6, "Maker", "2020:01:01 00:00:00"
    path = tmp_path / "shot.jpg"
    Image.new("RGB", (20, 10)).save(path, exif=exif)
    assert exif_of(path.read_bytes()) == {"orientation": 6, "camera": 1, "date": 1, "place": 0}
    Image.new("RGB", (20, 10)).save(path)
    assert (
        exif_of(path.read_bytes())
        == exif_of(b"no image")
        == dict.fromkeys(("orientation", "camera", "date", "place"), 0)
    )


def test_exif_is_a_feature_where_it_is_asked_for(digits: Path) -> None:
    contest = load_contest(digits)
    from outfold.data.images.image_statistics import image_features

    found = {}
    for exif in (False, True):
        settings = ImageFeatures(exif=exif)
        paths = contest.images("train", contest.train.index)
        found[exif], _ = image_features("train", paths, settings, contest.layout.cache, Reporter(), on_bad="error")
    new = [name for name in found[True] if name not in found[False]]
    assert new == ["exif_orientation", "exif_camera", "exif_date", "exif_place"]
    pd.testing.assert_frame_equal(found[True][list(found[False])], found[False])


@pytest.mark.skipif(
    REAL is None or not (REAL / "dogs-vs-cats").is_dir() or not (REAL / "weights").is_dir(), reason="needs real data"
)
def test_trees_tell_cats_from_dogs_by_a_backbone_and_not_without(tmp_path: Path) -> None:
    assert REAL is not None
    rows = []
    for kind in ("cat", "dog"):
        paths = sorted((REAL / "dogs-vs-cats" / "train" / kind).glob("*.jpg"))[:70]
        for path in paths:
            (tmp_path / "inputs").mkdir(exist_ok=True)
            shutil.copy(path, tmp_path / "inputs" / path.name)
            rows.append((path.name, kind))
    table = pd.DataFrame(rows, columns=["file", "kind"])
    table.to_csv(tmp_path / "inputs" / "train.csv", index=False)
    sample = pd.DataFrame({"file": [table["file"][0]], "kind": [0.5]})
    sample.to_csv(tmp_path / "inputs" / "sample_submission.csv", index=False)
    (tmp_path / "weights").mkdir()
    shutil.copy(REAL / "weights" / "mobilenetv2_100.safetensors", tmp_path / "weights")
    trees = "learner: gbdt\nrounds: 40\nearly_stopping: 0\nparams: {min_data_in_leaf: 5, feature_fraction: 0.2}\n"
    backbone = (
        "{model: mobilenetv2_100, weights: weights/mobilenetv2_100.safetensors, size: 160, "
        "timm_args: {pad_type: same}, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5]}"
    )
    contest = (
        "host: folder\nslug: pets\nid: file\ntarget: kind\nmetric: accuracy\ncolumns: {image: file}\nfolds: {n: 2}\n"
    )
    write_contest(tmp_path, contest, plain=trees, backbone=f"{trees}image_features:\n  backbone: {backbone}\n")
    download(Context(tmp_path))
    split(Context(tmp_path))
    scores = {name: train(Context(tmp_path), name).score for name in ("plain", "backbone")}
    assert scores["plain"] < 0.8 < 0.9 < scores["backbone"]
