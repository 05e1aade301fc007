"""Every mistake in the tables is told once, by file and by column or row, with what to do."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from contest_folder import iris_tables, write_contest

from outfold.contest_files import load_contest
from outfold.errors import ConfigError, DataError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_contest(tmp_path, *iris_tables(), target="species")


def told(root: Path) -> DataError:
    with pytest.raises(DataError) as caught:
        load_contest(root)
    return caught.value


def edit(root: Path, name: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Path:
    path = root / "inputs" / name
    change(pd.read_csv(path)).to_csv(path, index=False)
    return path


TABLES = pytest.mark.parametrize("name", ["train.csv", "test.csv", "sample_submission.csv"])


@TABLES
def test_a_missing_table_is_named_with_its_key_and_the_nearest_file(root: Path, name: str) -> None:
    path = root / "inputs" / name
    path.rename(path.with_name(f"{name}.bak"))
    error = told(root)
    assert f"{path}: no such file" in error.message
    assert f"as {name.removesuffix('.csv')};" in error.message and f"{name}.bak" in error.message
    assert error.remedy is not None and "outfold download" in error.remedy


@TABLES
def test_an_empty_table_is_named(root: Path, name: str) -> None:
    path = root / "inputs" / name
    path.write_bytes(b"")
    assert told(root).message.startswith(f"{path}: the file is empty")


@TABLES
def test_a_table_of_a_header_alone_is_named(root: Path, name: str) -> None:
    path = root / "inputs" / name
    path.write_text(path.read_text().splitlines()[0] + "\n")
    assert told(root).message == f"{path}: there is a header and no rows"


@TABLES
def test_a_table_cut_in_the_middle_of_a_row_is_named_with_the_line(root: Path, name: str) -> None:
    path = root / "inputs" / name
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:20], lines[20].rpartition(",")[0]]))
    error = told(root)
    fields = lines[0].count(",") + 1
    assert error.message == f"{path}: line 21: only {fields - 1} fields where the header has {fields}"
    assert error.remedy is not None and "download it again" in error.remedy


def test_a_row_with_too_many_fields_is_named_with_the_line(root: Path) -> None:
    path = root / "inputs" / "train.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:7], lines[7] + ",9", *lines[8:]]))
    assert told(root).message == f"{path}: line 8: 7 fields where the header has 6"


def test_lines_are_counted_through_cells_of_several_lines(root: Path) -> None:
    path = root / "inputs" / "train.csv"
    path.write_text('flower,note,species\n1,"two\nlines",setosa\n2,short\n')
    assert told(root).message == f"{path}: line 4: only 2 fields where the header has 3"


def test_a_quote_that_is_never_closed_is_named_with_the_line_where_it_opens(root: Path) -> None:
    path = root / "inputs" / "train.csv"
    path.write_text('flower,note,species\n1,good,setosa\n2,"cut he')
    assert told(root).message == f"{path}: line 3: a quote is opened and never closed"


def test_a_gzip_file_cut_short_is_named(root: Path) -> None:
    plain = root / "inputs" / "train.csv"
    path = plain.with_name("train.csv.gz")
    packed = gzip.compress(plain.read_bytes())
    path.write_bytes(packed[: len(packed) // 2])
    config = root / "competition" / "competition.yaml"
    config.write_text(config.read_text() + "train: train.csv.gz\n")
    assert told(root).message.startswith(f"{path}: the gzip file is cut short")


def test_a_parquet_file_cut_short_is_named(root: Path) -> None:
    path = root / "inputs" / "train.parquet"
    iris_tables()[0].to_parquet(path)
    path.write_bytes(path.read_bytes()[:-100])
    config = root / "competition" / "competition.yaml"
    config.write_text(config.read_text() + "train: train.parquet\n")
    assert told(root).message.startswith(f"{path}: not a readable Parquet file")


def test_bytes_that_are_no_utf8_are_named_with_the_line(root: Path) -> None:
    path = root / "inputs" / "train.csv"
    path.write_bytes("flower,species\n1,setosa\n2,Königin\n".encode("latin-1"))
    assert told(root).message.startswith(f"{path}: line 3: not UTF-8 text")


def test_a_zip_archive_of_several_files_is_no_table(root: Path) -> None:
    path = root / "inputs" / "train.csv"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", "flower,species\n")
        archive.writestr("b.csv", "flower,species\n")
    error = told(root)
    assert error.message.startswith(f"{path}: a zip archive of 2 files (a.csv, b.csv)")
    assert error.remedy is not None and "unzip" in error.remedy


def test_a_column_that_stands_twice_is_named(root: Path) -> None:
    path = root / "inputs" / "train.csv"
    path.write_text("flower,x,x,species\n1,2,3,setosa\n")
    assert told(root).message == f"{path}: line 1: the column x stands more than once"


@pytest.mark.parametrize("name", ["train.csv", "test.csv"])
def test_an_id_column_of_another_name_is_found_and_told(root: Path, name: str) -> None:
    expected = load_contest(root)
    edit(root, name, lambda frame: frame.rename(columns={"flower": "Flowers"}))
    contest = load_contest(root)
    assert any(note.startswith(f"{name}: its column 'Flowers'") for note in contest.warnings)
    assert contest.train.equals(expected.train) and contest.test.equals(expected.test)


def test_an_absent_id_column_names_the_nearest_and_the_key(root: Path) -> None:
    path = edit(root, "test.csv", lambda frame: frame.rename(columns={"flower": "Flowers"})[:-1])
    error = told(root)
    assert error.message == (f"{path}: there is no id column 'flower' (49 rows, the sample 50); did you mean Flowers?")
    assert "`test_id: [<columns>]`" in str(error.remedy)


@TABLES
def test_ids_that_stand_twice_are_named(root: Path, name: str) -> None:
    path = edit(root, name, lambda frame: pd.concat([frame, frame.iloc[[2, 0]]]))
    ids = pd.read_csv(path)["flower"]
    message = told(root).message
    assert message.startswith(f"{path}: 2 values of flower stand on more than one row: ")
    assert str(ids[2]) in message and str(ids[0]) in message


@TABLES
def test_a_row_without_an_id_is_named_by_its_place(root: Path, name: str) -> None:
    path = edit(root, name, lambda frame: frame.astype({"flower": object}).assign(flower=[*frame["flower"][:-1], ""]))
    rows = len(pd.read_csv(path))
    assert told(root).message == f"{path}: 1 rows have no flower (row {rows})"


def test_test_ids_that_the_sample_submission_lacks_are_counted_and_named(root: Path) -> None:
    lost = pd.read_csv(root / "inputs" / "sample_submission.csv")["flower"].iloc[:7]
    path = edit(root, "sample_submission.csv", lambda frame: frame.iloc[7:])
    message = told(root).message
    assert message.startswith(f"7 of 50 ids of {root / 'inputs' / 'test.csv'} are not in {path}: ")
    assert message.endswith(f"{', '.join(map(str, lost[:5]))} and 2 more")


def test_sample_ids_that_the_test_set_lacks_are_counted_and_named(root: Path) -> None:
    lost = pd.read_csv(root / "inputs" / "test.csv")["flower"].iloc[0]
    path = edit(root, "test.csv", lambda frame: frame.iloc[1:])
    sample = root / "inputs" / "sample_submission.csv"
    assert told(root).message == f"1 of 50 ids of {sample} are not in {path}: {lost}"


def test_an_absent_target_names_the_nearest(root: Path) -> None:
    path = edit(root, "train.csv", lambda frame: frame.rename(columns={"species": "Specie"}))
    error = told(root)
    assert error.message == f"{path}: there is no target column 'species'; did you mean Specie?"
    assert error.remedy is not None and "target: <column>" in error.remedy


def test_a_target_with_missing_values_names_the_rows_by_id(root: Path) -> None:
    path = edit(root, "train.csv", lambda frame: frame.assign(species=frame["species"].where(frame.index > 1)))
    ids = pd.read_csv(path)["flower"]
    assert told(root).message == f"{path}: the target species has no value in 2 of 100 rows: {ids[0]}, {ids[1]}"


def test_a_sample_column_that_is_no_class_is_named(root: Path) -> None:
    path = edit(root, "sample_submission.csv", lambda frame: frame.rename(columns={"setosa": "sertosa"}))
    message = told(root).message
    assert message.startswith(f"{path}: its columns sertosa are none of the classes")
    assert message.endswith("the classes setosa have no column in it")


def test_a_sample_submission_of_ids_alone_is_refused(root: Path) -> None:
    path = edit(root, "sample_submission.csv", lambda frame: frame[["flower"]])
    assert told(root).message.startswith(f"{path}: there is no column beside flower")


def test_several_targets_each_need_a_column_in_the_sample(tmp_path: Path) -> None:
    train = pd.DataFrame({"id": [1, 2, 3], "height": [1.5, 2.5, 3.5], "weight": [4.5, 5.5, 6.5]})
    test = pd.DataFrame({"id": [8]})
    root = write_contest(tmp_path, train, test, test.assign(height=0.0), target=["height", "weight"])
    assert told(root).message.endswith("the targets weight have no column in it")


def test_an_id_named_in_the_contest_file_that_is_nowhere_is_refused(root: Path) -> None:
    config = root / "competition" / "competition.yaml"
    config.write_text(config.read_text() + "id: blossom\n")
    error = told(root)
    assert "sample_submission.csv: there is no id column 'blossom'" in error.message
    assert error.remedy is not None and "`id: <column>`" in error.remedy


def test_nothing_is_written_when_a_table_is_refused(root: Path) -> None:
    (root / "inputs" / "train.csv").write_bytes(b"")
    told(root)
    assert not (root / "artifacts").exists()


def test_an_unknown_metric_is_refused_before_the_target_is_read(root: Path) -> None:
    config = root / "competition" / "competition.yaml"
    config.write_text(config.read_text() + "metric: log_los\n")
    with pytest.raises(ConfigError, match="did you mean log_loss"):
        load_contest(root)
