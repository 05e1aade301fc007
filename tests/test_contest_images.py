"""Each row finds its image: by template, by a column, by folder; those that are not there are told together."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from contest_folder import write_contest

from outfold.contest import Contest
from outfold.contest_files import load_contest
from outfold.data.images.files import locate, render
from outfold.errors import ConfigError, DataError

KINDS = ["cat", "dog", "cat", "dog"]


def put(inputs: Path, *names: str) -> None:
    for name in names:
        (inputs / name).parent.mkdir(parents=True, exist_ok=True)
        (inputs / name).write_bytes(b"pixels")


def photos(root: Path, image: Any, **keys: Any) -> Path:
    """Four training photos 1 to 4 and two test photos 8 and 9, named by ``image``."""
    train = pd.DataFrame({"photo": [1, 2, 3, 4], "kind": KINDS, "file": ["001", "002", "003", "004"]})
    test = pd.DataFrame({"photo": [8, 9], "file": ["008", "009"]})
    sample = pd.DataFrame({"photo": [8, 9], "kind": 0.5})
    return write_contest(root, train, test, sample, target="kind", columns={"image": image}, **keys)


def names(contest: Contest, part: Any) -> list[str]:
    frame = contest.train if part == "train" else contest.test
    inputs = (contest.root / "inputs").absolute()
    return [path.relative_to(inputs).as_posix() for path in contest.images(part, frame.index)]


def test_a_template_is_filled_with_the_id(tmp_path: Path) -> None:
    put(tmp_path / "inputs", *(f"all/{n}.png" for n in (1, 2, 3, 4, 8, 9)))
    contest = load_contest(photos(tmp_path, "all/{id}.png"))
    assert contest.roles.image
    assert names(contest, "train") == ["all/1.png", "all/2.png", "all/3.png", "all/4.png"]
    assert names(contest, "test") == ["all/8.png", "all/9.png"]


def test_images_come_in_the_order_of_the_ids(tmp_path: Path) -> None:
    put(tmp_path / "inputs", *(f"all/{n}.png" for n in (1, 2, 3, 4, 8, 9)))
    contest = load_contest(photos(tmp_path, "all/{id}.png"))
    assert [path.name for path in contest.images("train", pd.Index([4, 1]))] == ["4.png", "1.png"]


def test_each_part_may_have_its_template_and_training_rows_may_name_their_class(tmp_path: Path) -> None:
    put(tmp_path / "inputs", "train/cat/001.jpg", "train/dog/002.jpg", "train/cat/003.jpg", "train/dog/004.jpg")
    put(tmp_path / "inputs", "test/008.jpg", "test/009.jpg")
    contest = load_contest(photos(tmp_path, {"train": "train/{kind}/{file}.jpg", "test": "test/{file}.jpg"}))
    assert names(contest, "train")[0] == "train/cat/001.jpg"
    assert names(contest, "test") == ["test/008.jpg", "test/009.jpg"]
    assert contest.roles.categorical == contest.roles.continuous == []


def test_a_template_may_pad_a_number(tmp_path: Path) -> None:
    put(tmp_path / "inputs", *(f"all/{n:05d}.png" for n in (1, 2, 3, 4, 8, 9)))
    assert names(load_contest(photos(tmp_path, "all/{photo:05d}.png")), "test") == ["all/00008.png", "all/00009.png"]


def test_an_ending_that_is_left_out_is_found(tmp_path: Path) -> None:
    put(tmp_path / "inputs", "all/1.png", "all/2.JPG", "all/3.jpeg", "all/4.tif", "all/8.png", "all/9.png", "all/9.txt")
    contest = load_contest(photos(tmp_path, "all/{id}"))
    assert names(contest, "train") == ["all/1.png", "all/2.JPG", "all/3.jpeg", "all/4.tif"]
    assert names(contest, "test") == ["all/8.png", "all/9.png"]


def test_a_column_may_hold_the_file_names(tmp_path: Path) -> None:
    put(tmp_path / "inputs", *(f"00{n}.png" for n in (1, 2, 3, 4, 8, 9)))
    contest = load_contest(photos(tmp_path, "file"))
    assert names(contest, "train") == ["001.png", "002.png", "003.png", "004.png"]


def folders(root: Path, *files: str, sample: list[Any], **keys: Any) -> Path:
    put(root / "inputs", *files)
    table = pd.DataFrame({"photo": sample, "kind": 0.5})
    return write_contest(root, None, None, table, train="train", target="kind", **{"test": "test", **keys})


def pets(root: Path, *files: str, **keys: Any) -> Path:
    """A flat folder of pets named by their kind, and two test photos."""
    put(root / "inputs", "test/8.jpg", "test/9.jpg", *(f"train/{file}" for file in files))
    sample = pd.DataFrame({"photo": [8, 9], "kind": 0.5})
    pattern = {"label_pattern": r"(?P<kind>cat|dog)\.\d+"}
    return write_contest(root, None, None, sample, train="train", target="kind", test="test", **{**pattern, **keys})


def test_the_names_of_a_flat_folder_may_say_the_class(tmp_path: Path) -> None:
    contest = load_contest(pets(tmp_path, "cat.0.jpg", "dog.0.jpg", "cat.10.jpg", "dog.3.PNG"))
    assert contest.task == "binary" and contest.classes == ["cat", "dog"]
    assert dict(zip(contest.train.index, contest.y, strict=True)) == {
        "cat.0.jpg": 0,
        "cat.10.jpg": 0,
        "dog.0.jpg": 1,
        "dog.3.PNG": 1,
    }
    assert names(contest, "train")[2] == "train/dog.0.jpg"
    assert contest.test.index.tolist() == ["8", "9"]


def test_further_groups_of_the_names_are_columns(tmp_path: Path) -> None:
    pattern = r"(?P<kind>cat|dog)\.(?P<owner>\d+)(-\w)?"
    files = ("cat.1-a.jpg", "cat.1-b.jpg", "dog.1-c.jpg", "dog.2.jpg", "cat.3.jpg", "dog.4.jpg")
    contest = load_contest(pets(tmp_path, *files, label_pattern=pattern, columns={"group": "owner"}))
    assert contest.groups(contest.train.index).tolist() == [1, 1, 3, 1, 2, 4]  # type: ignore[union-attr]
    assert not contest.roles.continuous


def test_names_that_the_pattern_does_not_match_are_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"2 of 4 images .* does not match: cat\.x\.jpg, fox\.1\.jpg") as error:
        load_contest(pets(tmp_path, "cat.0.jpg", "dog.0.jpg", "fox.1.jpg", "cat.x.jpg"))
    assert "whole name" in str(error.value)


@pytest.mark.parametrize(
    ("pattern", "told"),
    [(r"(?P<kind>cat|dog", "no regular expression"), (r"(?P<label>cat|dog)\.\d+", r"\(\?P<kind>\.\.\.\)")],
)
def test_a_pattern_that_cannot_say_the_class_is_refused(tmp_path: Path, pattern: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        load_contest(pets(tmp_path, "cat.0.jpg", "dog.0.jpg", label_pattern=pattern))


def test_a_pattern_beside_a_table_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "inputs", *(f"all/{n}.png" for n in (1, 2, 3, 4, 8, 9)))
    with pytest.raises(DataError, match="this is a table"):
        load_contest(photos(tmp_path, "all/{id}.png", label_pattern="(?P<kind>.*)"))


def test_class_folders_are_a_contest_by_themselves(tmp_path: Path) -> None:
    files = ["train/cat/a.jpg", "train/cat/b.jpg", "train/dog/c.jpg", "train/dog/.DS_Store", "test/8.jpg", "test/9.jpg"]
    contest = load_contest(folders(tmp_path, *files, sample=["9.jpg", "8.jpg"]))
    assert contest.train.index.tolist() == ["a.jpg", "b.jpg", "c.jpg"]
    assert contest.train["kind"].tolist() == ["cat", "cat", "dog"]
    assert contest.y.tolist() == [0, 0, 1]
    assert names(contest, "train") == ["train/cat/a.jpg", "train/cat/b.jpg", "train/dog/c.jpg"]
    assert contest.test.index.tolist() == ["8.jpg", "9.jpg"]


def test_names_that_repeat_between_classes_carry_their_class(tmp_path: Path) -> None:
    contest = load_contest(folders(tmp_path, "train/cat/1.jpg", "train/dog/1.jpg", "test/8.jpg", sample=["8.jpg"]))
    assert contest.train.index.tolist() == ["cat/1.jpg", "dog/1.jpg"]


def test_test_images_are_called_as_the_sample_submission_calls_them(tmp_path: Path) -> None:
    files = ["train/cat/1.jpg", "train/dog/2.jpg", "test/unknown/8.jpg", "test/unknown/9.jpg"]
    contest = load_contest(folders(tmp_path, *files, sample=[8, 9]))
    assert contest.test.index.tolist() == ["8", "9"]
    assert names(contest, "test") == ["test/unknown/8.jpg", "test/unknown/9.jpg"]


def test_images_outside_of_the_class_folders_are_told(tmp_path: Path) -> None:
    files = ["train/cat/1.jpg", "train/dog/2.jpg", "train/3.jpg", "test/8.jpg"]
    contest = load_contest(folders(tmp_path, *files, sample=["8.jpg"]))
    assert any("1 images lie in no class folder" in warning and "3.jpg" in warning for warning in contest.warnings)


def test_missing_images_of_both_parts_are_told_together(tmp_path: Path) -> None:
    put(tmp_path / "inputs", "all/1.png", "all/3.png", "all/8.png")
    with pytest.raises(DataError) as caught:
        load_contest(photos(tmp_path, "all/{id}.png"))
    assert "2 of 4 train images are not there" in caught.value.message
    assert "all/2.png" in caught.value.message and "all/4.png" in caught.value.message
    assert "1 of 2 test images are not there" in caught.value.message and "all/9.png" in caught.value.message


def test_with_drop_such_training_rows_go_and_test_rows_stay(tmp_path: Path) -> None:
    put(tmp_path / "inputs", "all/1.png", "all/2.png", "all/4.png", "all/8.png")
    contest = load_contest(photos(tmp_path, "all/{id}.png", on_bad_image="drop"))
    assert contest.train.index.tolist() == [1, 2, 4] and contest.y.tolist() == [0, 1, 1]
    assert contest.test.index.tolist() == [8, 9]
    assert any("1 training rows are dropped" in warning and warning.endswith(": 3") for warning in contest.warnings)
    assert any("1 test rows have no image" in warning and warning.endswith(": 9") for warning in contest.warnings)


def test_with_drop_a_training_set_without_any_image_is_still_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none of the 4 training images is there"):
        load_contest(photos(tmp_path, "all/{id}.png", on_bad_image="drop"))


def test_a_template_with_an_unknown_column_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"train\.csv has no column 'fiel'; did you mean file"):
        load_contest(photos(tmp_path, "all/{fiel}.png"))


def test_a_test_template_cannot_name_the_target(tmp_path: Path) -> None:
    put(tmp_path / "inputs", "cat/1.png", "dog/2.png", "cat/3.png", "dog/4.png")
    with pytest.raises(ConfigError, match=r"test\.csv has no column 'kind'"):
        load_contest(photos(tmp_path, "{kind}/{id}.png"))


def test_a_template_with_an_open_brace_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"columns\.image: 'all/\{id\.png' is not a template"):
        load_contest(photos(tmp_path, "all/{id.png"))


def test_an_empty_class_folder_is_refused(tmp_path: Path) -> None:
    root = folders(tmp_path, "train/cat/1.jpg", "train/dog/notes.txt", "test/8.jpg", sample=["8.jpg"])
    with pytest.raises(DataError, match=r"train/dog: no images in this class folder"):
        load_contest(root)


def test_a_training_folder_without_class_folders_is_refused(tmp_path: Path) -> None:
    root = folders(tmp_path, "train/1.jpg", "test/8.jpg", sample=["8.jpg"])
    with pytest.raises(DataError, match=r"expected one folder of images a class"):
        load_contest(root)


def test_an_image_for_one_part_only_is_refused(tmp_path: Path) -> None:
    root = folders(tmp_path, "train/cat/1.jpg", "train/dog/2.jpg", sample=[8])
    (root / "inputs" / "test.csv").write_text("photo\n8\n")
    path = root / "competition" / "competition.yaml"
    path.write_text(path.read_text().replace("test: test", "test: test.csv"))
    with pytest.raises(ConfigError, match="the test rows have no images"):
        load_contest(root)


def test_a_contest_of_plain_tables_has_no_images_to_give(tmp_path: Path) -> None:
    contest = load_contest(photos(tmp_path, None))
    with pytest.raises(ConfigError, match="this contest has no images"):
        contest.images("train", contest.train.index)


def test_a_hundred_thousand_rows_take_one_listing_and_less_than_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, *(f"train/im{n}.jpg" for n in range(200)))
    frame = pd.DataFrame(index=pd.Index([f"im{n % 200}" for n in range(100_000)], name="id"))
    listed: list[str] = []
    listdir = __import__("os").listdir
    monkeypatch.setattr("outfold.data.images.files.os.listdir", lambda folder: listed.append(folder) or listdir(folder))
    start = time.process_time()
    paths, there = locate(tmp_path, render("train/{id}", frame, "id", Path("train.csv")))
    assert time.process_time() - start < 1
    assert there.all() and paths[201] == str(tmp_path / "train" / "im1.jpg")
    assert len(listed) == 1
