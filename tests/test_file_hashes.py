"""Hashes of files: kept with a fold, compared before a file is read, right after a kill at any moment."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from outfold.store.atomic import atomic_path
from outfold.store.damage import DamagedError
from outfold.store.file_record import is_intact, seal
from outfold.store.fold_dir import KEY, Shelf, open_intact


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "artifacts" / "cnn" / "folds" / "0"


def test_a_damaged_file_is_named_with_the_command_that_makes_it_again(folder: Path) -> None:
    shelf = Shelf.open(folder, "made of this")
    shelf.put("model.txt", b"trees")
    shelf.finish(members=["m"])
    (folder / "model.txt").write_bytes(b"treez")
    for read in (shelf.read, shelf.checked):
        with pytest.raises(DamagedError, match=r"model\.txt: damaged.*\n.*train cnn`"):
            read("model.txt")
    again, error = open_intact(folder, "made of this")
    assert error is not None and again.done is None and not again.has("model.txt")


def test_a_damaged_checkpoint_of_a_fold_under_way_is_found(folder: Path) -> None:
    shelf = Shelf.open(folder, "made of this")
    shelf.put("checkpoint.pt", b"epoch 1")
    shelf.put("checkpoint.pt", b"epoch 2")
    assert open_intact(folder, "made of this")[1] is None
    (folder / "checkpoint.pt").write_bytes(b"epoch")
    _, error = open_intact(folder, "made of this")
    assert error is not None and "checkpoint.pt" in error.message


def test_a_kill_between_the_record_and_the_file_leaves_the_old_one_whole(folder: Path) -> None:
    shelf = Shelf.open(folder, "made of this")
    shelf.put("checkpoint.pt", b"epoch 1")
    for text in (b"epoch 2", b"epoch 2, once more"):
        killed = Shelf(folder)
        with pytest.raises(KeyboardInterrupt), killed.writing("checkpoint.pt") as beside:
            beside.write_bytes(text)
            killed._announce("checkpoint.pt", beside)
            raise KeyboardInterrupt
        assert Shelf(folder).damage() is None
        assert Shelf(folder).read("checkpoint.pt") == b"epoch 1"
    with pytest.raises(KeyboardInterrupt), killed.writing("first.txt") as beside:
        killed._announce("first.txt", beside)
        raise KeyboardInterrupt
    assert Shelf(folder).damage() is None and not Shelf(folder).has("first.txt")


def test_a_folder_of_a_version_without_hashes_is_read_as_it_is(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / KEY).write_text(json.dumps({"fingerprint": "made of this"}))
    (folder / "model.txt").write_bytes(b"trees")
    (folder / "done.json").write_text('{"members": ["m"]}')
    shelf, error = open_intact(folder, "made of this")
    assert error is None and shelf.done == {"members": ["m"]} and shelf.read("model.txt") == b"trees"
    (folder / "model.txt").unlink()
    with pytest.raises(FileNotFoundError):
        shelf.read("model.txt")


@pytest.mark.parametrize("name", ["files.json", KEY, "done.json"])
def test_a_folders_own_files_are_guarded_too(folder: Path, name: str) -> None:
    Shelf.open(folder, "made of this").finish(members=["m"])
    (folder / name).unlink()
    error = Shelf(folder).damage()
    assert error is not None and name in error.message


def test_a_damaged_cache_is_removed_to_be_made_again(tmp_path: Path) -> None:
    path = tmp_path / "images.npy"
    with atomic_path(path) as beside:
        beside.write_bytes(b"pixels")
        seal(path, beside)
    assert is_intact(path)
    path.write_bytes(b"pixelz")
    assert not is_intact(path) and not path.exists()
    path.mkdir()
    assert not is_intact(path) and not path.exists()
