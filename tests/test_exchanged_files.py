"""Predictions and manifests that were edited or exchanged: refused by name, with commands that make them again."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import outfold, write_contest
from contest_folder import IRISES, iris_tables
from contest_folder import write_contest as write_folder

from outfold.store.damage import DamagedError
from outfold.store.fingerprint import file_sha256
from outfold.store.folds_file import folds_fingerprint, read_folds
from outfold.store.manifest import Manifest, write_manifest


@pytest.fixture(scope="module")
def blended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models and their blend."""
    root = tmp_path_factory.mktemp("blended")
    write_folder(root, *iris_tables())
    few = "learner: gbdt\nrounds: 5\nrefit: false\n"
    write_contest(root, IRISES, one="learner: linear\n", two=few)
    for stage in ("download", "split", "train", "predict", "ensemble"):
        outfold(root, stage)
    outfold(root, "submit", "--dry-run")
    return root


@pytest.fixture
def root(blended: Path, tmp_path: Path) -> Path:
    shutil.copytree(blended, tmp_path / "contest")
    return tmp_path / "contest"


def submissions(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (root / "submissions").glob("*.csv")}


def commands(error: str) -> list[list[str]]:
    return [shlex.split(text) for text in re.findall(r"`([^`]+)`", error)]


def heal(root: Path, error: str) -> None:
    """Run the commands that an error names."""
    found = commands(error)
    assert found, error
    for words in found:
        if words[0] == "outfold":
            arguments = words[3:] if words[1] == "--root" else words[1:]
            outfold(root, *arguments)
        else:
            subprocess.run(words, check=True, cwd=Path.cwd())


def refused_and_healed(root: Path, path: Path, *reasons: str, stage: str = "ensemble") -> None:
    before = submissions(root)
    done = outfold(root, stage, check=False)
    assert done.returncode == 2, done.stdout + done.stderr
    assert str(path) in done.stderr
    assert not reasons or any(reason in done.stderr for reason in reasons), done.stderr
    for _ in range(4):  # one file after the other
        heal(root, done.stderr)
        done = outfold(root, "ensemble", check=False)
        if done.returncode == 0:
            break
    assert done.returncode == 0, done.stderr
    shutil.rmtree(root / "submissions")
    outfold(root, "submit", "--dry-run")
    assert submissions(root) == before


def truth(frame: pd.DataFrame, root: Path) -> pd.DataFrame:
    species = pd.read_csv(root / "inputs" / "train.csv").set_index("flower")["species"]
    outputs = frame.columns[3:]
    right = species.loc[frame["id"]].to_numpy()[:, None] == outputs.to_numpy()
    return frame.assign(**dict(zip(outputs, right.T.astype(np.float32), strict=True)))


def with_cell(column: str, value: Any) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def edit(frame: pd.DataFrame) -> pd.DataFrame:
        frame = frame.astype({column: object}) if value is None else frame.copy()
        frame.loc[3, column] = value
        return frame.infer_objects() if column == "fold" else frame

    return edit


EDITS: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], str]] = {
    "an id twice": (lambda f: pd.concat([f, f.iloc[[0]]]), "twice"),
    "an id of another row": (lambda f: f.assign(id=f["id"].where(f.index != 3, f["id"].iloc[0])), "twice"),
    "an unknown id": (with_cell("id", 99_999), "differ from those"),
    "ids as text": (lambda f: f.assign(id=f["id"].astype(str)), "differ from those"),
    "a row missing": (lambda f: f.iloc[1:], "differ from those"),
    "no rows": (lambda f: f.iloc[:0], "no rows"),
    "an empty id": (with_cell("id", None), "have no id"),
    "an empty fold": (with_cell("fold", None), "have no fold"),
    "folds as text": (lambda f: f.assign(fold=f["fold"].astype(str)), "expected whole numbers"),
    "a fold moved": (lambda f: f.assign(fold=(f["fold"] + 1) % 3), "fold"),
    "an unknown fold": (with_cell("fold", 7), "fold"),
    "an empty member": (with_cell("member", None), "have no member"),
    "another member": (lambda f: f.assign(member="other"), "its members are other"),
    "a number missing": (with_cell("setosa", np.nan), "is not finite"),
    "an infinite number": (with_cell("setosa", np.inf), "is not finite"),
    "numbers as text": (lambda f: f.assign(setosa=f["setosa"].astype(str)), "expected float numbers"),
    "an output missing": (lambda f: f.drop(columns="setosa"), "its outputs are"),
    "an output more": (lambda f: f.assign(more=np.float32(0)), "its outputs are"),
    "a key missing": (lambda f: f.drop(columns="member"), "member"),
}

HEALED = ("an id twice", "a key missing")
"""Edits after which the commands in the message are run as well."""


@pytest.mark.parametrize("part", ["oof", "test"])
@pytest.mark.parametrize("edit", EDITS)
def test_edited_predictions_are_refused_even_where_the_manifest_was_edited_too(
    root: Path, part: str, edit: str
) -> None:
    if (part, edit) == ("test", "a fold moved"):
        pytest.skip("each fold predicts every test row: the rows are the same set")
    change, reason = EDITS[edit]
    path = root / "artifacts" / "two" / f"{part}.parquet"
    change(pd.read_parquet(path)).to_parquet(path, index=False)
    done = outfold(root, "ensemble", check=False)
    assert done.returncode == 2 and "its hash is not the one" in done.stderr
    in_step(root / "artifacts" / "two", part)
    if edit in HEALED:
        refused_and_healed(root, path, reason)
    else:
        done = outfold(root, "ensemble", check=False)
        assert done.returncode == 2 and str(path) in done.stderr and reason in done.stderr


def in_step(folder: Path, part: str) -> None:
    """The manifest, edited so that its hashes fit the files."""
    path = folder / "manifest.json"
    manifest = Manifest.model_validate_json(path.read_text())
    digest = file_sha256(folder / f"{part}.parquet")
    write_manifest(path, manifest.model_copy(update={f"{part}_sha256": digest}))


def test_the_truth_in_place_of_predictions_is_refused(root: Path) -> None:
    path = root / "artifacts" / "two" / "oof.parquet"
    truth(pd.read_parquet(path), root).to_parquet(path, index=False)
    refused_and_healed(root, path, "its hash is not the one")


@pytest.mark.parametrize("other", ["one/oof.parquet", "two/test.parquet", "blend/oof.parquet"])
def test_exchanged_predictions_are_refused(root: Path, other: str) -> None:
    path = root / "artifacts" / "two" / "oof.parquet"
    shutil.copyfile(root / "artifacts" / other, path)
    refused_and_healed(root, path, "its hash is not the one")


@pytest.mark.parametrize("name", ["oof.parquet", "test.parquet", "manifest.json"])
@pytest.mark.parametrize("damage", ["empty", "cut", "null", "folder", "gone"])
@pytest.mark.parametrize("pipeline", ["two", pytest.param("blend", marks=pytest.mark.slow)])
def test_a_damaged_result_is_named_or_made_again(root: Path, pipeline: str, name: str, damage: str) -> None:
    path = root / "artifacts" / pipeline / name
    damaged(path, damage)
    before = submissions(root)
    for stage, arguments in (("ensemble", ()), ("submit", ("--dry-run",))):
        for _ in range(4):
            done = outfold(root, stage, *arguments, check=False)
            if done.returncode == 0:
                break
            assert done.returncode == 2, done.stdout + done.stderr
            heal(root, done.stderr)
        assert done.returncode == 0, done.stderr
    assert submissions(root) == before


def damaged(path: Path, how: str) -> None:
    data = path.read_bytes()
    path.unlink()
    if how == "folder":
        path.mkdir()
    elif how != "gone":
        path.write_bytes({"empty": b"", "cut": data[: len(data) // 2], "null": b"null"}[how])


def test_no_flipped_bit_of_the_folds_goes_unnoticed(root: Path) -> None:
    path = root / "artifacts" / "folds.parquet"
    folds, data = read_folds(path), path.read_bytes()
    named = 0
    for position in range(0, len(data), 5):
        flipped = bytearray(data)
        flipped[position] ^= 0x80 if position % 2 else 0x01
        path.write_bytes(flipped)
        folds_fingerprint(path)
        try:
            pd.testing.assert_frame_equal(read_folds(path).frame, folds.frame)
        except DamagedError as error:
            assert str(path) in error.message
            named += 1
    assert named > len(data) / 5 / 2


@pytest.mark.parametrize("damage", ["an id twice", "a fold beyond the last", "an id that is no text", "folder"])
def test_damaged_folds_are_named_and_made_again(root: Path, damage: str) -> None:
    path = root / "artifacts" / "folds.parquet"
    if damage == "folder":
        damaged(path, damage)
    else:
        table = pq.read_table(path)
        ids, fold = (table[name].to_pylist() for name in ("id", "fold"))
        if damage == "an id twice":
            ids[1] = ids[0]
        elif damage == "a fold beyond the last":
            fold[0] = 99
        column = pa.array([b"\xff", *map(str.encode, map(str, ids[1:]))]) if "text" in damage else pa.array(ids)
        column = column.view(pa.string()) if "text" in damage else column
        changed = pa.table({"id": column, "fold": fold}).replace_schema_metadata(table.schema.metadata)
        pq.write_table(changed, path)
    refused_and_healed(root, path)


MANIFESTS: dict[str, dict[str, Any]] = {
    "score null": {"score": None},
    "score infinite": {"score": float("inf")},
    "score as text": {"score": "good"},
    "no members": {"members": []},
    "a member without a name": {"members": [""]},
    "members as text": {"members": "model"},
    "no outputs": {"outputs": []},
    "an output twice": {"outputs": ["setosa", "setosa", "virginica"]},
    "other outputs": {"outputs": ["a", "b", "c"]},
    "no folds": {"trained": [], "fold_scores": []},
    "fewer folds": {"trained": [True, True], "fold_scores": [0.1, 0.1]},
    "a score less": {"fold_scores": [0.1, 0.1]},
    "thresholds as text": {"extra": {"thresholds": "0.5"}},
    "a threshold missing": {"extra": {"thresholds": [None]}},
    "an unknown key": {"more": 1},
    "of another pipeline": {"pipeline": "one"},
}


@pytest.mark.parametrize("edit", MANIFESTS)
def test_an_edited_manifest_is_refused(root: Path, edit: str) -> None:
    path = root / "artifacts" / "two" / "manifest.json"
    content = json.loads(path.read_text()) | MANIFESTS[edit]
    path.write_text(json.dumps(content | {"content_sha256": ""}))
    shutil.rmtree(root / "artifacts" / "blend")
    if edit in ("score null", "other outputs"):
        refused_and_healed(root, root / "artifacts" / "two")
    else:
        done = outfold(root, "ensemble", check=False)
        assert done.returncode == 2 and str(root / "artifacts" / "two") in done.stderr and commands(done.stderr)


def test_a_manifest_edited_by_one_letter_is_refused(root: Path) -> None:
    path = root / "artifacts" / "blend" / "manifest.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"score": content["score"] / 2}))
    done = outfold(root, "submit", "--dry-run", check=False)
    assert done.returncode == 2 and "do not match its own hash" in done.stderr
    heal(root, done.stderr)
    outfold(root, "submit", "--dry-run")


def test_a_manifest_of_an_older_version_has_no_hash_and_is_read(root: Path) -> None:
    path = root / "artifacts" / "two" / "manifest.json"
    content = json.loads(path.read_text())
    del content["content_sha256"]
    path.write_text(json.dumps(content))
    assert "up to date" in outfold(root, "ensemble").stdout


def test_the_notebook_reads_no_exchanged_file(root: Path) -> None:
    import outfold as package
    from outfold.errors import DataError

    for part in ("oof", "test"):
        path = root / "artifacts" / "two" / f"{part}.parquet"
        shutil.copyfile(root / "artifacts" / "one" / f"{part}.parquet", path)
        with pytest.raises(DataError, match="its hash is not the one"):
            getattr(package.open(root), part)("two")


def test_a_submission_of_one_pipeline_reads_no_exchanged_file(root: Path) -> None:
    path = root / "artifacts" / "two" / "test.parquet"
    (root / "artifacts" / "one" / "test.parquet").replace(path)
    done = outfold(root, "submit", "two", "--dry-run", check=False)
    assert done.returncode == 2 and str(path) in done.stderr
    heal(root, done.stderr)
    outfold(root, "submit", "two", "--dry-run")
