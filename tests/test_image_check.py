"""check, for contests of images: junk is named, duplicates are found, and --fix moves junk aside."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from conftest import outfold
from contest_folder import write_contest
from sklearn.datasets import load_sample_images

from outfold.contest_files import load_contest
from outfold.data.images.near_duplicates import MAX_BITS, difference_hash, groups_of, near_pairs
from outfold.errors import ConfigError
from outfold.progress import LineReporter
from outfold.runs.context import Context
from outfold.runs.image_checks import check_images
from outfold.stages.check import check
from outfold.stages.split import split

PHOTOS = [cv2.cvtColor(image, cv2.COLOR_RGB2BGR) for image in load_sample_images().images]
SPOTS = [(top, left) for top in (0, 130, 260) for left in (0, 150, 300, 450)]


def photo(number: int) -> np.ndarray:
    """One of 24 different pictures: pieces of the two photos that come with scikit-learn."""
    top, left = SPOTS[number // 2]
    return PHOTOS[number % 2][top : top + 160, left : left + 180]


def put(path: Path, pixels: np.ndarray, quality: int = 95) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if path.suffix == ".jpg" else []
    cv2.imwrite(str(path), pixels, options)


@pytest.fixture
def scraped(tmp_path: Path) -> Path:
    """16 good photos of two classes and 4 of a test set, as scraped: with junk and copies in between."""
    inputs = tmp_path / "inputs"
    for number in range(16):
        put(inputs / "train" / ("spider" if number % 2 else "scorpion") / f"{number:02d}.jpg", photo(number))
    for number in range(16, 20):
        put(inputs / "test" / f"{number}.jpg", photo(number))
    sample = pd.DataFrame({"file": [f"{number}.jpg" for number in range(16, 20)], "kind": 0.5})
    pipeline = tmp_path / "pipelines" / "lightgbm.yaml"
    pipeline.parent.mkdir()
    pipeline.write_text("learner: gbdt\n")
    keys: dict[str, Any] = {"train": "train", "test": "test", "id": "file", "target": "kind", "folds": {"n": 2}}
    return write_contest(tmp_path, None, None, sample, **keys)


def findings(root: Path) -> pd.DataFrame:
    return check_images(Context(root))


def found(root: Path, kind: str) -> list[str]:
    table = findings(root)
    return table.loc[table["finding"] == kind, "id"].tolist()


def test_good_photos_give_no_findings_and_two_pictures(scraped: Path) -> None:
    assert findings(scraped).empty
    for name in ("sizes.png", "classes.png"):
        assert (scraped / "artifacts" / "check" / name).read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty file"), (b"<html>404 Not Found</html>", "not an image"), (None, "truncated")],
)
def test_files_that_cannot_be_read_are_told_with_the_reason(scraped: Path, content: bytes | None, reason: str) -> None:
    bad = scraped / "inputs" / "train" / "spider" / "01.jpg"
    bad.write_bytes(bad.read_bytes()[:2000] if content is None else content)
    table = findings(scraped)
    assert table[["finding", "id"]].values.tolist() == [["unreadable", "01.jpg"]]
    assert reason in table["detail"][0]
    written = pd.read_csv(scraped / "artifacts" / "check" / "findings.csv")
    assert written["file"].tolist() == ["train/spider/01.jpg"] and written["label"].tolist() == ["spider"]


def test_icons_among_photos_and_blank_pages_are_junk(scraped: Path) -> None:
    put(scraped / "inputs" / "train" / "spider" / "icon.jpg", cv2.resize(photo(3), (16, 12)))
    blank = np.full((150, 150, 3), 250, dtype=np.uint8)
    blank[70] = 245
    put(scraped / "inputs" / "train" / "spider" / "blank.jpg", blank)
    assert found(scraped, "tiny") == ["icon.jpg"]
    assert found(scraped, "one colour") == ["blank.jpg"]


def test_a_contest_of_small_images_is_not_junk(scraped: Path) -> None:
    for path in (scraped / "inputs").rglob("*.jpg"):
        put(path, cv2.resize(cv2.imread(str(path)), (16, 16), interpolation=cv2.INTER_AREA))
    assert found(scraped, "tiny") == []


def test_other_files_in_the_class_folders_are_told(scraped: Path) -> None:
    (scraped / "inputs" / "train" / "spider" / "page.html").write_text("<html>")
    (scraped / "inputs" / "train" / "spider" / ".hidden").write_text("")
    assert found(scraped, "not an image") == ["page.html"]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda pixels: cv2.resize(pixels, (90, 80), interpolation=cv2.INTER_AREA), id="half the size"),
        pytest.param(lambda pixels: np.clip(pixels * 1.1 + 5, 0, 255).astype(np.uint8), id="brighter"),
        pytest.param(lambda pixels: pixels, id="compressed more"),
    ],
)
def test_a_photo_that_was_saved_anew_is_a_near_duplicate(scraped: Path, change: Any) -> None:
    put(scraped / "inputs" / "train" / "spider" / "again.jpg", change(photo(5)), quality=60)
    table = findings(scraped)
    assert table["finding"].tolist() == ["near duplicate"] * 2
    assert set(table["id"]) == {"05.jpg", "again.jpg"} and table["group"].nunique() == 1
    assert table["detail"].tolist() == ["", ""]


def test_duplicates_with_different_labels_are_a_conflict(scraped: Path) -> None:
    train = scraped / "inputs" / "train"
    shutil.copy(train / "spider" / "01.jpg", train / "scorpion" / "copy.jpg")
    table = findings(scraped)
    assert table["finding"].tolist() == ["exact duplicate"] * 2
    assert table["detail"].tolist() == ["label conflict"] * 2
    assert set(table["label"]) == {"spider", "scorpion"}


def test_duplicates_across_train_and_test_and_across_folds_are_told(scraped: Path) -> None:
    train = scraped / "inputs" / "train"
    put(train / "spider" / "leak.jpg", photo(17), quality=70)
    for number in range(6):
        shutil.copy(train / "spider" / "03.jpg", train / "spider" / f"copy{number}.jpg")
    split(Context(scraped))
    table = findings(scraped).set_index("id")
    assert table.loc[["leak.jpg", "17.jpg"], "detail"].tolist() == ["train and test"] * 2
    assert table.loc["17.jpg", "part"] == "test" and table.loc["leak.jpg", "fold"] in (0, 1)
    assert (table.loc[table["finding"] == "exact duplicate", "detail"] == "across folds").all()
    assert (table["finding"] == "exact duplicate").sum() == 7


def litter(root: Path) -> None:
    """One of each kind of junk, two copies of one photo, a near duplicate and a copy with another label."""
    train = root / "inputs" / "train"
    (train / "spider" / "broken.jpg").write_bytes(b"<html>")
    (train / "spider" / "page.html").write_text("<html>")
    put(train / "scorpion" / "icon.png", cv2.resize(photo(3), (16, 12)))
    put(train / "scorpion" / "blank.jpg", np.zeros((100, 100, 3), dtype=np.uint8))
    shutil.copy(train / "spider" / "01.jpg", train / "spider" / "x-copy.jpg")
    shutil.copy(train / "spider" / "01.jpg", train / "spider" / "y-copy.jpg")
    shutil.copy(train / "spider" / "03.jpg", train / "scorpion" / "disputed.jpg")
    put(train / "spider" / "again.jpg", photo(5), quality=60)
    (root / "inputs" / "test" / "19.jpg").write_bytes(b"")
    with (root / "competition" / "competition.yaml").open("a") as contest:
        contest.write("on_bad_image: drop\n")


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_fix_moves_junk_and_spare_copies_aside_and_can_be_undone(scraped: Path) -> None:
    litter(scraped)
    before = files(scraped / "inputs")
    said = outfold(scraped, "check", "--fix").stdout
    aside, left = files(scraped / "inputs_junk"), files(scraped / "inputs")
    assert set(aside) == {
        "train/spider/broken.jpg",
        "train/spider/page.html",
        "train/scorpion/icon.png",
        "train/scorpion/blank.jpg",
        "train/spider/x-copy.jpg",
        "train/spider/y-copy.jpg",
    }
    assert aside | left == before and not aside.keys() & left.keys(), "nothing is lost, nothing is there twice"
    assert "test/19.jpg" in left and "1 test images are junk and stay" in said
    assert len(load_contest(scraped).train) == 18 and "check: passed" in said

    (undo,) = [line for line in said.splitlines() if "To undo:" in line]
    words = undo.split("To undo: cp -R ")[1].split()
    shutil.copytree(words[0], words[1], dirs_exist_ok=True)
    assert files(scraped / "inputs") == before


def test_a_second_fix_finds_nothing_and_overwrites_nothing(scraped: Path) -> None:
    litter(scraped)
    check(Context(scraped), fix=True)
    aside = files(scraped / "inputs_junk")
    check(Context(scraped), fix=True)
    assert files(scraped / "inputs_junk") == aside
    (scraped / "inputs" / "train" / "spider" / "broken.jpg").write_bytes(b"other junk")
    check(Context(scraped), fix=True)
    assert files(scraped / "inputs_junk") == {**aside, "train/spider/broken.2.jpg": b"other junk"}


def test_check_without_fix_moves_nothing(scraped: Path) -> None:
    litter(scraped)
    before = files(scraped / "inputs")
    check(Context(scraped))
    assert files(scraped / "inputs") == before


def test_fix_is_refused_where_the_host_would_undo_it_or_rows_would_lose_their_images(scraped: Path) -> None:
    contest = scraped / "competition" / "competition.yaml"
    shared = contest.read_text()
    contest.write_text(shared.replace("host: folder", "host: kaggle"))
    with pytest.raises(ConfigError, match="would bring them back"):
        check(Context(scraped), fix=True)
    table = pd.DataFrame({"file": ["01.jpg", "03.jpg"], "kind": ["spider", "other"]})
    table.to_csv(scraped / "inputs" / "train.csv", index=False)
    flat = shared.replace("train: train", "train: train.csv") + "\ncolumns: {image: 'train/spider/{file}'}\n"
    contest.write_text(flat)
    with pytest.raises(ConfigError, match=r"rows of train\.csv"):
        check(Context(scraped), fix=True)


def test_fix_without_images_is_refused(tabular: Path) -> None:
    with pytest.raises(ConfigError, match="no images"):
        check(Context(tabular), fix=True)


def test_the_summary_counts_groups_and_what_they_contradict(scraped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    litter(scraped)
    check_images(Context(scraped, LineReporter()))
    said = capsys.readouterr().out
    assert "180 x 160" in said
    assert "2 groups, 1 label conflict" in said
    assert "findings.csv" in said


def test_hashes_that_differ_in_few_bits_are_found_wherever_the_bits_lie() -> None:
    generator = np.random.default_rng(0)
    words = generator.integers(0, 2**63, 300, dtype=np.uint64)
    thumbs = generator.integers(0, 256, (300, 16, 16), dtype=np.uint8)
    flips = [np.uint64(sum(1 << int(bit) for bit in generator.choice(64, MAX_BITS, replace=False))) for _ in words]
    hashes = np.concatenate([words, words ^ np.array(flips, dtype=np.uint64)])
    pairs = near_pairs(hashes, np.concatenate([thumbs, thumbs]))
    assert sorted(pairs.tolist()) == [[row, row + 300] for row in range(300)]
    assert len(near_pairs(hashes, np.concatenate([thumbs, thumbs[::-1]]))) == 0, "other pictures with a like hash"


def test_all_pairs_of_one_bucket_are_found_across_blocks() -> None:
    thumbs = np.broadcast_to(np.arange(256, dtype=np.uint8).reshape(1, 16, 16), (2100, 16, 16))
    pairs = near_pairs(np.zeros(2100, dtype=np.uint64), thumbs)
    assert len(pairs) == 2100 * 2099 // 2
    assert len(np.unique(groups_of(2100, pairs))) == 1


def test_the_hash_says_where_it_gets_brighter() -> None:
    rising = np.tile(np.arange(90, dtype=np.uint8), (80, 1))
    assert difference_hash(rising) == 2**64 - 1 and difference_hash(rising[:, ::-1].copy()) == 0


def test_two_thousand_photos_take_seconds(scraped: Path) -> None:
    train = scraped / "inputs" / "train"
    for number in range(500):
        shutil.copy(train / "spider" / "01.jpg", train / "spider" / f"n{number}.jpg")
        put(train / "scorpion" / f"n{number}.jpg", photo(number % 16), quality=50 + number % 40)
    began = time.perf_counter()
    table = findings(scraped)
    # ten thousand in under a minute, on the slowest machine that this runs on
    assert time.perf_counter() - began < 6
    assert (table["finding"] == "exact duplicate").sum() >= 501


def test_other_files_in_the_test_folder_are_told_and_moved_aside(scraped: Path) -> None:
    for name in ("notes.txt", "Thumbs.db", "._16.jpg", ".DS_Store"):
        (scraped / "inputs" / "test" / name).write_bytes(b"text")
    assert found(scraped, "not an image") == ["notes.txt"]
    check(Context(scraped), fix=True)
    assert list(files(scraped / "inputs_junk")) == ["test/notes.txt"]
    assert findings(scraped).empty


@pytest.mark.parametrize("content", [b"<html>404</html>", b"", b"RIFF\x24\0\0\0WAVEfmt " + bytes(40)])
def test_a_contest_where_no_image_can_be_read_is_told_so(scraped: Path, content: bytes) -> None:
    for path in (scraped / "inputs").rglob("*.jpg"):
        path.write_bytes(content + path.name.encode() * bool(content))
    for on_bad in ("error", "drop"):
        contest = scraped / "competition" / "competition.yaml"
        contest.write_text(contest.read_text() + ("on_bad_image: drop\n" if on_bad == "drop" else ""))
        done = outfold(scraped, "check", check=False)
        assert done.returncode == 2, done.stdout + done.stderr
        assert "internal error" not in done.stderr
        assert "16 of 16 train images cannot be read" in done.stderr
