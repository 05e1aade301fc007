"""Numbers from images: the same for every image of a contest, computed once, strong enough for handwritten digits."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from ear import Ear
from pydantic import TypeAdapter
from sklearn.datasets import load_digits, load_sample_image

from outfold.config.gbdt import GbdtPipeline
from outfold.config.image_features import ImageFeatures
from outfold.config.load import load_pipeline
from outfold.contest import Contest
from outfold.contest_files import load_contest
from outfold.data.images.image_statistics import describe, image_features
from outfold.errors import DataError
from outfold.folds import make_folds
from outfold.learners.gbdt.learner import GbdtLearner
from outfold.progress import Reporter
from outfold.store.fold_dir import Shelf

EVERYTHING = {"size": 8, "statistics": True, "gradients": True}
DEMO = Path(__file__).parent.parent / "pipelines" / "lightgbm.yaml"


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTFOLD_THREADS", "1")


@pytest.fixture(scope="module")
def flower() -> np.ndarray:
    return np.ascontiguousarray(load_sample_image("flower.jpg")[:, 120:500])


def write_digits(root: Path, rows: int, damaged: tuple[str, ...] = (), more: str = "") -> Contest:
    """scikit-learn's first digits as a contest of 32 x 32 PNGs, every fourth of them to predict."""
    raw, labels = load_digits(return_X_y=True)
    table = pd.DataFrame({"id": [f"d{number:04}" for number in range(rows)], "label": labels[:rows]})
    part = np.where(np.arange(rows) % 4 == 3, "test", "train")
    for name, pixels, of in zip(table["id"], raw, part, strict=False):
        large = cv2.resize(pixels.reshape(8, 8).astype(np.float32) * 255 / 16, (32, 32), interpolation=cv2.INTER_CUBIC)
        path = root / "inputs" / of / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        png = cv2.imencode(".png", np.clip(large, 0, 255).astype(np.uint8))[1].tobytes()
        path.write_bytes(png[:60] if name in damaged else png)
    table[part == "train"].to_csv(root / "inputs" / "train.csv", index=False)
    test = table.loc[part == "test", ["id"]]
    test.to_csv(root / "inputs" / "test.csv", index=False)
    test.assign(**{str(digit): 0.1 for digit in range(10)}).to_csv(
        root / "inputs" / "sample_submission.csv", index=False
    )
    (root / "competition").mkdir()
    (root / "competition" / "competition.yaml").write_text(
        "host: folder\nslug: digits\ntest: test.csv\nid: id\ntarget: label\ntask: multiclass\n"
        f'columns: {{image: {{train: "train/{{id}}.png", test: "test/{{id}}.png"}}}}\n{more}'
    )
    return load_contest(root)


# one image


def test_statistics_are_those_of_the_pixels(flower: np.ndarray) -> None:
    small = flower[:60, :40]
    found, grey = describe(small, **EVERYTHING), cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float64)
    assert (found["width"], found["height"], found["aspect"]) == (40, 60, 40 / 60)
    assert found["grey_mean"] == pytest.approx(grey.mean(), rel=1e-6)
    assert found["grey_std"] == pytest.approx(grey.std(), rel=1e-6)
    assert found["grey_q25"] == pytest.approx(np.quantile(grey, 0.25), rel=1e-6)
    assert found["red_mean"] == pytest.approx((small[..., 0] - grey).mean(), rel=1e-5)
    skew = (((grey - grey.mean()) / grey.std()) ** 3).mean()
    assert found["grey_skew"] == pytest.approx(skew, rel=1e-4)


def test_pixels_are_a_small_grey_copy(flower: np.ndarray) -> None:
    found = describe(flower, size=3, statistics=False, gradients=False)
    assert list(found) == [f"pixel_{row}_{column}" for row in range(3) for column in range(3)]
    grey = cv2.cvtColor(flower, cv2.COLOR_RGB2GRAY)
    expected = cv2.resize(grey, (3, 3), interpolation=cv2.INTER_AREA).ravel()
    np.testing.assert_allclose(list(found.values()), expected, atol=2)


def test_hu_moments_do_not_change_when_the_image_is_turned(flower: np.ndarray) -> None:
    square = flower[:64, :64]
    upright, turned = (describe(pixels, **EVERYTHING) for pixels in (square, np.rot90(square)))
    for moment in range(6):
        assert upright[f"hu_{moment}"] == pytest.approx(turned[f"hu_{moment}"], abs=1e-3)


def test_gradients_say_in_which_direction_it_gets_brighter() -> None:
    ramp = np.broadcast_to(np.arange(0, 256, 8, dtype=np.uint8)[None, :, None], (32, 32, 3))
    for pixels, direction in ((ramp, 0), (np.rot90(ramp, -1), 2), (ramp[:, ::-1], 4), (np.rot90(ramp), 6)):
        found = describe(np.ascontiguousarray(pixels), size=1, statistics=False, gradients=True)
        cell = [found[f"gradient_1_1_{number}"] for number in range(8)]
        assert np.argmax(cell) == direction
        assert max(cell) > 0.99 * sum(cell)


@pytest.mark.parametrize("side", [61, 62, 63])
def test_gradients_do_not_ask_for_sides_that_the_grid_divides(side: int, flower: np.ndarray) -> None:
    def gradients(height: int) -> np.ndarray:
        picture = cv2.resize(flower, (64, height), interpolation=cv2.INTER_AREA)
        return np.array(list(describe(picture, size=1, statistics=False, gradients=True).values())[1:])

    assert gradients(side) @ gradients(64) > 0.98


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (500, 3), (8, 8)])
def test_every_image_has_the_same_finite_features(shape: tuple[int, int], flower: np.ndarray) -> None:
    found = describe(np.full((*shape, 3), 7, np.uint8), **EVERYTHING)
    assert list(found) == list(describe(flower, **EVERYTHING))
    assert np.isfinite(list(found.values())).all()


def test_colours_of_a_grey_image_are_all_zero(flower: np.ndarray) -> None:
    grey = np.repeat(flower[:, :, :1], 3, axis=2)
    found = describe(grey, **EVERYTHING)
    assert not any(value for name, value in found.items() if name.startswith(("red", "green", "blue")))


# all images of a part


def features_of(contest: Contest, reporter: Reporter, **settings: object) -> tuple[pd.DataFrame, pd.Series]:
    return image_features(
        "train",
        contest.images("train", contest.train.index),
        TypeAdapter(ImageFeatures).validate_python(settings),
        contest.layout.cache,
        reporter,
        on_bad=contest.config.on_bad_image,
    )


def test_features_are_computed_once_and_again_when_a_file_or_a_setting_changes(tmp_path: Path) -> None:
    contest, reporter = write_digits(tmp_path, 40), Ear()
    first, _ = features_of(contest, reporter)
    again, _ = features_of(contest, reporter)
    pd.testing.assert_frame_equal(first, again)
    assert reporter.bars == ["features of train images"]

    path = contest.images("train", contest.train.index)[5]
    cv2.imwrite(str(path), 255 - cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))
    os.utime(path, ns=(1, 1))
    changed, _ = features_of(contest, reporter)
    assert (changed != first).any(axis=1).to_numpy().nonzero()[0].tolist() == [5]
    assert features_of(contest, reporter, size=2, statistics=False, gradients=False)[0].shape == (30, 4)
    assert len(reporter.bars) == 3


def test_unreadable_images_are_told_together(tmp_path: Path) -> None:
    contest = write_digits(tmp_path, 40, damaged=("d0000", "d0008"))
    with pytest.raises(DataError, match=r"2 of 30 train images cannot be read:\n.*d0000\.png: .*\n.*d0008\.png: "):
        features_of(contest, Reporter())


def test_with_on_bad_image_drop_unreadable_images_teach_nothing_and_are_predicted_all_the_same(tmp_path: Path) -> None:
    contest = write_digits(tmp_path, 160, damaged=("d0000", "d0003"), more="on_bad_image: drop\n")
    reporter = Ear()
    config = TypeAdapter(GbdtPipeline).validate_python({"learner": "gbdt", "rounds": 3, "early_stopping": 0})
    learner, ids = GbdtLearner(contest, config, "lightgbm", reporter), contest.train.index
    shelves = {}
    for name, rows in (("all", ids), ("readable", ids[1:])):
        shelves[name] = Shelf.open(tmp_path / name, "x")
        learner.fit(0, rows, ids[:0], shelves[name])
    assert shelves["all"].path("model.txt").read_bytes() == shelves["readable"].path("model.txt").read_bytes()
    predicted = learner.predict("test", contest.test.index, {0: shelves["all"]})
    assert list(predicted["id"]) == list(contest.test.index)
    assert [text.split(" (")[0] for text in reporter.warned] == [
        "1 train images cannot be read",
        "1 test images cannot be read",
    ]


# what they are worth


@pytest.mark.slow
def test_the_demos_pipeline_reads_digits(tmp_path: Path) -> None:
    contest = write_digits(tmp_path, 1000)
    folds, _ = make_folds(contest.train.index, kind="stratified", n=2, y=contest.y, task=contest.task)
    learner = GbdtLearner(contest, load_pipeline(DEMO), "lightgbm", Reporter())  # type: ignore[arg-type]
    hits = []
    for fold in folds.numbers():
        shelf = Shelf.open(contest.layout.fold("lightgbm", fold), "x")
        learner.fit(fold, folds.train(fold), folds.valid(fold), shelf)
        frame = learner.predict("train", folds.valid(fold), {fold: shelf}).set_index("id")
        hits.append(frame[contest.outputs].to_numpy().argmax(axis=1) == contest.truth(frame.index))
    assert np.concatenate(hits).mean() > 0.965
