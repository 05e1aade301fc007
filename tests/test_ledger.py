"""The ledger of what was sent, and what it scored."""

from __future__ import annotations

import math
import os
import string
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from conftest import REPO
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outfold.errors import DataError
from outfold.store import ledger

WITH_SOURCE = {**os.environ, "PYTHONPATH": str(REPO / "src")}
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "submissions" / "ledger.csv"


def test_a_ledger_that_is_not_there_reads_as_empty_with_its_columns(path: Path) -> None:
    table = ledger.read(path)
    assert list(table.columns) == list(ledger.COLUMNS)
    assert table.empty
    assert not path.exists()


def test_rows_come_back_in_the_order_in_which_they_were_sent(path: Path) -> None:
    for number in range(3):
        ledger.append(path, file=f"{number}.csv", sha256=str(number), oof_score=0.1 * number)
    table = ledger.read(path)
    assert table["file"].tolist() == ["0.csv", "1.csv", "2.csv"]
    assert table["oof_score"].tolist() == [0.0, 0.1, 0.2]


def test_a_score_that_is_not_known_reads_as_nan(path: Path) -> None:
    ledger.append(path, file="a.csv", sha256="a", public_score=0.5, private_score=None)
    row = ledger.read(path).iloc[0]
    assert row["public_score"] == 0.5
    assert math.isnan(row["private_score"])


def test_a_score_that_arrives_later_is_written_into_its_row_alone(path: Path) -> None:
    ledger.append(path, file="a.csv", sha256="a", status="pending", message="first")
    ledger.append(path, file="b.csv", sha256="b", status="pending", message="second")
    ledger.update(path, "a", status="complete", public_score=0.25)
    table = ledger.read(path)
    assert table["status"].tolist() == ["complete", "pending"]
    assert table["message"].tolist() == ["first", "second"]
    assert table["public_score"].iloc[0] == 0.25


def test_of_two_rows_with_one_hash_the_latest_is_updated(path: Path) -> None:
    for when in ("monday", "tuesday"):
        ledger.append(path, time=when, sha256="a", status="pending")
    ledger.update(path, "a", status="complete")
    assert ledger.read(path)["status"].tolist() == ["pending", "complete"]


def test_a_hash_that_is_not_there_is_an_error(path: Path) -> None:
    ledger.append(path, sha256="a")
    with pytest.raises(DataError, match="no submission with the hash"):
        ledger.update(path, "b", status="complete")


def test_a_column_that_the_ledger_does_not_have_is_refused(path: Path) -> None:
    with pytest.raises(TypeError, match="scroe"):
        ledger.append(path, sha256="a", scroe=1.0)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(message=ANY_TEXT, file=st.text(string.printable, max_size=30), score=st.floats(allow_nan=False))
def test_every_text_and_every_float_survives_the_way_through_the_file(
    tmp_path: Path, message: str, file: str, score: float
) -> None:
    path = tmp_path / "ledger.csv"
    path.unlink(missing_ok=True)
    ledger.append(path, file=file, sha256="a", message=message, public_score=score)
    ledger.update(path, "a", status="complete")
    row = ledger.read(path).iloc[0]
    assert (row["file"], row["message"], row["public_score"]) == (file, message, score)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (b"", "empty"),
        (b"time,file\n", "line 1 must be"),
        (",".join(ledger.COLUMNS).encode() + b"\na,b\n", "line 2 has 2 cells"),
        (",".join(ledger.COLUMNS).encode() + b"\n,,,,high,,,,,\n", "oof_score is 'high'"),
        (",".join(ledger.COLUMNS).encode() + b'\n,,,,,,,,,"half a mess', "unexpected end"),
        (b"\xff\xfe\x00", "UTF-8"),
    ],
)
def test_a_damaged_ledger_is_named_and_never_overwritten(path: Path, damage: bytes, said: str) -> None:
    path.parent.mkdir()
    path.write_bytes(damage)
    for touch in (lambda: ledger.read(path), lambda: ledger.append(path, sha256="a"), lambda: ledger.update(path, "a")):
        with pytest.raises(DataError, match=said) as caught:
            touch()
        assert str(path) in str(caught.value)
    assert path.read_bytes() == damage


def test_nothing_is_left_beside_the_ledger(path: Path) -> None:
    ledger.append(path, sha256="a")
    ledger.update(path, "a", status="complete")
    assert [each.name for each in path.parent.iterdir() if not each.name.startswith(".")] == ["ledger.csv"]


MANY = """
import sys
from pathlib import Path
from outfold.store import ledger
for number in range(15):
    ledger.append(Path(sys.argv[1]), file=sys.argv[2], sha256=f"{sys.argv[2]}-{number}")
"""


def test_processes_that_write_at_once_lose_no_row(path: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", MANY, str(path), str(n)], env=WITH_SOURCE) for n in range(4)]
    assert [writer.wait(60) for writer in writers] == [0] * 4
    assert len(ledger.read(path)) == 4 * 15


def test_a_lock_goes_with_its_process_however_it_ends(path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from outfold.store import ledger\n"
        "with ledger.locked(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, env=WITH_SOURCE)
    assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
    waited: list[str] = []
    threading.Timer(0.3, holder.kill).start()
    with ledger.locked(path, lambda: waited.append("told")):
        ledger.append(path, sha256="a")
    assert waited == ["told"]
    holder.wait()
