"""The store: whole files, real ids, float32, and no mixing of what does not belong together."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outfold.data.memory_map import turn
from outfold.errors import DataError, MismatchError, OutfoldError
from outfold.progress import Reporter
from outfold.store.atomic import atomic_path, sweep, sweep_dead, write_bytes
from outfold.store.fingerprint import fingerprint
from outfold.store.fold_dir import Shelf
from outfold.store.input_hashes import data_hash
from outfold.store.lock import only_writer
from outfold.store.manifest import Manifest, read_manifest, refuse_mixed, write_manifest
from outfold.store.predictions import mean_by_id, prediction_frame, read_predictions, stack, write_predictions


def test_a_failed_write_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_bytes(path, b"old")
    with pytest.raises(ValueError, match="halfway"), atomic_path(path) as beside:
        beside.write_bytes(b"ne")
        raise ValueError("halfway")
    assert path.read_bytes() == b"old"
    assert [item.name for item in tmp_path.iterdir()] == ["a.txt"]


def test_a_full_disk_is_told_and_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_bytes(path, b"old")
    with pytest.raises(OutfoldError, match="no space left"), atomic_path(path):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert path.read_bytes() == b"old"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_real_full_device_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(OutfoldError, match="no space left"),
        atomic_path(tmp_path / "a.bin"),
        Path("/dev/full").open("wb", buffering=0) as full,
    ):
        full.write(b"x" * 4096)


def test_a_writer_killed_at_any_moment_leaves_old_or_new(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    old, new = b"a" * 3_000_000, b"b" * 3_000_000
    code = (
        "import sys; from pathlib import Path; from outfold.store.atomic import write_bytes\n"
        "print('go', flush=True)\n"
        "while True:\n"
        "    for c in (b'a', b'b'): write_bytes(Path(sys.argv[1]), c * 3_000_000)\n"
    )
    for wait in (0.01, 0.03, 0.05):
        child = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE)
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(wait)
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        if path.exists():
            assert path.read_bytes() in (old, new)
    sweep(tmp_path)
    assert list(tmp_path.glob(".*.tmp")) == []


def frame(ids: list, fold: int, member: str, seed: int = 0, outputs: tuple[str, ...] = ("a", "b")) -> pd.DataFrame:
    values = np.random.default_rng(seed).random((len(ids), len(outputs)))
    return prediction_frame(pd.Index(ids), fold, member, outputs, values)


def test_predictions_keep_real_ids_and_float32(tmp_path: Path) -> None:
    write_predictions(tmp_path / "oof.parquet", frame(["0012", "x y", "ü"], 0, "m"))
    back = read_predictions(tmp_path / "oof.parquet")
    assert sorted(back["id"]) == ["0012", "x y", "ü"]
    assert back["a"].dtype == np.float32


def test_the_same_rows_in_any_order_are_the_same_bytes(tmp_path: Path) -> None:
    one = pd.concat([frame([3, 1, 2], 0, "m"), frame([5, 4], 1, "m", 1)])
    write_predictions(tmp_path / "a.parquet", one)
    write_predictions(tmp_path / "b.parquet", one.sample(frac=1.0, random_state=0))
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_a_number_that_is_not_finite_is_refused_by_id() -> None:
    with pytest.raises(DataError, match=r"1 rows are not finite \(b\)"):
        prediction_frame(pd.Index(["a", "b"]), 0, "m", ["p"], np.array([[0.1], [np.nan]]))


@settings(max_examples=30, deadline=None)
@given(st.permutations(list(range(12))), st.permutations(list(range(12))))
def test_pipelines_are_joined_by_id_whatever_their_order(first: list[int], second: list[int]) -> None:
    def pipeline(order: list[int], scale: float) -> pd.DataFrame:
        return prediction_frame(pd.Index(order), 0, "m", ["p"], np.array(order)[:, None] * scale)

    ids, names, values = stack({"one": pipeline(first, 1.0), "two": pipeline(second, 2.0)}, what="oof")
    assert names == ["one/m", "two/m"]
    np.testing.assert_array_equal(values[0, :, 0], ids.to_numpy())
    np.testing.assert_array_equal(values[1, :, 0], 2 * ids.to_numpy())


def test_pipelines_with_other_rows_are_refused_by_name() -> None:
    with pytest.raises(MismatchError, match=r"two/m: its oof rows differ from those of one in 2 ids \(3, 4\)"):
        stack({"one": frame([1, 2, 3], 0, "m"), "two": frame([1, 2, 4], 0, "m")}, what="oof")


def test_pipelines_with_other_outputs_are_refused_by_name() -> None:
    with pytest.raises(MismatchError, match="two: its oof outputs are a, c; one has a, b"):
        stack({"one": frame([1], 0, "m"), "two": frame([1], 0, "m", outputs=("a", "c"))}, what="oof")


def test_the_mean_is_taken_by_id_over_members_and_repeats() -> None:
    both = pd.concat(
        [
            prediction_frame(pd.Index(["a", "b"]), 0, "x", ["p"], np.array([[0.0], [1.0]])),
            prediction_frame(pd.Index(["b", "a"]), 5, "y", ["p"], np.array([[0.0], [1.0]])),
        ]
    )
    assert mean_by_id(both)["p"].to_dict() == {"a": 0.5, "b": 0.5}


def test_a_damaged_file_of_predictions_is_told(tmp_path: Path) -> None:
    path = tmp_path / "oof.parquet"
    path.write_bytes(b"PAR1 cut short")
    with pytest.raises(DataError, match="not a readable Parquet file"):
        read_predictions(path)


def manifest(name: str, **changes: object) -> Manifest:
    facts: dict = {
        "pipeline": name,
        "learner": "gbdt",
        "revision": 1,
        "version": "0",
        "fingerprint": "f",
        "folds_hash": "aaaa",
        "data_hash": "dddd",
        "metric": "auc",
        "trained": [True, True],
        "outputs": ["p"],
        "members": ["m"],
        "fold_scores": [0.5, 0.5],
        "score": 0.5,
    }
    return Manifest(**{**facts, **changes})


def test_a_blend_of_other_folds_is_refused_by_name() -> None:
    with pytest.raises(MismatchError, match=r"two was trained on other folds \(bbbb\) than one \(aaaa\)"):
        refuse_mixed({"one": manifest("one"), "two": manifest("two", folds_hash="bbbb")})


def test_a_blend_with_a_missing_fold_is_refused_by_name() -> None:
    with pytest.raises(MismatchError, match="two: fold 1 was never trained"):
        refuse_mixed({"one": manifest("one"), "two": manifest("two", trained=[True, False])})


def test_a_blend_of_other_data_is_refused_by_name() -> None:
    with pytest.raises(MismatchError, match="two was trained on other data"):
        refuse_mixed({"one": manifest("one"), "two": manifest("two", data_hash="eeee")})


def test_a_manifest_comes_back_and_a_damaged_one_is_told(tmp_path: Path) -> None:
    path = tmp_path / "one" / "manifest.json"
    assert read_manifest(path) is None
    write_manifest(path, manifest("one", score=0.1 + 0.2))
    back = read_manifest(path)
    assert back is not None and back.score == 0.1 + 0.2
    path.write_text('{"pipeline": "one"')
    with pytest.raises(DataError, match="damaged"):
        read_manifest(path)


def test_a_shelf_made_of_something_else_is_emptied(tmp_path: Path) -> None:
    shelf = Shelf.open(tmp_path / "0", "one")
    shelf.put("model.txt", b"x")
    shelf.finish(members=["m"])
    assert Shelf.open(tmp_path / "0", "one").done == {"members": ["m"]}
    other = Shelf.open(tmp_path / "0", "two")
    assert other.done is None
    assert not other.has("model.txt")


def test_a_fingerprint_knows_values_and_not_their_order() -> None:
    assert fingerprint(a=1, b={"x": 1, "y": 2}) == fingerprint(b={"y": 2, "x": 1}, a=1)
    assert fingerprint(a=1) != fingerprint(a=2)


def test_the_data_hash_follows_contents_and_not_time_stamps(tmp_path: Path) -> None:
    inputs, record = tmp_path / "inputs", tmp_path / "data.json"
    inputs.mkdir()
    (inputs / "train.csv").write_text("id\n1\n")
    one = data_hash(inputs, record, Reporter())
    os.utime(inputs / "train.csv", ns=(1, 1))
    assert data_hash(inputs, record, Reporter()) == one
    (inputs / "train.csv").write_text("id\n2\n")
    assert data_hash(inputs, record, Reporter()) != one


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from outfold.store.lock import only_writer\n"
        "with only_writer(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        child.stdout.readline()
        with pytest.raises(OutfoldError, match=f"process {child.pid} is writing here"), only_writer(tmp_path):
            pass
    finally:
        child.kill()
        child.communicate()
    with only_writer(tmp_path):  # the lock went with its process
        pass


def test_a_temporary_file_that_is_being_swept_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    real = tempfile.mkstemp

    def swept_at_once(**named: Any) -> tuple[int, str]:
        handle, name = real(**named)
        made.append(name)
        if len(made) == 1:
            sweep_dead(tmp_path)
        return handle, name

    monkeypatch.setattr(tempfile, "mkstemp", swept_at_once)
    with atomic_path(tmp_path / "x.json") as beside:
        beside.write_text("1")
    assert len(made) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]


def test_files_are_written_and_locked_where_the_disk_has_no_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fcntl = pytest.importorskip("fcntl")

    def none(*_: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    with only_writer(tmp_path / "p"), turn(tmp_path / "t.lock"), atomic_path(tmp_path / "x") as beside:
        beside.write_text("1")
    assert (tmp_path / "x").read_text() == "1"
