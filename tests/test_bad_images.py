"""Images that cannot be read: told together, or left out, as the contest file says."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from image_contest import digits_contest
from PIL import Image

from outfold.config.image import ImagePipeline
from outfold.data.images.decode import BadImageError, decode
from outfold.errors import DataError
from outfold.learners.image.learner import ImageLearner
from outfold.progress import LineReporter, Reporter
from outfold.store.fold_dir import Shelf
from outfold.training.checkpoint import HISTORY


def _jpeg(**options: object) -> bytes:
    out = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(out, format="JPEG", **options)  # type: ignore[arg-type]
    return out.getvalue()


def _png() -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(out, format="PNG")
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b"<html>not found</html>", "not an image"),
        (_jpeg()[:-400], "truncated"),
        (_jpeg(progressive=True)[:1500], "truncated"),
        (_jpeg()[:300], "."),
        (_png()[:-500], "."),
        (_png()[:20], "."),
    ],
    ids=["empty", "html", "truncated jpeg", "truncated progressive", "jpeg header", "truncated png", "png header"],
)
def test_a_damaged_file_is_refused_with_its_reason(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(BadImageError, match=reason):
        decode(tmp_path / "a.jpg")


def test_a_missing_file_is_refused_with_its_reason(tmp_path: Path) -> None:
    with pytest.raises(BadImageError, match="no such file"):
        decode(tmp_path / "a.jpg")


def test_bytes_after_the_end_of_an_image_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(_jpeg() + b"trailing")
    assert decode(tmp_path / "a.jpg").shape == (64, 64, 3)


@pytest.mark.parametrize("cut", [0.2, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("content", [_jpeg(), _png()], ids=["jpeg", "png"])
def test_no_truncated_file_passes_for_a_whole_one(tmp_path: Path, content: bytes, cut: float) -> None:
    (tmp_path / "a").write_bytes(content[: int(len(content) * cut)])
    with pytest.raises(BadImageError):
        decode(tmp_path / "a")


TINY = ImagePipeline.model_validate(
    {
        "learner": "image",
        "model": "resnet10t",
        "timm_args": {"channels": [16, 32, 64, 96], "stem_width": 8},
        "weights": "none",
        "size": 16,
        "channels": 1,
        "augment": "none",
        "batch_size": 16,
        "phases": [{"epochs": 1, "lr": 1e-3}],
    }
)


def _damage(root: Path) -> None:
    (root / "inputs/train/d0003.png").write_bytes(b"")
    (root / "inputs/train/d0007.png").write_bytes(b"nonsense")
    (root / "inputs/test/d0062.png").write_bytes(b"\x89PNG\r\n\x1a\n")


def test_all_bad_images_are_told_in_one_error(tmp_path: Path) -> None:
    contest = digits_contest(tmp_path, train=60, test=4)
    _damage(tmp_path)
    with pytest.raises(DataError) as told:
        ImageLearner(contest, TINY, "cnn", Reporter()).check()
    text = str(told.value)
    assert text.startswith("2 of 60 train images cannot be read")
    assert "d0003.png: empty file" in text
    assert "d0007.png: not an image" in text
    assert "on_bad_image: drop" in text


def test_hundreds_of_bad_images_are_counted_and_not_all_listed(tmp_path: Path) -> None:
    contest = digits_contest(tmp_path, train=60, test=4)
    for path in (tmp_path / "inputs/train").iterdir():
        path.write_bytes(b"")
    with pytest.raises(DataError, match="and 50 more") as told:
        ImageLearner(contest, TINY, "cnn", Reporter()).check()
    assert str(told.value).count("empty file") == 10


def test_dropped_images_are_not_trained_on_and_are_predicted_all_the_same(tmp_path: Path) -> None:
    contest = digits_contest(tmp_path, train=60, test=4, on_bad_image="drop")
    _damage(tmp_path)
    said = io.StringIO()
    learner = ImageLearner(contest, TINY, "cnn", LineReporter(said))
    learner.check()
    shelf = Shelf.open(tmp_path / "shelf", "x")
    ids = contest.train.index
    learner.fit(0, ids[:40], ids[40:], shelf)
    assert '"rows": 38' in shelf.path(HISTORY).read_text()
    oof = learner.predict("train", ids[:10], {0: shelf}).set_index("id")[contest.outputs]
    test = learner.predict("test", contest.test.index, {0: shelf})
    assert np.isfinite(oof.to_numpy()).all()
    # both are grey, and grey is all the model sees of them
    pd.testing.assert_series_equal(oof.loc["d0003"], oof.loc["d0007"], check_names=False)
    assert sorted(test["id"]) == ["d0060", "d0061", "d0062", "d0063"]
    assert "2 train images cannot be read" in said.getvalue()
    assert "1 test images cannot be read" in said.getvalue()
