"""Images that keep their aspect: which shape each gets, which share a batch, and what a network learns from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from conftest import write_contest
from hypothesis import given, settings
from hypothesis import strategies as st
from stopping import stopped_at_save

from outfold.config.image import ImagePipeline
from outfold.config.load import load_pipeline
from outfold.contest import Contest
from outfold.contest_files import load_contest
from outfold.data.images.augment import Augmentation, Draw, apply
from outfold.data.images.batches import ImageSource
from outfold.data.images.buckets import WIDEST, bucket_shapes, buckets, kept_shapes, seen_shape, step_of
from outfold.data.images.cache import channel_statistics
from outfold.data.images.erasing import draw_boxes
from outfold.data.images.sizes import own_size
from outfold.data.images.store import RaggedMap, kinds_of
from outfold.errors import ConfigError
from outfold.learners.image.contact_sheet import contact_sheet
from outfold.learners.image.learner import ImageLearner
from outfold.progress import Reporter
from outfold.store.fold_dir import Shelf
from outfold.store.predictions import write_predictions
from outfold.training.activations import activations
from outfold.training.sampler import epoch_steps, even_batches, pure_batches, steps_per_epoch

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")


# ---- shapes


@pytest.mark.parametrize("size", [32, 64, 100, 128, 160, 224, 256, 320, 384, 512, 1024])
def test_shapes_are_few_of_like_area_and_fit_a_network(size: int) -> None:
    shapes = bucket_shapes(size)
    step = step_of(size)
    assert step % 32 == 0 or (size < 128 and 4 * step <= size < 8 * step)
    assert 9 <= len(shapes) <= 40 and len(set(shapes)) == len(shapes)
    for height, width in shapes:
        assert height % step == width % step == 0
        assert 0.69 * (size // step * step) ** 2 <= height * width <= size**2
        assert max(height / width, width / height) <= WIDEST
    aspects = [height / width for height, width in shapes]
    assert aspects == sorted(aspects) and {(w, h) for h, w in shapes} == set(shapes)


def test_the_shapes_of_224_pixels_suit_what_cameras_make() -> None:
    own = np.array([[3000, 4000], [4000, 3000], [2000, 3000], [1080, 1920], [512, 512], [100, 5000], [0, 0]])
    found = [tuple(shape) for shape in buckets(own, 224).tolist()]
    assert found == [(192, 256), (256, 192), (160, 256), (160, 288), (224, 224), (96, 384), (224, 224)]


@given(st.lists(st.tuples(st.integers(1, 5000), st.integers(1, 5000)), min_size=1, max_size=30), st.randoms())
def test_a_shape_depends_on_the_image_alone(own: list[tuple[int, int]], random: Any) -> None:
    sizes = np.array(own)
    alone = np.concatenate([buckets(sizes[i : i + 1], 160) for i in range(len(sizes))])
    order = np.array(random.sample(range(len(sizes)), len(sizes)))
    assert np.array_equal(buckets(sizes[order], 160), alone[order])


@given(st.integers(8, 700), st.sampled_from([1.0, 1.15]))
def test_what_is_kept_with_a_margin_is_seen_without(size: int, margin: float) -> None:
    shapes = np.array(bucket_shapes(size))
    kept = kept_shapes(shapes, margin)
    assert [seen_shape((high, wide), margin) for high, wide in kept.tolist()] == [tuple(s) for s in shapes.tolist()]


def test_an_image_on_its_side_has_the_size_that_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif[274] = 6
    Image.new("RGB", (60, 40)).save(tmp_path / "a.jpg", exif=exif)
    Image.new("RGB", (60, 40)).save(tmp_path / "b.png")
    Image.new("RGB", (60, 40)).save(tmp_path / "e.png", exif=exif)
    (tmp_path / "c.jpg").write_bytes(b"no image")
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", None)  # the header is enough
    sizes = {name: own_size(tmp_path / name) for name in ("a.jpg", "b.png", "c.jpg", "d.jpg", "e.png")}
    assert sizes == {"a.jpg": (60, 40), "b.png": (40, 60), "c.jpg": (0, 0), "d.jpg": (0, 0), "e.png": (60, 40)}


# ---- batches

rows_and_kinds = st.integers(1, 120).flatmap(
    lambda n: st.tuples(st.permutations(range(n)), st.lists(st.integers(0, 5), min_size=n, max_size=n))
)


@given(rows_and_kinds, st.integers(2, 16), st.integers(1, 3), st.integers(0, 3))
@settings(max_examples=60)
def test_an_epoch_shows_every_row_once_in_as_many_steps_as_without_kinds(
    drawn: tuple[list[int], list[int]], batch_size: int, accumulate: int, seed: int
) -> None:
    rows, kinds = np.array(drawn[0]), np.array(drawn[1])
    steps = epoch_steps(rows, batch_size, accumulate, seed, kinds)
    batches = [batch for step in steps for batch in step]
    assert sorted(np.concatenate(batches)) == sorted(rows)
    assert len(steps) == steps_per_epoch(len(rows), batch_size, accumulate)
    assert {len(batch) for batch in batches} == {len(batch) for batch in even_batches(rows, batch_size)}
    # at each border between two kinds at most one batch has both
    assert sum(len(np.unique(kinds[batch])) - 1 for batch in batches) <= len(np.unique(kinds)) - 1
    again = [batch for step in epoch_steps(rows, batch_size, accumulate, seed, kinds) for batch in step]
    assert all(np.array_equal(one, other) for one, other in zip(batches, again, strict=True))


def test_epochs_differ_in_the_order_of_batches_and_in_who_shares_them() -> None:
    rows, kinds = np.arange(400), np.repeat([0, 1, 2, 3], 100)
    (first, second) = ([set(map(int, batch)) for (batch,) in epoch_steps(rows, 20, 1, seed, kinds)] for seed in (0, 1))
    assert all(a not in second for a in first)
    order = [int(kinds[min(batch)]) for batch in first]
    assert order != sorted(order)


@given(rows_and_kinds, st.integers(1, 16))
@settings(max_examples=60)
def test_batches_to_predict_have_one_kind_and_come_back_in_order(
    drawn: tuple[list[int], list[int]], batch_size: int
) -> None:
    rows, kinds = np.array(drawn[0]), np.array(drawn[1])
    batches, places = pure_batches(rows, batch_size, kinds)
    assert all(len(np.unique(kinds[batch])) == 1 and len(batch) <= batch_size for batch in batches)
    assert np.array_equal(np.concatenate(batches)[places], rows)


def ragged(*shapes: tuple[int, int], channels: int = 1) -> RaggedMap:
    """Images of noise, one of each shape."""
    sides = np.array(shapes)
    count = int((sides.prod(axis=1) * channels).sum())
    return RaggedMap(np.random.default_rng(0).integers(0, 255, count, dtype=np.uint8), sides, channels)


def test_like_shapes_have_neighbouring_kinds() -> None:
    kinds = kinds_of(ragged((32, 64), (64, 32), (48, 48), (32, 64), (48, 64)))
    assert kinds is not None and kinds.tolist() == [0, 3, 2, 0, 1]
    assert kinds_of(ragged((32, 64), (32, 64))) is None


def test_a_batch_has_the_shape_of_most_of_its_rows() -> None:
    source = ImageSource(ragged((32, 64), (64, 32), (32, 64)), [0.5], [0.5], CPU)
    assert source.fetch(np.array([1, 0, 2])).shape == (3, 32, 64, 1)
    assert source.fetch(np.array([1])).shape == (1, 64, 32, 1)


def test_statistics_of_channels_are_over_all_pixels() -> None:
    images = ragged((4, 8), (8, 4), (6, 6), channels=2)
    pixels = np.concatenate([images.image(row).reshape(-1, 2) for row in range(3)]) / 255
    mean, std = channel_statistics(images, np.arange(3))
    assert mean == pytest.approx(pixels.mean(axis=0)) and std == pytest.approx(pixels.std(axis=0))


# ---- augmentation


def test_a_turn_of_a_rectangle_keeps_its_angles() -> None:
    """A cross in the middle, turned by 45 degrees: its arms are as long as before, and at right angles."""
    cross = torch.zeros(1, 1, 64, 128)
    cross[..., 32, 44:85] = cross[..., 12:53, 64] = 1
    angle = np.pi / 4
    theta = np.array([[[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0]]])
    turned = apply(cross, Draw(theta, np.zeros(1), np.ones(1)))[0, 0].numpy() > 0.3
    y, x = np.nonzero(turned & (np.abs(np.arange(128) - 64) < 25) & (np.abs(np.arange(64) - 32) < 25)[:, None])
    assert np.abs(np.abs(y - 32) - np.abs(x - 64)).max() <= 3
    assert 12 <= np.abs(y - 32).max() <= 17 and 12 <= np.abs(x - 64).max() <= 17


def test_top_down_has_the_four_symmetries_of_a_rectangle() -> None:
    how, rows = Augmentation("top_down", degrees=0, max_zoom=1, lighting=0), np.arange(60)
    image = torch.rand(1, 1, 8, 16, generator=torch.manual_seed(0))
    seen = apply(image.expand(60, -1, -1, -1), how.draw(0, rows, square=False))
    symmetries = [image[0], image[0].flip(2), image[0].flip(1), image[0].flip(1, 2)]
    found = [next(i for i, form in enumerate(symmetries) if torch.allclose(one, form, atol=1e-4)) for one in seen]
    assert set(found) == {0, 1, 2, 3}


def test_erased_rectangles_lie_in_the_image() -> None:
    boxes = draw_boxes(0, np.arange(300), 1.0, (32, 128))
    assert (boxes[:, 1] <= 32).all() and (boxes[:, 3] <= 128).all() and boxes[:, 3].max() > 32
    area = (boxes[:, 1] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 2]) / (32 * 128)
    assert area.min() > 0.01 and area.max() < 0.36


# ---- training


def ovals(root: Path, train: int = 160, test: int = 40) -> Contest:
    """Circles and ovals, anywhere along images of three shapes.

    A square crop loses those at the ends, and squashed, the circle in a wide image is the oval in a tall one.
    """
    random = np.random.default_rng(1)
    names, labels = [f"p{number:03d}" for number in range(train + test)], []
    (root / "inputs" / "images").mkdir(parents=True)
    for number, name in enumerate(names):
        height, width = ((40, 120), (120, 40), (70, 70))[number % 3]
        label = int(random.integers(2))
        radii = (12, 12) if label else ((17, 8), (8, 17))[random.integers(2)]
        centre = tuple(
            int(random.integers(radius + 1, side - radius)) for radius, side in zip(radii, (width, height), strict=True)
        )
        image = np.full((height, width), 40, np.uint8)
        cv2.ellipse(image, centre, radii, 0, 0, 360, 220, -1)  # type: ignore[call-overload]
        cv2.imwrite(str(root / "inputs" / "images" / f"{name}.png"), image)
        labels.append(label)
    table = pd.DataFrame({"id": names, "round": labels})
    table[:train].to_csv(root / "inputs" / "train.csv", index=False)
    table[train:][["id"]].to_csv(root / "inputs" / "test.csv", index=False)
    table[train:][["id"]].assign(round=0.5).to_csv(root / "inputs" / "sample_submission.csv", index=False)
    table[train:].to_csv(root / "truth.csv", index=False)
    write_contest(
        root, "host: folder\nslug: ovals\nid: id\ntarget: round\ntask: binary\ncolumns: {image: 'images/{id}.png'}\n"
    )
    return load_contest(root)


@pytest.fixture(scope="module")
def contest(tmp_path_factory: pytest.TempPathFactory) -> Contest:
    return ovals(tmp_path_factory.mktemp("ovals"))


def recipe(**keys: Any) -> ImagePipeline:
    base = {
        "learner": "image",
        "model": "resnet10t",
        "timm_args": {"channels": [8, 16, 24, 32], "stem_width": 8},
        "weights": "none",
        "channels": 1,
        "size": 64,
        "resize": "native",
        "augment": "side_on",
        "batch_size": 16,
        "phases": [{"epochs": 1, "lr": 4e-3}],
        "workers": 0,
        "tta": 1,
    }
    return ImagePipeline.model_validate({**base, **keys})


def trained(contest: Contest, config: ImagePipeline, folder: Path, rows: int = 64) -> tuple[ImageLearner, Shelf]:
    learner, shelf = ImageLearner(contest, config, "cnn", Reporter()), Shelf.open(folder, "key")
    learner.fit(0, contest.train.index[:rows], contest.train.index[rows : rows + 20], shelf)
    return learner, shelf


def results(contest: Contest, learner: ImageLearner, shelf: Shelf) -> list[bytes]:
    write_predictions(shelf.path("test.parquet"), learner.predict("test", contest.test.index, {0: shelf}))
    return [path.read_bytes() for path in sorted(shelf.folder.glob("*.[ps]a*[ts]*")) if path.suffix != ".json"]


@pytest.mark.slow
def test_what_a_square_loses_is_learnt(contest: Contest, tmp_path: Path) -> None:
    truth = pd.read_csv(contest.layout.root / "truth.csv").set_index("id")["round"]
    right = {}
    for resize in ("native", "crop", "squash"):
        config = recipe(resize=resize, phases=[{"epochs": 8, "lr": 6e-3}], tta=0)
        learner, shelf = trained(contest, config, tmp_path / resize, 160)
        found = learner.predict("test", contest.test.index, {0: shelf}).set_index("id")["round"]
        right[resize] = float(((found > 0.5) == (truth[found.index] == 1)).mean())
    assert right["native"] >= 0.9 and max(right["crop"], right["squash"]) <= right["native"] - 0.1, right


@pytest.fixture(scope="module")
def straight(contest: Contest, tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    torch.set_num_threads(1)
    return results(contest, *trained(contest, recipe(phases=PHASES), tmp_path_factory.mktemp("straight")))


PHASES = [
    {"train": "head", "precompute": True, "epochs": 1},
    {"epochs": 2, "size": 48, "mixup": 0.4, "cutmix": 1.0, "erase": 0.5, "swa": True, "schedule": "constant"},
]


def test_workers_and_a_stop_change_nothing(
    contest: Contest, straight: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(straight) == 2
    config = recipe(phases=PHASES, workers=4)
    with stopped_at_save(monkeypatch, 2):
        trained(contest, config, tmp_path)
    assert results(contest, *trained(contest, config, tmp_path)) == straight


def test_a_prediction_depends_on_its_row_alone(contest: Contest, tmp_path: Path) -> None:
    learner, shelf = trained(contest, recipe(tta={"views": ["dihedral"]}), tmp_path)
    every = learner.predict("test", contest.test.index, {0: shelf}).set_index("id")["round"]
    some = contest.test.index[[31, 3, 7, 20]]
    alone = learner.predict("test", some, {0: shelf}).set_index("id")["round"]
    assert list(every.index) == list(contest.test.index) and list(alone.index) == list(some)
    np.testing.assert_allclose(every[some], alone, atol=1e-6)


@pytest.mark.parametrize(
    "keys",
    [
        {"head": "concat_pool", "tta": {"views": ["flips", "crops"]}},
        {"head": "spp", "augment": "crop", "tta": {"views": "scales", "scales": [0.8, 1]}},
        {"augment": {"albumentations": ["HorizontalFlip", {"RandomScale": {"p": 1}}], "preset": "top_down"}, "tta": 2},
    ],
)
def test_heads_augmentations_and_views_take_every_shape(contest: Contest, tmp_path: Path, keys: dict[str, Any]) -> None:
    config = recipe(**keys)
    ImageLearner(contest, config, "cnn", Reporter()).check()
    learner, shelf = trained(contest, config, tmp_path, 40)
    found = learner.predict("test", contest.test.index, {0: shelf})["round"]
    assert np.isfinite(found).all() and found.std() > 0


def test_activations_are_those_of_each_image_in_its_own_shape(contest: Contest, tmp_path: Path) -> None:
    config = recipe(phases=[PHASES[0]])
    learner = ImageLearner(contest, config, "cnn", Reporter())
    ids = contest.train.index
    job, model = learner.job(0, ids[:40], ids[:0], Shelf.open(tmp_path, "key"))
    data = job.data(job.phases[0])
    source = learner.phase_images(np.arange(0), job.loss(job.phases[0]), *learner._normal[0], job.phases[0]).source
    model.eval()
    for row in (0, 1, 2, 39):
        _, images = next(source.batches([np.array([row])]))
        with torch.inference_mode():
            alone = activations(model, source.normalised(images))
        torch.testing.assert_close(next(data.plain([np.array([row])])), alone, rtol=1e-4, atol=1e-5)


def test_the_contact_sheet_frames_each_shape(contest: Contest) -> None:
    learner = ImageLearner(contest, recipe(), "cnn", Reporter())
    sheet = contact_sheet(learner, contest.train.index, fold=0, phase=1, rows=6, draws=2)
    _, _, high, wide, _ = sheet.images.shape
    assert high > 64 and wide > 64
    corners = sheet.images[:, 0, 0, 0, 0]
    assert (corners == 255).all(), "no shape fills a frame that holds all of them"


# ---- the key


def test_size_native_says_it_all(tmp_path: Path) -> None:
    (tmp_path / "cnn.yaml").write_text("learner: image\nsize: native\n")
    config = load_pipeline(tmp_path / "cnn.yaml")
    assert isinstance(config, ImagePipeline) and (config.size, config.resize) == (224, "native")
    (tmp_path / "cnn.yaml").write_text("learner: image\nsize: native\nresize: squash\n")
    with pytest.raises(ConfigError, match="size: native is resize: native at the default size"):
        load_pipeline(tmp_path / "cnn.yaml")


def test_a_model_of_one_size_is_refused_before_anything_is_trained(contest: Contest) -> None:
    config = recipe(model="vit_tiny_patch16_224", timm_args={"depth": 1})
    with pytest.raises(ConfigError, match=r"resize: vit_tiny_patch16_224 cannot take images of 32 x 128 pixels"):
        ImageLearner(contest, config, "cnn", Reporter()).check()
