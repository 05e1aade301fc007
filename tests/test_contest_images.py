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
from outfold.data.images.name_lookup import locate
from outfold.data.images.path_templates import render
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
    monkeypatch.setattr(
        "outfold.data.images.name_lookup.os.listdir", lambda folder: listed.append(folder) or listdir(folder)
    )
    start = time.process_time()
    found = locate(tmp_path, render("train/{id}", frame, "id", Path("train.csv")))
    assert time.process_time() - start < 1
    assert found.there.all() and found.paths[201] == str(tmp_path / "train" / "im1.jpg")
    assert len(listed) == 1


def test_a_template_may_cut_a_column(tmp_path: Path) -> None:
    frame = pd.DataFrame({"file": ["abcd", "xy12"]}, index=pd.Index(["0017", "93"], name="id"))
    table = Path("train.csv")
    assert render("{id[0]}/{id[1]}/{id}.png", frame, "id", table) == ["0/0/0017.png", "9/3/93.png"]
    assert render("{file[:2]}{file[-1]}-{file[1:3]}", frame, "id", table) == ["abd-bc", "xy2-y1"]
    assert render("{id[-2:]}{file[2:]:>4}", frame, "id", table) == ["17  cd", "93  12"]
    assert render("{id[:]}", frame, "id", table) == ["0017", "93"]


def test_a_row_too_short_for_its_template_is_told(tmp_path: Path) -> None:
    frame = pd.DataFrame(index=pd.Index(["abc", "x", "yz"], name="id"))
    with pytest.raises(DataError, match=r"id is too short for \{id\[2\]\} of columns.image in 2 rows: x, yz"):
        render("{id[2]}.png", frame, "id", Path("train.csv"))
    with pytest.raises(ConfigError, match="has no column 'idd'; did you mean id"):
        render("{idd[2]}.png", frame, "id", Path("train.csv"))


def test_a_contest_with_slices_reads_the_column_as_text(tmp_path: Path) -> None:
    put(tmp_path / "inputs", *(f"all/{n[-1]}/{n}.png" for n in ("001", "002", "003", "004", "008", "009")))
    contest = load_contest(photos(tmp_path, "all/{file[-1]}/{file}.png"))
    assert names(contest, "train") == ["all/1/001.png", "all/2/002.png", "all/3/003.png", "all/4/004.png"]


@pytest.mark.parametrize(
    ("named", "on_disk", "how"),
    [
        ("all/a.jpg", "all/a.JPG", "letter case"),
        ("All/a.jpg", "all/A.Jpg", "letter case"),
        ("all\\a.jpg", "all/a.jpg", "/ for \\"),
        ("all\\a.jpg", "all/a.JPG", "/ for \\, letter case"),
        ("all/caf\u00e9.jpg", "all/cafe\u0301.jpg", "another form of Unicode"),
        ("all/cafe\u0301.jpg", "all/caf\u00e9.jpg", "another form of Unicode"),
        ("caf\u00e9/a.jpg", "cafe\u0301/a.jpg", "another form of Unicode"),
        ("all/a%20b.jpg", "all/a b.jpg", "characters for %XX"),
        ("/kaggle/input/contest/all/a.jpg", "all/a.jpg", "without its first folders"),
        ("C:\\data\\all\\a.jpg", "all/a.jpg", "/ for \\, without its first folders"),
        ("all/a.jpeg", "all/a.jpg", "another ending"),
        ("all/a.tif", "all/a.TIFF", "another ending"),
        ("./all//a.jpg", "all/a.jpg", None),
        ("all/a", "all/a.jpg", None),
        ("all/100%.jpg", "all/100%.jpg", None),
    ],
)
def test_a_name_that_can_only_mean_one_file_finds_it_and_says_so(
    tmp_path: Path, named: str, on_disk: str, how: str | None
) -> None:
    put(tmp_path, on_disk, "all/other.jpg")
    found = locate(tmp_path, [named, "all/other.jpg"])
    assert found.there.all()
    assert [Path(path) for path in found.paths] == [tmp_path / on_disk, tmp_path / "all/other.jpg"]
    assert list(found.renamed) == ([] if how is None else [how])
    assert len(found.notes("train")) == (how is not None)


@pytest.mark.parametrize(
    ("named", "on_disk"),
    [
        (["all/a.jpg"], ["all/A.jpg", "all/a.JPG"]),
        (["all/a.jpg", "all/A.jpg"], ["all/A.jpg"]),
        (["all/a.jpg", "all/A.JPG"], ["all/a.Jpg"]),
        (["all/sub/a.jpg"], ["all/a.jpg", "a.jpg"]),
        (["../a.jpg"], ["all/a.jpg"]),
        (["one/a.jpg", "two/a.jpg"], ["a.jpg"]),
        (["all/a.jpg"], ["all/._a.jpg", "all/a.txt"]),
    ],
)
def test_a_name_that_could_mean_two_files_or_shares_its_file_with_another_stays_missing(
    tmp_path: Path, named: list[str], on_disk: list[str]
) -> None:
    put(tmp_path, *on_disk)
    found = locate(tmp_path, named)
    exact = [name in on_disk for name in named]
    assert found.there.tolist() == exact
    assert not found.renamed


def test_the_exact_name_wins_over_a_file_in_another_letter_case(tmp_path: Path) -> None:
    put(tmp_path, "all/a.jpg", "all/A.jpg")
    found = locate(tmp_path, ["all/A.jpg", "all/a.jpg"])
    assert [Path(path).name for path in found.paths] == ["A.jpg", "a.jpg"]
    assert not found.renamed


def test_a_contest_says_what_it_assumed_of_the_names(tmp_path: Path) -> None:
    put(tmp_path / "inputs", *(f"all/{n}.JPG" for n in (1, 2, 3, 4)), "all/8.jpg", "all/9.jpg")
    contest = load_contest(photos(tmp_path, "all/{id}.jpg"))
    assert names(contest, "train")[0] == "all/1.JPG"
    (note,) = [note for note in contest.warnings if "letter case" in note]
    assert note == "4 train images are found under another name (letter case): all/1.jpg is all/1.JPG"


def put_beside(inputs: Path, folder: str) -> None:
    """What macOS, Windows, a network disk and Jupyter leave in a folder of images."""
    put(inputs, f"{folder}/._1.jpg", f"{folder}/.DS_Store", f"{folder}/Thumbs.db", f"{folder}/desktop.ini")
    put(inputs, f"{folder}/__MACOSX/cat/._1.jpg", f"{folder}/__MACOSX/1.jpg", f"{folder}/@eaDir/1.jpg")
    put(inputs, f"{folder}/.ipynb_checkpoints/1-checkpoint.jpg")


def test_files_of_the_computers_own_beside_images_are_passed_over(tmp_path: Path) -> None:
    inputs = tmp_path / "inputs"
    put(inputs, "train/cat/1.jpg", "train/dog/2.jpg", "test/8.jpg", "test/9.jpg")
    for folder in ("train", "train/cat", "train/dog", "test"):
        put_beside(inputs, folder)
    sample = pd.DataFrame({"id": [8, 9], "kind": 0.5})
    write_contest(tmp_path, None, None, sample, train="train", test="test", target="kind")
    contest = load_contest(tmp_path)
    assert names(contest, "train") == ["train/cat/1.jpg", "train/dog/2.jpg"]
    assert names(contest, "test") == ["test/8.jpg", "test/9.jpg"]


def test_they_are_passed_over_where_names_say_the_class(tmp_path: Path) -> None:
    inputs = tmp_path / "inputs"
    put(inputs, "train/cat.1.jpg", "train/dog.2.jpg", "test/8.jpg", "test/9.jpg")
    for folder in ("train", "test"):
        put_beside(inputs, folder)
    sample = pd.DataFrame({"id": [8, 9], "kind": 0.5})
    pattern = r"(?P<kind>cat|dog)\.\d+"
    write_contest(tmp_path, None, None, sample, train="train", test="test", target="kind", label_pattern=pattern)
    assert names(load_contest(tmp_path), "train") == ["train/cat.1.jpg", "train/dog.2.jpg"]


@pytest.mark.parametrize(
    ("ending", "kind", "remedy"),
    [
        (".wav", "sound", "spectrogram"),
        (".MP3", "sound", "spectrogram"),
        (".ogg", "sound", "spectrogram"),
        (".flac", "sound", "spectrogram"),
        (".mp4", "video", "frames"),
        (".dcm", "medical scans", "16-bit PNG"),
        (".npy", "arrays", "PNG"),
    ],
)
def test_sound_and_video_in_the_place_of_images_are_named(tmp_path: Path, ending: str, kind: str, remedy: str) -> None:
    put(tmp_path / "inputs", *(f"all/{n}{ending}" for n in (1, 2, 3, 4, 8, 9)))
    photos(tmp_path, f"all/{{id}}{ending}")
    with pytest.raises(
        ConfigError, match=rf"columns\.image: 4 of 4 files are {kind}, and no images: .*1\{ending}"
    ) as told:
        load_contest(tmp_path)
    assert remedy in str(told.value)


def test_class_folders_of_sound_are_named(tmp_path: Path) -> None:
    put(tmp_path / "inputs", "train/cat/1.wav", "train/dog/2.wav", "test/8.wav", "test/9.wav")
    sample = pd.DataFrame({"id": [8, 9], "kind": 0.5})
    write_contest(tmp_path, None, None, sample, train="train", test="test", target="kind")
    with pytest.raises(ConfigError, match=r"(train.cat|test): [12] of [12] files are sound"):
        load_contest(tmp_path)
