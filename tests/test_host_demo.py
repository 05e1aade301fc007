"""The demo contest: handwritten digits, and a host that keeps the test labels to itself."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss

from outfold.config.competition import CompetitionConfig
from outfold.errors import DataError, SubmissionError
from outfold.hosts.demo import CLASSES, DemoHost, digits
from outfold.hosts.host import Scoring
from outfold.hosts.registry import get_host
from outfold.progress import Reporter


class LogLoss:
    name = "log_loss"
    wants = "probabilities"

    def score(self, y: np.ndarray, outputs: np.ndarray) -> float:
        return float(log_loss(y, outputs / outputs.sum(axis=1, keepdims=True), labels=list(range(10))))


@pytest.fixture(scope="module")
def host() -> DemoHost:
    return DemoHost(Scoring("id", ["label"], CLASSES, "multiclass", LogLoss()))


@pytest.fixture(scope="module")
def inputs(host: DemoHost, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "inputs"
    host.download(folder, Reporter())
    return folder


def _hash(folder: Path) -> str:
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            total.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return total.hexdigest()


def _pixels(path: Path) -> np.ndarray:
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert image is not None, path
    return image


def test_the_tables_and_the_images_name_the_same_ids(inputs: Path) -> None:
    for part in ("train", "test"):
        ids = pd.read_csv(inputs / f"{part}.csv")["id"]
        assert ids.is_unique
        assert set(ids) == {path.stem for path in (inputs / part).iterdir()}
    sample = pd.read_csv(inputs / "sample_submission.csv")
    assert sample["id"].tolist() == pd.read_csv(inputs / "test.csv")["id"].tolist()
    assert tuple(sample.columns[1:]) == CLASSES
    assert np.allclose(sample[list(CLASSES)], 0.1)


def test_the_split_is_stratified_and_of_the_stated_sizes(inputs: Path) -> None:
    train, solution = pd.read_csv(inputs / "train.csv"), digits().solution
    assert (len(train), len(solution)) == (1257, 540)
    assert solution["Usage"].value_counts().to_dict() == {"Private": 378, "Public": 162}
    shares = train["label"].value_counts(normalize=True).sort_index().to_numpy()
    tested = solution["label"].astype(int).value_counts(normalize=True).sort_index().to_numpy()
    assert np.abs(shares - tested).max() < 0.01


def test_no_file_holds_a_test_label(inputs: Path) -> None:
    assert list(pd.read_csv(inputs / "test.csv").columns) == ["id"]
    train = set(pd.read_csv(inputs / "train.csv")["id"])
    assert not train & set(digits().solution["id"])
    assert {path.name for path in inputs.iterdir()} == {
        "train",
        "test",
        "train.csv",
        "test.csv",
        "sample_submission.csv",
    }


def test_the_order_of_the_ids_says_nothing_about_the_label() -> None:
    rows = digits().rows
    assert rows["id"].is_monotonic_increasing
    assert abs(np.corrcoef(np.arange(len(rows)), rows["label"].astype(int))[0, 1]) < 0.05
    assert abs(np.corrcoef(np.arange(len(rows)), rows["part"] == "test")[0, 1]) < 0.05


def test_an_image_is_32_by_32_greyscale_and_shows_its_digit(inputs: Path) -> None:
    # a plain nearest neighbour in pixel space knows the digits: the picture belongs to its id
    train = pd.read_csv(inputs / "train.csv")
    read = {part: {p.stem: _pixels(p) for p in (inputs / part).iterdir()} for part in ("train", "test")}
    assert {(image.shape, image.dtype.name) for image in read["train"].values()} == {((32, 32), "uint8")}
    known = np.stack([read["train"][identity] for identity in train["id"]]).reshape(len(train), -1).astype(np.float32)
    solution = digits().solution.iloc[:200]
    asked = np.stack([read["test"][identity] for identity in solution["id"]]).reshape(200, -1).astype(np.float32)
    distance = (asked**2).sum(1)[:, None] - 2 * asked @ known.T + (known**2).sum(1)
    guessed = train["label"].to_numpy()[distance.argmin(axis=1)]
    assert (guessed == solution["label"].astype(int)).mean() > 0.95


def test_a_second_download_changes_no_byte_and_mends_what_is_damaged(host: DemoHost, inputs: Path) -> None:
    before = _hash(inputs)
    victim = next((inputs / "train").iterdir())
    victim.write_bytes(victim.read_bytes()[:20])
    (inputs / "test.csv").unlink()
    host.download(inputs, Reporter())
    assert _hash(inputs) == before


def test_the_truth_scores_a_perfect_accuracy(host: DemoHost, inputs: Path, tmp_path: Path) -> None:
    solution = digits().solution.sample(frac=1, random_state=0)
    one_hot = pd.DataFrame({"id": solution["id"]})
    for name in CLASSES:
        one_hot[name] = (solution["label"] == name).astype(float)
    one_hot.to_csv(tmp_path / "truth.csv", index=False)
    scored = host.submit(tmp_path / "truth.csv", "truth", Reporter(), wait_s=0)
    assert scored.status == "complete"
    assert scored.extra == {"accuracy": 1.0}
    assert scored.public == pytest.approx(0.0, abs=1e-9)
    assert scored.private == pytest.approx(0.0, abs=1e-9)


def test_the_sample_submission_scores_like_a_guess(host: DemoHost, inputs: Path) -> None:
    scored = host.submit(inputs / "sample_submission.csv", "guess", Reporter(), wait_s=0)
    assert scored.public == pytest.approx(np.log(10))
    assert scored.private == pytest.approx(np.log(10))
    assert host.status(inputs / "sample_submission.csv", "", Reporter()) == scored


def test_without_being_told_the_metric_it_is_log_loss(inputs: Path, tmp_path: Path) -> None:
    config = CompetitionConfig(host="demo", slug="digits")
    scored = get_host(config, tmp_path, inputs).submit(inputs / "sample_submission.csv", "", Reporter(), wait_s=0)
    assert scored.public == pytest.approx(np.log(10))
    assert scored.message == "log_loss on 162 public and 378 private digits"


def test_a_submission_that_lacks_rows_is_refused(host: DemoHost, inputs: Path, tmp_path: Path) -> None:
    pd.read_csv(inputs / "sample_submission.csv").iloc[1:].to_csv(tmp_path / "short.csv", index=False)
    with pytest.raises(SubmissionError, match="must have 540 rows and has 539"):
        host.submit(tmp_path / "short.csv", "", Reporter(), wait_s=0)


@pytest.mark.parametrize(
    ("place", "told"), [("train", "a file where a folder"), ("test.csv/x", "a folder where a file")]
)
def test_what_stands_where_the_demo_writes_is_told(host: DemoHost, tmp_path: Path, place: str, told: str) -> None:
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text("mine")
    with pytest.raises(DataError, match=told):
        host.download(tmp_path, Reporter())
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [Path(place).name]
