"""Sixteen bits and many bands: read as they are stored, brought to bytes by the rule that the docs name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import timm
import torch
from image_contest import digits_contest
from PIL import Image
from pydantic import ValidationError
from safetensors.torch import save_file
from sklearn.datasets import load_digits
from test_training import recipe

from outfold.contest import Contest
from outfold.data.images.cache import ImageSet, channel_statistics
from outfold.data.images.decode import BadImageError, decode, to_square
from outfold.errors import ConfigError, DataError
from outfold.learners.image.learner import ImageLearner
from outfold.progress import Reporter
from outfold.store.fold_dir import Shelf
from outfold.training.models import ModelSpec, build_model

pytestmark = pytest.mark.usefixtures("one_thread")

RNG = np.random.default_rng(0)
FIVE = RNG.integers(0, 256, (20, 30, 5), dtype=np.uint8)


def write(path: Path, bands: np.ndarray, layout: str = "contig") -> Path:
    if layout == "contig" and bands.shape[2] == 1:
        tifffile.imwrite(path, bands[:, :, 0], photometric="minisblack")
    elif layout == "contig":
        tifffile.imwrite(path, bands, photometric="minisblack", planarconfig="contig")
    else:
        planar = {} if layout == "pages" else {"planarconfig": "separate"}
        tifffile.imwrite(path, np.moveaxis(bands, 2, 0), photometric="minisblack", **planar)
    return path


@pytest.mark.parametrize("layout", ["contig", "separate", "pages"])
@pytest.mark.parametrize("bits", [8, 16])
def test_bands_are_read_however_they_are_laid_out(tmp_path: Path, layout: str, bits: int) -> None:
    stored = FIVE if bits == 8 else FIVE.astype(np.uint16) * 257
    assert np.array_equal(decode(write(tmp_path / "a.tif", stored, layout), 5), FIVE)


def test_compressed_and_big_tiffs_are_read(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", FIVE, photometric="minisblack", planarconfig="contig", compression="zlib")
    tifffile.imwrite(tmp_path / "b.tif", FIVE, photometric="minisblack", planarconfig="contig", bigtiff=True)
    for name in ("a.tif", "b.tif"):
        assert np.array_equal(decode(tmp_path / name, 5), FIVE)


def test_alpha_is_a_fourth_band_where_four_are_asked_for(tmp_path: Path) -> None:
    Image.fromarray(FIVE[:, :, :4]).save(tmp_path / "a.png")
    assert np.array_equal(decode(tmp_path / "a.png", 4), FIVE[:, :, :4])


def test_sixteen_bits_are_brought_to_eight_with_rounding(tmp_path: Path) -> None:
    stored = np.array([[[0, 128], [129, 257], [65534, 65535], [4095, 12]]], np.uint16)
    assert decode(write(tmp_path / "a.tif", stored), 2).tolist() == [[[0, 0], [1, 1], [255, 255], [16, 0]]]


def test_value_range_keeps_what_a_twelve_bit_sensor_saw(tmp_path: Path) -> None:
    ramp = np.arange(0, 4096, 16, dtype=np.uint16).reshape(16, 16, 1).repeat(5, axis=2)
    path = write(tmp_path / "a.tif", ramp)
    assert len(np.unique(decode(path, 5))) == 17
    assert len(np.unique(decode(path, 5, [[0, 4080]]))) == 256
    own = decode(path, 5, [[0, 4080]] * 4 + [[2000, 2001]])
    assert np.array_equal(own[:, :, 0], decode(path, 5, [[0, 4080]])[:, :, 0])
    assert set(np.unique(own[:, :, 4])) == {0, 255}


@pytest.mark.parametrize("kind", [np.float32, np.int16])
def test_values_of_unknown_range_need_one(tmp_path: Path, kind: Any) -> None:
    stored = (FIVE.astype(kind) - 128) * 2
    if kind is np.float32:
        stored[0, 0, 0] = np.nan
    path = write(tmp_path / "a.tif", stored)
    with pytest.raises(BadImageError, match=rf"{np.dtype(kind)} pixels; value_range: must say"):
        decode(path, 5)
    found = decode(path, 5, [[-256, 254]])
    assert np.array_equal(found[1:], FIVE[1:]) and (kind is np.int16 or found[0, 0, 0] == 0)


def test_another_number_of_bands_and_damage_are_told(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", FIVE)
    with pytest.raises(BadImageError, match="5 bands; channels: 4"):
        decode(path, 4)
    with pytest.raises(BadImageError, match="5 bands; value_range: has 2 pairs"):
        decode(path, 5, [[0, 1], [0, 1]])
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(BadImageError, match="not a TIFF that can be read"):
        decode(path, 5)
    (tmp_path / "b.tif").write_bytes(b"II*\0nonsense")
    for channels in (3, 5):
        with pytest.raises(BadImageError):
            decode(tmp_path / "b.tif", channels)


def test_three_channels_of_many_bands_are_the_first_three(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", FIVE.astype(np.uint16) * 257)
    assert np.array_equal(decode(path), FIVE[:, :, :3])
    grey = np.asarray(Image.fromarray(FIVE[:, :, :3]).convert("L"))
    assert np.array_equal(decode(path, 1)[:, :, 0], grey)
    single = write(tmp_path / "b.tif", FIVE[:, :, :1].astype(np.uint16) * 16)
    assert np.array_equal(decode(single, 3, [[0, 4080]]), FIVE[:, :, :1].repeat(3, axis=2))


@pytest.mark.parametrize(("size", "resize"), [(8, "crop"), (9, "squash"), (64, "crop"), (20, "crop")])
def test_every_band_is_resized_as_it_would_be_alone(size: int, resize: Any) -> None:
    many = RNG.integers(0, 256, (20, 30, 9), dtype=np.uint8)
    alone = [to_square(np.ascontiguousarray(many[:, :, i : i + 1]), size, resize) for i in range(9)]
    assert np.array_equal(to_square(many, size, resize), np.concatenate(alone, axis=2))


def test_the_range_is_part_of_what_a_cache_is_known_by(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", FIVE)
    names = {ImageSet("train", [path], 16, channels=5, ranges=ranges).name() for ranges in ((), [[0, 9]], [[0, 8]])}
    assert len(names) == 3


def test_statistics_are_those_of_the_rows_asked_for() -> None:
    pixels = RNG.integers(0, 256, (600, 4, 4, 5), dtype=np.uint8)
    pixels[..., 4] = 7
    rows = np.arange(600)[::2]
    mean, std = channel_statistics(pixels, rows)
    wanted = pixels[rows].reshape(-1, 5) / 255
    assert mean == pytest.approx(wanted.mean(axis=0)) and std[:4] == pytest.approx(wanted.std(axis=0)[:4])
    assert std[4] == pytest.approx(1 / 255)


def test_weights_of_three_channels_serve_n(tmp_path: Path) -> None:
    torch.manual_seed(0)
    state = timm.create_model("resnet10t", num_classes=4).state_dict()
    save_file(state, tmp_path / "a.safetensors")
    model = build_model(ModelSpec("resnet10t", 4, 5, 32, {}, "x"), "a.safetensors", tmp_path)
    stem, given = model.state_dict()["conv1.0.weight"], state["conv1.0.weight"]
    assert stem.shape[1] == 5
    torch.testing.assert_close(stem[:, 3], given[:, 0] * 3 / 5)


def bands_contest(root: Path, train: int, test: int) -> Contest:
    """Digits whose fifth band alone shows them; the other four are the same in all. Twelve bits of sixteen."""
    contest = digits_contest(root, train=train, test=test)
    images = load_digits().images[: train + test]
    columns = {"image": {"train": "train/{id}.tif", "test": "test/{id}.tif"}}
    for part, frame, start in (("train", contest.train, 0), ("test", contest.test, train)):
        for i, identity in enumerate(frame.index, start=start):
            bands = np.tile(np.array([100, 1000, 2000, 3000, 0], np.uint16), (16, 16, 1))
            bands[:, :, 4] = np.kron(images[i] * 255, np.ones((2, 2)))
            write(root / "inputs" / part / f"{identity}.tif", bands)
            (root / "inputs" / part / f"{identity}.png").unlink()
    return digits_contest_again(root, columns)


def digits_contest_again(root: Path, columns: dict) -> Contest:
    from ruamel.yaml import YAML

    from outfold.contest_files import load_contest

    path = root / "competition" / "competition.yaml"
    config = YAML(typ="safe").load(path.read_text())
    with path.open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump({**config, "columns": columns}, file)
    return load_contest(root)


@pytest.mark.slow
def test_a_network_learns_from_a_band_that_no_picture_shows(tmp_path: Path) -> None:
    contest = bands_contest(tmp_path / "contest", 260, 10)
    index, right = contest.train.index, {}
    for channels in (3, 5):
        phases = [{"epochs": 8, "lr": 4e-3}]
        keys = {"augment": "none", "batch_size": 16, "size": 32, "dropout": 0, "phases": phases}
        config = recipe(channels=channels, value_range=[0, 4095], **keys)
        learner, shelf = ImageLearner(contest, config, "cnn", Reporter()), Shelf.open(tmp_path / str(channels), "key")
        learner.check()
        learner.fit(0, index[:200], index[200:], shelf)
        oof = learner.predict("train", index[200:], {0: shelf}).set_index("id")[contest.outputs]
        right[channels] = (oof.to_numpy().argmax(axis=1) == contest.truth(index[200:])).mean()
    assert right[5] > 0.7 and right[3] < 0.4
    # measured on the rows that the fold trains on, and on no others
    facts = json.loads(shelf.path("model.json").read_text())
    pixels = learner.images.cache("train", 32).pixels[:200] / 255
    assert facts["mean"] == pytest.approx(pixels.mean(axis=(0, 1, 2)))
    assert facts["std"] == pytest.approx(np.maximum(pixels.std(axis=(0, 1, 2)), 1 / 255))


def test_what_does_not_fit_the_bands_is_told_before_training(tmp_path: Path) -> None:
    contest = bands_contest(tmp_path, 12, 3)
    with pytest.raises(DataError, match=r"12 of 12 train images cannot be read(?s:.*)5 bands; channels: 4"):
        ImageLearner(contest, recipe(channels=4), "cnn", Reporter()).check()
    with pytest.raises(ConfigError, match="value_range: has 2 pairs; channels: 5"):
        ImageLearner(contest, recipe(channels=5, value_range=[[0, 1]] * 2), "cnn", Reporter()).check()
    for channels in (0, 17):
        with pytest.raises(ValidationError):
            recipe(channels=channels)
