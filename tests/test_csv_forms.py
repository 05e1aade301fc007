"""The forms in which CSV files come: line ends, names, separators, encodings; each is read, and guesses are told."""

from __future__ import annotations

from pathlib import Path

import pytest
from contest_folder import iris_tables, write_contest

from outfold.data.reading import csv_text
from outfold.data.reading.tables import Table, column_names, read_table
from outfold.errors import DataError

PLAIN = "id,a,text\n1,1.5,red\n2,2.5,blue\n3,,green\n"


def read(tmp_path: Path, content: str | bytes, name: str = "train.csv") -> Table:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    table = read_table(path)
    assert column_names(path) == list(table.frame.columns)
    return table


def cells(table: Table) -> list[list[str]]:
    return table.frame.astype(str).to_numpy().tolist()


@pytest.mark.parametrize("end", ["\r", "\r\n", "\r\r\n", "\n\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_any_line_end_is_read(tmp_path: Path, end: str, mark: str) -> None:
    table = read(tmp_path, mark + PLAIN.replace("\n", end))
    assert list(table.frame.columns) == ["id", "a", "text"]
    assert cells(table) == cells(read(tmp_path, PLAIN)) and table.notes == ()


def test_line_ends_may_be_mixed_and_the_last_one_left_out(tmp_path: Path) -> None:
    table = read(tmp_path, "id,a,text\r\n1,1.5,red\r2,2.5,blue\n3,,green")
    assert cells(table) == cells(read(tmp_path, PLAIN))


def test_a_file_of_several_blocks_with_cr_line_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_text, "BLOCK_BYTES", 64)
    rows = [f"{i},{i / 2},w{i}" for i in range(200)]
    table = read(tmp_path, "\r".join(["id,a,text", *rows]))
    assert table.frame["id"].tolist() == list(range(200)) and table.frame["text"].tolist()[-1] == "w199"


def test_a_bad_row_after_cr_line_ends_is_named_by_its_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 3: only 2 fields where the header has 3"):
        read(tmp_path, "id,a,text\r1,1.5,red\r2,2.5\r3,,green\r")


@pytest.mark.parametrize("name", ["length\n(cm)", "length\r\n(cm)", "length, cm", 'length ""x"", cm'])
@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_a_quoted_name_may_hold_line_breaks_and_separators(tmp_path: Path, name: str, mark: str) -> None:
    table = read(tmp_path, mark.join(["id", f'"{name}"', "text"]) + "\n" + mark.join(["1", "2", "red"]) + "\n")
    assert list(table.frame.columns) == ["id", name.replace('""', '"'), "text"]
    assert cells(table) == [["1", "2", "red"]]


def test_lines_are_counted_after_a_header_of_several_lines(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 4: only 1 fields where the header has 2"):
        read(tmp_path, 'id,"a\nb"\n1,2\n3\n')


def test_a_contest_of_a_target_of_two_lines(tmp_path: Path) -> None:
    root = write_contest(tmp_path, *iris_tables(), target="species")
    path = root / "inputs" / "train.csv"
    path.write_text(path.read_text().replace("species", '"species\n(name)"', 1))
    from outfold.contest_files import load_contest

    with pytest.raises(DataError) as caught:
        load_contest(root)
    assert '"species\\n(name)"' in caught.value.message, "as the contest file must write it"
    config = root / "competition" / "competition.yaml"
    config.write_text(config.read_text().replace("target: species", 'target: "species\\n(name)"'))
    assert load_contest(root).targets == ["species\n(name)"]


@pytest.mark.parametrize("mark", [";", "\t", "|", " "])
def test_separators_are_told_by_the_rows(tmp_path: Path, mark: str) -> None:
    table = read(tmp_path, PLAIN.replace(",", mark))
    assert cells(table) == cells(read(tmp_path, PLAIN))
    assert len(table.notes) == 1 and repr(mark) in table.notes[0]


def test_a_comma_in_a_name_does_not_make_the_comma_the_separator(tmp_path: Path) -> None:
    table = read(tmp_path, "id;length, cm;text\n1;1,5;red\n2;2,5;blue\n")
    assert list(table.frame.columns) == ["id", "length, cm", "text"]


def test_other_marks_in_names_leave_the_comma_the_separator(tmp_path: Path) -> None:
    table = read(tmp_path, "id,a|b,c;d\n1,2,3\n4,5,6\n")
    assert list(table.frame.columns) == ["id", "a|b", "c;d"] and table.notes == ()


def test_blanks_separate_nothing_where_a_row_does_not_fit(tmp_path: Path) -> None:
    assert list(read(tmp_path, "a name\none two three\nfour\n").frame.columns) == ["a name"]


def test_the_separator_that_a_spreadsheet_writes_in_a_first_line(tmp_path: Path) -> None:
    table = read(tmp_path, "\ufeffsep=;\r\n" + PLAIN.replace(",", ";"))
    assert cells(table) == cells(read(tmp_path, PLAIN))


def test_a_cell_longer_than_what_is_looked_at_first(tmp_path: Path) -> None:
    table = read(tmp_path, f'id,text\n1,"{"x" * 300_000}"\n2,short\n')
    assert table.frame["text"].str.len().tolist() == [300_000, 5]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_utf_16_and_32_are_read_and_told(tmp_path: Path, encoding: str) -> None:
    table = read(tmp_path, PLAIN.replace("red", "röd").encode(encoding))
    assert table.frame["text"].tolist()[0] == "röd" and table.frame["a"].tolist()[:2] == [1.5, 2.5]
    assert encoding[:6].upper() in table.notes[0]


def test_utf_16_cut_in_a_letter_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="utf-16 text that is cut short"):
        read(tmp_path, PLAIN.encode("utf-16")[:-1])


@pytest.mark.parametrize("place", ["header", "row"])
def test_other_encodings_are_named_with_the_word_and_a_command(tmp_path: Path, place: str) -> None:
    text = PLAIN.replace("text", "färg") if place == "header" else PLAIN.replace("green", "grün")
    with pytest.raises(DataError, match="färg" if place == "header" else "grün") as caught:
        read(tmp_path, text.encode("latin-1"))
    assert f"line {1 if place == 'header' else 4}: not UTF-8" in caught.value.message
    assert "iconv -f WINDOWS-1252 -t UTF-8" in (caught.value.remedy or "")


def test_zero_bytes_are_told(tmp_path: Path) -> None:
    assert "2 zero bytes" in read(tmp_path, PLAIN.replace("red", "r\0\0d")).notes[0]


def test_the_end_that_dos_writes_is_no_row(tmp_path: Path) -> None:
    assert cells(read(tmp_path, PLAIN + "\x1a")) == cells(read(tmp_path, PLAIN))


@pytest.mark.parametrize(
    ("content", "kind"),
    [("id,a\n1,2,\n3,4,\n", "ends with a separator"), ("id,a\nr1,1,2\nr2,3,4\n", "the first column has no name")],
)
def test_one_field_more_in_every_row_has_a_remedy_that_works(tmp_path: Path, content: str, kind: str) -> None:
    import re
    import subprocess

    with pytest.raises(DataError, match=kind) as caught:
        read(tmp_path, content)
    command = re.search("`(.*)`", caught.value.remedy or "")
    assert command is not None
    subprocess.run(command[1], shell=True, check=True)
    assert read_table(tmp_path / "train.csv").frame[["id", "a"]].to_numpy().tolist() == [[1, 2], [3, 4]]


def test_marks_of_byte_order_and_blank_lines_before_the_names_are_skipped(tmp_path: Path) -> None:
    table = read(tmp_path, "\ufeff\ufeff\n  \n" + PLAIN)
    assert list(table.frame.columns) == ["id", "a", "text"] and cells(table) == cells(read(tmp_path, PLAIN))


@pytest.mark.parametrize("mark", ["^", "~", "\x01"])
def test_rare_separators_are_read_where_every_row_fits(tmp_path: Path, mark: str) -> None:
    assert cells(read(tmp_path, PLAIN.replace(",", mark))) == cells(read(tmp_path, PLAIN))


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ("# made in 2017\n" + PLAIN, "a title, or a comment"),
        ("'id','a','text'\n'1','1.5','red'\n'2','2.5','blue'\n'3','','green'\n", "single quotes"),
    ],
)
def test_what_stands_around_a_table_has_a_remedy_that_works(tmp_path: Path, content: str, kind: str) -> None:
    import re
    import subprocess

    with pytest.raises(DataError, match=kind) as caught:
        read(tmp_path, content)
    command = re.search("`(.*)`", caught.value.remedy or "")
    assert command is not None
    subprocess.run(command[1], shell=True, check=True)
    assert cells(read_table(tmp_path / "train.csv")) == cells(read(tmp_path, PLAIN))


def test_columns_aligned_by_blanks_have_a_remedy_that_works(tmp_path: Path) -> None:
    import re
    import subprocess

    with pytest.raises(DataError, match="aligned by blanks") as caught:
        read(tmp_path, " id    a  text\n  1  1.5   red\n  2  2.5  blue\n")
    command = re.search("`(.*)`", caught.value.remedy or "")
    assert command is not None
    subprocess.run(command[1], shell=True, check=True)
    assert cells(read_table(tmp_path / "train.csv")) == [["1", "1.5", "red"], ["2", "2.5", "blue"]]


def test_a_message_in_place_of_a_table_is_shown(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a header and no rows: 'You must accept the rules'"):
        read(tmp_path, "You must accept the rules\n")


def test_a_csv_that_is_called_parquet_is_read(tmp_path: Path) -> None:
    assert cells(read(tmp_path, PLAIN, "train.parquet")) == cells(read(tmp_path, PLAIN))
