"""Tables as people leave them: each oddity is handled or named, and no learner of tables stumbles over it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from contest_folder import write_contest

from outfold.contest import Contest
from outfold.contest_files import load_contest
from outfold.data.encoding.date_parts import date_parts
from outfold.data.reading.column_types import typed_series
from outfold.data.reading.dates import parse_dates, without_zero_dates
from outfold.data.reading.number_text import written_numbers
from outfold.data.reading.tables import read_table
from outfold.errors import ConfigError, DataError
from outfold.folds import make_folds
from outfold.learners.registry import make_learner
from outfold.progress import Reporter
from outfold.runs.context import Context
from outfold.store.fold_dir import Shelf

ROWS, TEST_ROWS = 60, 20
PIPELINES = {
    "gbdt": "learner: gbdt\nrounds: 4\nearly_stopping: 0\n",
    "linear": "learner: linear\nC: [1.0]\n",
    "means": "learner: linear\nC: [1.0]\nencoding: target\n",
    "trees": "learner: sklearn\nestimator: sklearn.tree.DecisionTreeClassifier\nencoding: codes\n",
    "network": "learner: tabular\nlayers: [4]\nbatch_size: 16\nphases: [{epochs: 1, lr: 1e-2}]\n",
}


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTFOLD_THREADS", "1")


def cycled(values: list[Any], rows: int) -> list[Any]:
    return [values[row % len(values)] for row in range(rows)]


def write(root: Path, train: dict[str, list[Any]], test: dict[str, list[Any]], **keys: Any) -> Path:
    """A contest of one good column and the odd ones, whose few values are repeated down the tables as they stand."""
    parts = []
    for rows, first, columns in ((ROWS, 0, train), (TEST_ROWS, ROWS, test)):
        part = pd.DataFrame({"id": range(first, first + rows), "good": np.linspace(0, 1, rows).round(3)})
        parts.append(part.assign(**{name: cycled(values, rows) for name, values in columns.items()}))
    parts[0]["y"] = (np.random.default_rng(0).random(ROWS) < parts[0]["good"]).astype(int)
    sample = parts[1][["id"]].assign(y=0.5)
    keys = {"target": "y", "task": "binary", "metric": "log_loss", **keys}
    write_contest(root, parts[0], parts[1], sample, **keys)
    (root / "pipelines").mkdir(exist_ok=True)
    for name, text in PIPELINES.items():
        (root / "pipelines" / f"{name}.yaml").write_text(text)
    return root


def predictions(contest: Contest, name: str) -> tuple[pd.Series, pd.Series]:
    """What a pipeline's first fold says of its validation rows and of the test rows, by id."""
    learner = make_learner(contest, Context(contest.root).model_config(name), name, Reporter())
    learner.check()
    folds, _ = make_folds(contest.train.index, kind="stratified", n=2, y=contest.y, task=contest.task)
    shelf = Shelf.open(contest.layout.fold(name, 0), "made of this")
    learner.fit(0, folds.train(0), folds.valid(0), shelf)
    frames = (
        learner.predict(part, ids, {0: shelf})  # type: ignore[arg-type]
        for part, ids in (("train", folds.valid(0)), ("test", contest.test.index))
    )
    valid, test = (frame.set_index("id")["y"] for frame in frames)
    return valid, test


ODDITIES: dict[str, tuple[list[Any], list[Any], dict[str, Any], str | None]] = {
    "gaps in both": ([1.5, None, 2.5], [None, 1.5], {}, None),
    "gaps in test alone": ([1, 2, 3], [1, None, 3], {}, None),
    "words with gaps in test alone": (["a", "b"], ["a", None], {}, None),
    "empty in training": ([None], [1, 2], {}, "one value only: odd"),
    "empty in test": ([1, 2, 3], [None], {}, None),
    "words, empty in test": (["a", "b", "c"], [None], {}, None),
    "empty in both": ([None], [None], {}, "one value only: odd"),
    "constant": ([7], [7], {}, "one value only: odd"),
    "constant, declared": ([7], [7, 8], {"roles": {"odd": "continuous"}}, None),
    "empty, declared": ([None], [None, 3], {"roles": {"odd": "continuous"}}, None),
    "empty, declared categorical": ([None], [None, "b"], {"roles": {"odd": "categorical"}}, None),
    "unseen categories": (["a", "b"], ["b", "c", "d"], {}, None),
    "whole numbers here, fractions there": ([1, 2, 3], [1.0, 2.5, None], {}, None),
    "codes whole here, fractions there": ([1, 2, 3], [1.0, 2.0, None], {"roles": {"odd": "categorical"}}, None),
    "infinite": ([1.0, "inf", "-inf", 2.0], ["inf", 3.0], {}, None),
    "infinite by a word": ([1.0, "Infinity", 2.0], [3.0], {}, None),
    "beyond 64 bits": ([10**19 + row for row in range(5)], [10**19, 10**19 + 9], {}, "would not be distinguished"),
    "huge beside small": ([1, 2, 3, 10**30], [4, 10**40], {}, None),
    "yes and no": (["yes", "no"], ["no", "yes"], {}, None),
    "true and false with a gap": ([True, False, None], [True, False], {}, "odd: text in one of train.csv and test.csv"),
    "leading zeros": (["007", "012", "100"], ["100", "007"], {}, "odd has leading zeros ('007')"),
    "leading zeros, declared": (["007", "012"], ["012", "099"], {"roles": {"odd": "categorical"}}, None),
    "blanks around": ([" 1", "2 ", " 3 "], ["1", " 2"], {}, None),
    "quotes and commas": (['a "b"', "c, d", "e\nf"], ["c, d", "'"], {}, None),
    "numbers and a word": ([*range(9), "unknown"], [1, 2], {}, "some are not ('unknown')"),
    "numbers and a word, declared": ([*range(9), "unknown"], [1], {"roles": {"odd": "continuous"}}, "are no numbers"),
    "thousands": (["1,234", "56", "7,890,123"], ["1,000"], {}, "written like '1,234'"),
    "thousands, declared": (["1,234", "56"], ["1,000"], {"roles": {"odd": "continuous"}}, "written like 1,234.5"),
    "percent": (["12%", "5.5 %"], ["99%"], {}, "written like '12%'"),
    "decimal commas": (["3,5", "12,25"], ["0,75"], {}, "written like '3,5'"),
    "years 1000 and 9999": (["1000-01-01", "2017-03-04"], ["9999-12-31"], {"dates": ["odd"]}, None),
    "zero dates": (["0000-00-00", "2017-03-04"], ["2017-03-05"], {"dates": ["odd"]}, "hold '0000-00-00' for a date"),
    "dates, empty in test": (["2017-03-04", "2018-01-01"], [None], {"dates": ["odd"]}, None),
    "free text, declared": ([f"note {row}" for row in range(60)], ["x"], {"roles": {"odd": "categorical"}}, None),
}


@pytest.mark.parametrize("name", ODDITIES)
def test_an_oddity_is_told_where_it_should_be_and_every_learner_predicts(tmp_path: Path, name: str) -> None:
    train, test, columns, warning = ODDITIES[name]
    contest = load_contest(write(tmp_path, {"odd": train}, {"odd": test}, columns=columns))
    if warning is None:
        assert contest.warnings == ()
    else:
        assert sum(warning in told for told in contest.warnings) == 1, contest.warnings
    for pipeline in PIPELINES:
        for part in predictions(contest, pipeline):
            assert part.between(0, 1).all(), "finite, and a probability"


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_a_rows_prediction_does_not_depend_on_what_other_rows_of_the_test_set_hold(
    tmp_path: Path, pipeline: str
) -> None:
    words, codes, whole = ["b", "c", "a"], [2, 3, 1], [30, 10, 20]
    odd = {
        "word": [*words, "zz", None, "A", " a"],
        "code": [*codes, None, 0, 99, 7],
        "whole": [*whole, None, "inf", 1.5, 10**25],
    }
    plain = {"word": [*words, *"abca"], "code": [*codes, 1, 2, 3, 1], "whole": [*whole, 1, 2, 3, 4]}
    train = {"word": words, "code": codes, "whole": whole}
    found = []
    for number, test in enumerate((plain, odd)):
        root = write(tmp_path / str(number), train, test, columns={"roles": {"code": "categorical"}})
        found.append(predictions(load_contest(root), pipeline)[1])
    alike = [row % 7 < 3 for row in range(TEST_ROWS)]
    pd.testing.assert_series_equal(found[0][alike], found[1][alike])
    assert not found[0].equals(found[1])


def test_a_column_that_the_test_set_alone_has_is_no_feature(tmp_path: Path) -> None:
    contest = load_contest(write(tmp_path, {}, {"extra": [1, 2]}))
    assert contest.roles.continuous == ["good"]
    assert "extra" in contest.test and "extra" not in contest.train


def test_a_date_that_never_was_is_refused_by_its_row(tmp_path: Path) -> None:
    root = write(tmp_path, {"day": ["2017-02-28", "2017-02-30"]}, {"day": ["2017-03-01"]}, columns={"dates": ["day"]})
    with pytest.raises(DataError, match=r"train\.csv: day: 30 rows hold no date: 1, 3, .*2017-02-30"):
        load_contest(root)


@pytest.mark.parametrize("year", [1, 1000, 1677, 2263, 9999])
def test_seconds_are_right_in_any_year(year: int) -> None:
    (dates,) = parse_dates([pd.Series([f"{year:04d}-01-01", "2017-01-01"])], ["t"])
    days = (np.datetime64(f"{year:04d}-01-01") - np.datetime64("1970-01-01")).astype(int)
    assert date_parts(dates)["seconds"].tolist() == [days * 86400, 1483228800]


def test_a_zero_among_days_is_no_day_of_1970() -> None:
    (days,), (note,) = without_zero_dates([pd.Series([20170731, 0, 20170801])], ["t: day"])
    (dates,) = parse_dates([days], ["t"])
    assert dates.tolist() == [pd.Timestamp("2017-07-31"), pd.NaT, pd.Timestamp("2017-08-01")]
    assert note == "t: day: 1 rows hold '0' for a date, and count as missing"
    seconds = pd.Series([0, 86400])
    assert without_zero_dates([seconds], ["t"])[0][0].tolist() == [0, 86400], "0 seconds are midnight"


def test_codes_too_long_for_fractions_stay_apart_though_one_is_missing(tmp_path: Path) -> None:
    codes = [2**60, 2**60 + 1, 2**60 + 2]
    root = write(tmp_path, {"code": codes}, {"code": [codes[0], None, codes[2]]}, columns={"categorical": ["code"]})
    contest = load_contest(root)
    assert contest.train["code"].nunique() == 3
    assert set(contest.test["code"].dropna()) < set(contest.train["code"])


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1", "2.5", "-3e2"], [1, 2.5, -300]),
        (["1,234", "12", "-7,000.5"], [1234, 12, -7000.5]),
        (["3,14", "12,5", "1.000,25"], [3.14, 12.5, 1000.25]),
        (["12%", "0.5 %"], [12, 0.5]),
        (["$1,200", "$ 3.50"], [1200, 3.5]),
        (["4,50 €", "1 000,00€"], [4.5, 1000]),
        (["5", "6%", "7"], [5, np.nan, 7]),
        (["1", "n/a", "many", None], [1, np.nan, np.nan, np.nan]),
    ],
)
def test_numbers_are_read_by_one_form_as_people_write_them(cells: list[Any], expected: list[float]) -> None:
    (found,), _ = written_numbers([pd.Series(cells)], ["t"])
    np.testing.assert_array_equal(found, expected)


def test_the_form_of_numbers_is_one_for_both_tables_and_lost_cells_are_counted() -> None:
    train, test = pd.Series(["1,500", "2,250", "soon"]), pd.Series(["3,125", None])
    (_, read), notes = written_numbers([train, test], ["train: x", "test: x"])
    assert read.tolist()[0] == 3125
    assert notes == [
        "train: x: its numbers are written like 1,234.5, and read so",
        "train: x: 1 of 3 cells are no numbers ('soon'), and count as missing",
    ]


def test_roles_by_column_leave_the_others_to_be_inferred(tmp_path: Path) -> None:
    odd = {"zone": [1, 2, 3], "town": ["a", "b"]}
    contest = load_contest(write(tmp_path, odd, odd, columns={"roles": {"zone": "categorical"}}))
    assert (contest.roles.continuous, contest.roles.categorical) == (["good"], ["zone", "town"])
    assert contest.warnings == ()


def test_a_column_has_one_role(tmp_path: Path) -> None:
    root = write(tmp_path, {}, {}, columns={"roles": {"good": "ignore"}, "continuous": ["good"]})
    with pytest.raises(ConfigError, match=r"'good' is ignore under columns\.roles, and listed under .*continuous"):
        load_contest(root)


def test_a_role_of_a_column_that_is_not_there_names_the_nearest(tmp_path: Path) -> None:
    root = write(tmp_path, {}, {}, columns={"roles": {"goood": "ignore"}})
    with pytest.raises(ConfigError, match=r"columns\.roles: .*has no column 'goood'; did you mean good"):
        load_contest(root)


def test_remarks_are_kept_with_the_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outfold.data.reading.tables.CACHE_FROM_BYTES", 0)
    path = tmp_path / "t.csv"
    path.write_text("id,zip\n1,01234\n2,99999\n")
    first, again = (read_table(path, cache=tmp_path) for _ in range(2))
    assert first.remarks == again.remarks and list(first.remarks) == ["zip"]


def test_two_readings_of_a_file_keep_their_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outfold.data.reading.tables.CACHE_FROM_BYTES", 0)
    path = tmp_path / "t.csv"
    path.write_text("id,code\n1,2\n")
    for _ in range(2):
        assert read_table(path, cache=tmp_path).frame["code"].tolist() == [2]
        assert read_table(path, verbatim={"code"}, cache=tmp_path).frame["code"].tolist() == ["2"]
    assert len(list(tmp_path.rglob("*.parquet"))) == 2


def test_a_byte_order_mark_quotes_and_blank_names_do_not_hide_the_id(tmp_path: Path) -> None:
    root = write(tmp_path, {"odd": ["a", "b"]}, {"odd": ["a", "b"]})
    path = root / "inputs" / "train.csv"
    text = path.read_text().replace("id,good", '"id"," good "')
    path.write_bytes(text.encode("utf-8-sig"))
    assert load_contest(root).roles.continuous == ["good"]


def test_text_is_typed_alike_in_a_series_and_in_a_file(tmp_path: Path) -> None:
    cells = ["1", " 2 ", "NA", "3.5"] * 5
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["x", *cells]))
    pd.testing.assert_series_equal(read_table(path).frame["x"], typed_series(pd.Series(cells, name="x")))
