"""The files of the data: regular ones alone, wherever the contest file names them; and records of them that lie."""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import outfold
from contest_folder import iris_tables, write_contest

from outfold.config.load import load_competition
from outfold.errors import ConfigError, DataError
from outfold.hosts import download_manifest as received
from outfold.progress import Reporter
from outfold.runs.context import Context
from outfold.store.input_hashes import data_hash, recorded
from outfold.store.outside_inputs import outside_inputs


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "contest").mkdir()
    return write_contest(tmp_path / "contest", *iris_tables(), target="species", folds={"n": 2})


def say(root: Path, line: str) -> None:
    config = root / "competition" / "competition.yaml"
    config.write_text(config.read_text() + line + "\n")


def fifo(path: Path) -> None:
    os.mkfifo(path)


def bound(path: Path) -> None:
    socket.socket(socket.AF_UNIX).bind(str(path))


ODD: dict[str, tuple[Callable[[Path], None], str]] = {
    "a FIFO": (fifo, "a FIFO"),
    "a socket": (bound, "a socket"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), "a device"),
    "a link to itself": (lambda path: path.symlink_to(path), "symbolic links"),
    "a link to nothing": (lambda path: path.symlink_to("gone"), "a link to nothing"),
    "a link to the folder above": (lambda path: path.symlink_to(".."), "leads back"),
}


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("stage", ["download", "check", "split", "columns", "train"])
def test_no_stage_waits_for_what_is_no_regular_file(
    root: Path, monkeypatch: pytest.MonkeyPatch, kind: str, stage: str
) -> None:
    make, told = ODD[kind]
    (root / "inputs" / "images").mkdir()
    (root / "pipelines").mkdir()
    (root / "pipelines" / "linear.yaml").write_text("learner: linear\n")
    outfold(root, "split")
    monkeypatch.chdir(root / "inputs" / "images")
    make(Path("odd.png"))
    done = outfold(root, stage, check=False)
    assert done.returncode == 2, done.stderr
    assert "odd.png" in done.stderr and told in done.stderr


def test_a_hidden_one_is_left_alone(root: Path) -> None:
    os.mkfifo(root / "inputs" / ".fifo")
    outfold(root, "split")


OUTSIDE: dict[str, Callable[[Path], str]] = {
    "relative": lambda root: "../../elsewhere/train.csv",
    "absolute": lambda root: str(root.parent / "elsewhere" / "train.csv"),
    "hidden": lambda root: ".hidden/train.csv",
    "behind a link": lambda root: "link/train.csv",
    "behind a link and up": lambda root: "link/deep/../train.csv",
}


@pytest.mark.parametrize("kind", OUTSIDE)
@pytest.mark.parametrize("key", ["train", "test", "sample_submission"])
def test_a_table_outside_inputs_is_part_of_the_data(root: Path, kind: str, key: str) -> None:
    name = OUTSIDE[kind](root)
    (root.parent / "elsewhere" / "deep").mkdir(parents=True)
    (root / "inputs" / ".hidden").mkdir()
    (root / "inputs" / "link").symlink_to(root.parent / "elsewhere")
    path = root / "inputs" / name
    shutil.move(root / "inputs" / f"{key}.csv", path)
    config = root / "competition" / "competition.yaml"
    lines = [line for line in config.read_text().splitlines() if not line.startswith(f"{key}:")]
    config.write_text("\n".join([*lines, f"{key}: {name}", ""]))
    before = Context(root).data_hash
    outfold(root, "split")
    assert "up to date" in outfold(root, "split").stdout
    path.write_text(path.read_text() + "\n")
    assert Context(root).data_hash != before
    assert "up to date" not in outfold(root, "split").stdout


def test_images_outside_inputs_are_part_of_the_data(tmp_path: Path) -> None:
    from PIL import Image

    train, test, sample = iris_tables()
    for folder in (tmp_path / "photos", tmp_path / "more"):
        folder.mkdir()
        for number in range(1, 151):
            Image.new("RGB", (4, 4), (number, 0, 0)).save(folder / f"{number}.png")
    absolute = f"{tmp_path / 'more'}/{{flower}}.png"
    source = {"train": "../../photos/{flower}.png", "test": absolute}
    root = write_contest(tmp_path / "contest", train, test, sample, target="species", columns={"image": source})
    context = Context(root)
    assert outside_inputs(context.competition, root / "inputs") == ["../../photos", str(tmp_path / "more")]
    images = context.contest.images("test", context.contest.test.index[:1])
    assert images[0].is_file() and images[0].parent == tmp_path / "more"
    before = context.data_hash
    Image.new("RGB", (4, 4), "white").save(tmp_path / "photos" / "7.png")
    assert Context(root).data_hash != before


@pytest.mark.parametrize("cell", ["../secret.png", "a/../../secret.png", ".hidden.png", "/etc/x.png"])
def test_a_cell_that_names_an_image_elsewhere_is_refused(tmp_path: Path, cell: str) -> None:
    train, test, sample = iris_tables()
    train, test = (frame.assign(file=[cell] * len(frame)) for frame in (train, test))
    root = write_contest(tmp_path, train, test, sample, target="species", columns={"image": "file"})
    with pytest.raises(DataError, match="lies outside inputs/") as caught:
        _ = Context(root).contest
    assert cell in caught.value.message and "train.csv" in caught.value.message


def test_a_folder_around_inputs_is_refused(root: Path) -> None:
    say(root, 'columns: {image: "../{flower}.png"}')
    with pytest.raises(ConfigError, match=r"columns.image: '\.\.' is a folder with inputs/ itself in it"):
        outside_inputs(load_competition(root / "competition" / "competition.yaml"), root / "inputs")


def test_what_lies_in_inputs_is_hashed_as_ever(root: Path) -> None:
    config = load_competition(root / "competition" / "competition.yaml")
    assert outside_inputs(config, root / "inputs") == []
    (root / "inputs" / "a").mkdir()
    (root / "inputs" / "a" / "train.csv").touch()
    for name in ("./train.csv", "a/../train.csv", "a/train.csv"):
        assert outside_inputs(config.model_copy(update={"train": name}), root / "inputs") == []


ENTRIES = ["1e400", "-1e400", "NaN", "null", '"7"', "[]", "{}", "true", "1.5"]


@pytest.mark.parametrize("value", ENTRIES)
@pytest.mark.parametrize("key", ["size", "mtime_ns", "sha256", None])
def test_a_record_of_files_with_odd_values_is_made_again(root: Path, value: str, key: str | None) -> None:
    right = Context(root).data_hash
    manifest = root / "artifacts" / "data.json"
    content = json.loads(manifest.read_text())
    if key is None:
        content["files"]["train.csv"] = "ODD"
    else:
        content["files"]["train.csv"][key] = "ODD"
    manifest.write_text(json.dumps(content).replace('"ODD"', value))
    assert data_hash(root / "inputs", manifest, Reporter()) == right
    assert recorded(manifest)["files"]["train.csv"]["size"] == (root / "inputs" / "train.csv").stat().st_size


@pytest.mark.parametrize("value", ENTRIES)
def test_stages_go_on_with_a_record_without_files(root: Path, value: str) -> None:
    outfold(root, "download")
    manifest = root / "artifacts" / "data.json"
    content = json.loads(manifest.read_text())
    content["files"] = "ODD"
    manifest.write_text(json.dumps(content).replace('"ODD"', value))
    outfold(root, "download")
    outfold(root, "split")


@pytest.mark.parametrize("value", ["1e400", "NaN", "null", '"7"', "1.5"])
def test_a_list_of_downloaded_files_with_odd_sizes_is_none(tmp_path: Path, value: str) -> None:
    facts = f'{{"size": {value}, "sha256": "00"}}'
    (tmp_path / received.NAME).write_text(f'{{"slug": "s", "files": {{"a.csv": {facts}}}}}')
    assert received.read(tmp_path, "s") is None
