"""Tables are read as they were written, whatever their form, and a large one is parsed once."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from contest_folder import iris_tables
from hypothesis import given
from hypothesis import strategies as st

from outfold.data.parallel_map import WORTH_WHILE
from outfold.data.reading import tables
from outfold.data.reading.tables import read_table
from outfold.errors import DataError

CELL = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00\r"), min_size=1, max_size=8)


def test_numbers_text_and_booleans_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("whole,part,flag,text,code,gap\n1,0.5,True,a,0x1F,\n2,NA,False,NA,0x20,7\n")
    frame = read_table(path).frame
    assert [frame[name].dtype.kind for name in ("whole", "part", "flag", "gap")] == ["i", "f", "b", "f"]
    assert np.isnan(frame["part"][1]) and pd.isna(frame["text"][1])
    assert frame["code"].tolist() == ["0x1F", "0x20"]


def test_a_verbatim_column_is_never_changed(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("id,x\n007,1\nNA, 2\n1e5,3\n")
    frame = read_table(path, verbatim={"id"}).frame
    assert frame["id"].tolist() == ["007", "NA", "1e5"]
    assert frame["x"].tolist() == [1, 2, 3]


@given(rows=st.lists(st.tuples(CELL, CELL), min_size=1, max_size=8))
def test_any_text_that_pandas_writes_is_read_back(tmp_path_factory: pytest.TempPathFactory, rows: list) -> None:
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    frame = pd.DataFrame(rows, columns=["one", "two"])
    path.write_bytes(frame.to_csv(index=False, lineterminator="\n").encode())
    read = read_table(path, verbatim={"one", "two"}).frame
    assert list(read.itertuples(index=False, name=None)) == rows


@given(st.integers(min_value=0), st.booleans())
def test_a_file_cut_anywhere_is_refused_or_gives_the_rows_that_are_whole(
    tmp_path_factory: pytest.TempPathFactory, cut: int, packed: bool
) -> None:
    frame = pd.DataFrame({"id": [1, 2, 3], "text": ["plain", 'a "quoted", one', "two\nlines"], "x": [0.25, 0.5, 0.75]})
    data = frame.to_csv(index=False).encode()
    data = gzip.compress(data) if packed else data
    path = tmp_path_factory.mktemp("cut") / ("t.csv.gz" if packed else "t.csv")
    path.write_bytes(data[: cut % len(data)])
    try:
        read = read_table(path).frame
    except DataError as error:
        assert str(path) in error.message
    else:
        assert not packed
        assert read["id"].tolist() == frame["id"].tolist()[: len(read)]


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("id,größe\n1,2\n".encode("utf-8-sig"))
    assert read_table(path).frame.columns.tolist() == ["id", "größe"]


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_another_delimiter_is_found_and_told(tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(delimiter.join(["id", "x"]) + "\n" + delimiter.join(["1", "a,b"]) + "\n")
    table = read_table(path)
    assert table.frame.to_dict("list") == {"id": [1], "x": ["a,b"]}
    assert len(table.notes) == 1 and "t.csv" in table.notes[0] and repr(delimiter) in table.notes[0]


def test_a_tab_in_a_tsv_needs_no_word(tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    path.write_text("id\tx\n1\t2\n")
    assert read_table(path).notes == ()


def test_parquet_and_gzip_give_what_csv_gives(tmp_path: Path) -> None:
    train, _, _ = iris_tables()
    train.to_csv(tmp_path / "t.csv", index=False)
    train.to_csv(tmp_path / "t.csv.gz", index=False)
    train.to_parquet(tmp_path / "t.parquet")
    plain = read_table(tmp_path / "t.csv").frame
    pd.testing.assert_frame_equal(plain, read_table(tmp_path / "t.csv.gz").frame)
    pd.testing.assert_frame_equal(plain, read_table(tmp_path / "t.parquet").frame[plain.columns])


def test_an_inch_sign_in_a_cell_is_no_quote(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('id,size\n1,5" pipe\n2,6\n')
    assert read_table(path).frame["size"].tolist() == ['5" pipe', "6"]


def test_a_cell_longer_than_a_block_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outfold.data.reading.csv_text.BLOCK_BYTES", 64)
    path = tmp_path / "t.csv"
    path.write_text(f"id,essay\n1,{'x' * 500}\n")
    assert len(read_table(path).frame["essay"][0]) == 500


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.csv"
    rows = io.StringIO()
    rows.write("id;x\n")
    rows.writelines(f"{row:06d};{row / 8}\n" for row in range(80_000))
    path.write_text(rows.getvalue())
    assert path.stat().st_size > tables.CACHE_FROM_BYTES
    return path


def test_a_large_csv_is_parsed_once(large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = read_table(large, verbatim={"id"}, cache=tmp_path / "cache")
    monkeypatch.setattr(tables, "read_csv_text", None)
    second = read_table(large, verbatim={"id"}, cache=tmp_path / "cache")
    pd.testing.assert_frame_equal(first.frame, second.frame)
    assert first.notes == second.notes != ()


def test_the_copy_gives_what_the_file_gave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "CACHE_FROM_BYTES", 0)
    rows = 400
    frame = pd.DataFrame(
        {
            "id": [f"{row:04d}" for row in range(rows)],
            "whole": range(rows),
            "gaps": [row if row % 7 else None for row in range(rows)],
            "huge": [2**60 + row if row % 7 else None for row in range(rows)],
            "part": [row / 7 for row in range(rows)],
            "flag": [row % 3 == 0 for row in range(rows)],
            "word": [("red", "green", "blue")[row % 3] for row in range(rows)],
            "gappy": [("red", "NA", "n/a", "", " blue")[row % 5] for row in range(rows)],
            "essay": [f"line {row}" for row in range(rows)],
            "empty": None,
            "y": [("a", "01", "NA")[row % 3] for row in range(rows)],
        }
    ).astype({"huge": "Int64"})
    frame.to_csv(tmp_path / "t.csv", index=False)
    first, again = (
        read_table(tmp_path / "t.csv", verbatim={"id"}, targets={"y"}, cache=tmp_path / "cache").frame for _ in range(2)
    )
    pd.testing.assert_frame_equal(first, again)
    assert len(list((tmp_path / "cache").rglob("*.parquet"))) == 1
    assert first["gappy"].dropna().unique().tolist() == ["red", " blue"]
    assert first["huge"].dropna().nunique() == frame["huge"].nunique(), "no two became one"


def test_columns_are_read_the_same_on_any_number_of_threads(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = []
    for threads in ("1", "4"):
        monkeypatch.setenv("OUTFOLD_THREADS", threads)
        frames.append(read_table(large, verbatim={"id"}).frame)
    assert len(frames[0]) > WORTH_WHILE
    pd.testing.assert_frame_equal(*frames)


def test_a_changed_csv_is_parsed_again_and_its_old_copy_removed(large: Path, tmp_path: Path) -> None:
    read_table(large, cache=tmp_path / "cache")
    large.write_text(large.read_text() + "900000;1.5\n")
    assert len(read_table(large, cache=tmp_path / "cache").frame) == 80_001
    assert len(list((tmp_path / "cache").rglob("*.parquet"))) == 1


def test_a_damaged_copy_is_made_again(large: Path, tmp_path: Path) -> None:
    whole = read_table(large, cache=tmp_path / "cache").frame
    (copy,) = (tmp_path / "cache").rglob("*.parquet")
    copy.write_bytes(copy.read_bytes()[:1000])
    pd.testing.assert_frame_equal(read_table(large, cache=tmp_path / "cache").frame, whole)
    pd.testing.assert_frame_equal(read_table(large, cache=tmp_path / "cache").frame, whole)


def test_dates_decimals_and_categories_of_parquet_become_plain(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {
        "day": pa.array([0, 1], pa.date32()),
        "price": pa.array(["1.50", "2.25"]).cast(pa.decimal128(5, 2)),
        "shop": pa.array(["a", "b"]).dictionary_encode(),
        "open": pa.array([True, None]),
    }
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    frame = read_table(tmp_path / "t.parquet").frame
    assert frame["day"].dtype.kind == "M"
    assert frame["price"].tolist() == [1.5, 2.25]
    assert frame["shop"].tolist() == ["a", "b"]
    assert frame["open"].tolist()[0] == "true" and pd.isna(frame["open"][1])


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ("1 0 1", [1, 0, 1]),
        ("01 02 03", ["01", "02", "03"]),
        ("NA EU AS", ["NA", "EU", "AS"]),
        ("1.5 -2 0", [1.5, -2, 0]),
    ],
)
def test_a_target_is_numbers_or_untouched_text(tmp_path: Path, cells: str, expected: list) -> None:
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["y", *cells.split()]))
    assert read_table(path, targets=["y"]).frame["y"].tolist() == expected
