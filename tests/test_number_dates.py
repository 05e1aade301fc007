"""Dates as whole numbers: read as what they are, or refused with a key that says it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import outfold
from contest_folder import write_contest
from ruamel.yaml import YAML

from outfold.config.load import load_competition
from outfold.contest_files import load_contest
from outfold.data.reading.dates import parse_dates, remarks_on_dates
from outfold.errors import ConfigError, DataError

DAYS = pd.date_range("2015-01-03", "2018-12-29", freq="11D")
MONTHS = pd.date_range("2015-01-01", "2018-12-01", freq="MS")
TIMES = pd.date_range("2016-02-28 23:59:07", periods=120, freq="7h13min")


def since(day: str, unit: str, dates: pd.DatetimeIndex = TIMES) -> list[int]:
    return [int(n) for n in (dates - pd.Timestamp(day)) // pd.Timedelta(1, unit)]


def as_numbers(dates: pd.DatetimeIndex, form: str) -> list[int]:
    return [int(text) for text in dates.strftime(form)]


FORMS: dict[str, tuple[list[int], pd.DatetimeIndex]] = {
    "years": ([2015, 2016, 2018], pd.DatetimeIndex(["2015-01-01", "2016-01-01", "2018-01-01"])),
    "yyyymm": (as_numbers(MONTHS, "%Y%m"), MONTHS),
    "yymmdd": (as_numbers(DAYS, "%y%m%d"), DAYS),
    "yymmdd of the first years": (as_numbers(DAYS - pd.DateOffset(years=10), "%y%m%d"), DAYS - pd.DateOffset(years=10)),
    "ddmmyy of other years": (as_numbers(DAYS + pd.DateOffset(years=25), "%d%m%y"), DAYS + pd.DateOffset(years=25)),
    "mmddyy": (as_numbers(DAYS, "%m%d%y"), DAYS),
    "mmyyyy": (as_numbers(MONTHS, "%m%Y"), MONTHS),
    "yyyymmdd": (as_numbers(DAYS, "%Y%m%d"), DAYS),
    "ddmmyyyy": (as_numbers(DAYS, "%d%m%Y"), DAYS),
    "mmddyyyy": (as_numbers(DAYS, "%m%d%Y"), DAYS),
    "yyyyddd": (as_numbers(DAYS, "%Y%j"), DAYS),
    "yyyymmddhh": (as_numbers(TIMES, "%Y%m%d%H"), TIMES.floor("h")),
    "yyyymmddhhmm": (as_numbers(TIMES, "%Y%m%d%H%M"), TIMES.floor("min")),
    "yyyymmddhhmmss": (as_numbers(TIMES, "%Y%m%d%H%M%S"), TIMES),
    "days of a spreadsheet": (since("1899-12-30", "D", DAYS), DAYS),
    "three years of days of a spreadsheet": (since("1899-12-30", "D", DAYS[DAYS < "2018"]), DAYS[DAYS < "2018"]),
    "seconds": (since("1970-01-01", "s"), TIMES),
    "milliseconds": (since("1970-01-01", "ms"), TIMES),
    "microseconds": (since("1970-01-01", "us"), TIMES),
    "nanoseconds": (since("1970-01-01", "ns"), TIMES),
}


@pytest.mark.parametrize("kind", [*FORMS])
@pytest.mark.parametrize("as_text", [False, True])
def test_each_form_is_read_as_what_it_is(kind: str, as_text: bool) -> None:
    numbers, dates = FORMS[kind]
    column = pd.Series(numbers, dtype=np.int64)
    (found,) = parse_dates([column.astype(str) if as_text else column], ["t: when"])
    assert found.tolist() == dates.tolist()


@pytest.mark.parametrize("kind", ["yyyymm", "ddmmyyyy", "days of a spreadsheet", "microseconds"])
def test_a_gap_changes_nothing(kind: str) -> None:
    numbers, dates = FORMS[kind]
    (found,) = parse_dates([pd.Series([*numbers, np.nan], dtype=np.float64)], ["t: when"])
    assert found.tolist()[:-1] == dates.tolist() and pd.isna(found.iloc[-1])


def test_days_of_a_spreadsheet_may_have_hours() -> None:
    (found,) = parse_dates([pd.Series([42000.5, 43000.25])], ["t: when"])
    assert found.tolist() == [pd.Timestamp("2014-12-27 12:00"), pd.Timestamp("2017-09-22 06:00")]


def test_seconds_before_1970() -> None:
    (found,) = parse_dates([pd.Series([-86_400 * 365, 86_400 * 365])], ["t: when"])
    assert found.dt.year.tolist() == [1969, 1971]


def test_a_number_that_is_no_date_of_the_columns_form_is_named() -> None:
    with pytest.raises(DataError, match=r"t: when: 1 rows hold no date: 3 \(the first is '201713'\)"):
        parse_dates([pd.Series([201701, 201705, 201711, 201713])], ["t: when"])


AMBIGUOUS = {
    "days and months": ([1022017, 2032017, 3042017], ("%d%m%Y", "%m%d%Y")),
    "yyyymm or yymmdd": ([200101, 200203, 200512], ("%Y%m", "%y%m%d")),
    "pairs that are all days of a month": (as_numbers(DAYS, "%d%m%y"), ("%y%m%d", "%d%m%y")),
    "days since 1899 or 1970": ([20250, 21550, 22990], ("excel", "D")),
    "mmddyy or days of a spreadsheet": ([20115, 41516, 61016], ("%m%d%y", "excel")),
}


@pytest.mark.parametrize("kind", AMBIGUOUS)
def test_numbers_of_two_forms_are_refused_and_each_of_the_keys_settles_it(tmp_path: Path, kind: str) -> None:
    numbers, keys = AMBIGUOUS[kind]
    root = contest(tmp_path, numbers)
    with pytest.raises(DataError, match=r"when: .* more than one way") as caught:
        load_contest(root)
    offered = re.findall("`(.*?)`", caught.value.remedy or "")
    assert len(offered) == len(keys)
    years = set()
    for key, text in zip(keys, offered, strict=True):
        value = YAML(typ="safe").load(f"{{{text}}}")
        assert value == {"date_formats": {"when": key}}
        read = load_contest(contest(tmp_path, numbers, columns=value))
        assert read.roles.dates == ["when"]
        years.add(tuple(read.train["when"].dt.strftime("%Y%m%d")))
    assert len(years) == len(keys)


def test_a_form_that_a_column_is_said_to_have_is_read(tmp_path: Path) -> None:
    root = contest(tmp_path, ["31-Jan-17", "28-Feb-17"], columns={"date_formats": {"when": "%d-%b-%y"}})
    assert load_contest(root).train["when"].iloc[0] == pd.Timestamp("2017-01-31")


def test_cells_of_another_form_than_said_are_named(tmp_path: Path) -> None:
    root = contest(tmp_path, ["31.01.2017", "2017-01-31"], columns={"date_formats": {"when": "%d.%m.%Y"}})
    with pytest.raises(DataError, match=r"hold no date of the form %d.%m.%Y: .*2017-01-31"):
        load_contest(root)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"date_formats": {"when": "yyyymm"}}, "expected a form such as %d%m%Y"),
        ({"date_formats": {"when": "%d %Q"}}, "expected a form such as %d%m%Y"),
        ({"date_formats": {"when": "%d%m"}}, "expected a form such as %d%m%Y"),
        ({"date_formats": {"when": "s"}, "continuous": ["when"]}, "and is continuous"),
        ({"date_formats": {"when": "s"}, "roles": {"when": "ignore"}}, "and is ignore"),
    ],
)
def test_a_form_that_is_none_is_refused(tmp_path: Path, columns: dict[str, Any], message: str) -> None:
    root = contest(tmp_path, [1, 2], columns=columns)
    with pytest.raises(ConfigError, match=message):
        load_competition(root / "competition" / "competition.yaml")


def test_a_column_with_a_form_that_is_not_there_is_named(tmp_path: Path) -> None:
    root = contest(tmp_path, [1, 2], columns={"date_formats": {"wenn": "s"}})
    with pytest.raises(ConfigError, match=r"columns.date_formats: .*did you mean when"):
        load_contest(root)


@pytest.mark.parametrize("numbers", [[0, 1, 2, 913], [7, 8, 9], [-3, 5, 1_000_000]])
def test_dates_within_a_fortnight_of_1970_are_an_alarm(tmp_path: Path, numbers: list[int]) -> None:
    root = contest(tmp_path, numbers)
    (told,) = [warning for warning in load_contest(root).warnings if "fortnight of 1970" in warning]
    assert "date_formats: {when: " in told and "roles: {when: continuous}" in told
    columns = {"dates": [], "roles": {"when": "continuous"}}
    assert not load_contest(contest(tmp_path, numbers, columns=columns)).warnings


def test_the_form_and_the_range_are_told_but_for_plain_days_and_years() -> None:
    def told(kind: str) -> list[str]:
        parts = [pd.Series(FORMS[kind][0])]
        return remarks_on_dates(parts, parse_dates(parts, ["t: when"]), "t: when")

    assert told("yyyymm") == ["t: when: its numbers were read as yyyymm: 2015-01-01 to 2018-12-01"]
    assert "microseconds since 1970: 2016-02-28" in told("microseconds")[0]
    assert told("years") == told("yyyymmdd") == []


@pytest.mark.parametrize("kind", ["microseconds", "nanoseconds", "yyyymm"])
def test_columns_shows_them(tmp_path: Path, kind: str) -> None:
    numbers, dates = FORMS[kind]
    root = contest(tmp_path, numbers)
    assert f"{dates.min():%Y-%m-%d}" in outfold(root, "columns").stdout


def test_columns_shows_years_beyond_pythons(tmp_path: Path) -> None:
    root = contest(tmp_path, [250_000_000_000 * 1000, 260_000_000_000 * 1000], columns={"date_formats": {"when": "ms"}})
    assert outfold(root, "columns").returncode == 0


def contest(root: Path, numbers: list[Any], columns: dict[str, Any] | None = None) -> Path:
    cells = [numbers[row % len(numbers)] for row in range(max(len(numbers), 30))]
    frame = pd.DataFrame({"id": range(len(cells)), "x": np.linspace(0, 1, len(cells)), "when": cells})
    test = frame.assign(id=frame["id"] + 10_000)
    train = frame.assign(y=np.arange(len(cells)) % 7 / 2)
    columns = columns or {"dates": ["when"]}
    return write_contest(root, train, test, test[["id"]].assign(y=0.0), target="y", task="regression", columns=columns)
