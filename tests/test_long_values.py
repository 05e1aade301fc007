"""A cell, a name or a key of a megabyte: named, and cut; nothing floods a terminal."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from conftest import outfold
from contest_folder import cancer_tables, write_contest
from ear import Ear
from ruamel.yaml import YAML

from outfold.contest_files import load_contest
from outfold.errors import DataError, bounded, in_yaml, quoted, shorten, some
from outfold.runs.context import Context
from outfold.stages.split import split

LONG = "x" * 300_000
MOST = 6_000

Tables = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]


def put(frame: pd.DataFrame, column: str, value: str = LONG, row: int = 3) -> pd.DataFrame:
    cells = frame[column].astype(object)
    cells.iloc[row] = value
    return frame.assign(**{column: cells})


def ids_twice(train: pd.DataFrame) -> pd.DataFrame:
    return put(put(train, "patient"), "patient", row=4)


Change = Callable[[pd.DataFrame, pd.DataFrame, pd.DataFrame], Tables]
NUMBERS = {"roles": {"mean radius": "continuous"}}
CASES: dict[str, tuple[Change, dict[str, Any]]] = {
    "an id that stands twice": (lambda a, b, c: (ids_twice(a), b, c), {}),
    "an id of the sample alone": (lambda a, b, c: (a, b, put(c, "patient")), {}),
    "a label": (lambda a, b, c: (put(a, "diagnosis"), b, c), {"task": "binary"}),
    "a number of the target": (
        lambda a, b, c: (put(a, "mean area"), b, c),
        {"target": "mean area", "task": "regression"},
    ),
    "a tag": (lambda a, b, c: (put(a, "diagnosis"), b, c), {"task": "multilabel"}),
    "a date": (
        lambda a, b, c: (put(a.assign(d="2017-01-02"), "d"), b.assign(d="2017-01-02"), c),
        {"columns": {"dates": "d"}},
    ),
    "a number": (lambda a, b, c: (put(a, "mean radius"), b, c), {"columns": NUMBERS}),
    "a number among words": (lambda a, b, c: (put(a, "mean radius"), b, c), {}),
    "a name of a column": (lambda a, b, c: (a.rename(columns={"mean area": LONG}), b, c), {}),
    "a name of an image": (lambda a, b, c: (put(a, "mean radius"), b, c), {"columns": {"image": "{mean radius}.png"}}),
    "a key": (lambda a, b, c: (a, b, c), {LONG: 1}),
    "a metric": (lambda a, b, c: (a, b, c), {"metric": LONG}),
    "the id": (lambda a, b, c: (a, b, c), {"id": LONG}),
    "a table": (lambda a, b, c: (a, b, c), {"train": LONG}),
    "a table of no name": (lambda a, b, c: (a, b, c), {"train": "a\0b"}),
    "a positive class": (lambda a, b, c: (a, b, c), {"positive": LONG}),
    "a condition": (lambda a, b, c: (a, b, c), {"train_where": f"{LONG} > 1"}),
    "a group": (lambda a, b, c: (a, b, c), {"columns": {"group": LONG}}),
    "an ignored column": (lambda a, b, c: (a, b, c), {"columns": {"roles": {LONG: "ignore"}}}),
    "a label pattern": (lambda a, b, c: (a, b, c), {"label_pattern": LONG}),
    "a feature": (lambda a, b, c: (a, b, c), {"features": [{"log": [LONG]}]}),
}


@pytest.mark.parametrize("case", CASES)
def test_a_long_value_is_cut_in_every_message(tmp_path: Path, case: str) -> None:
    change, keys = CASES[case]
    config = {"target": "diagnosis", **keys}
    root = write_contest(tmp_path, *change(*cancer_tables()), **config)
    done = outfold(root, "check", check=False)
    said = done.stdout + done.stderr
    assert done.returncode in (0, 2), said[:3000]
    assert len(said) < MOST, f"{len(said):,} characters"


@pytest.mark.parametrize("stage", ["columns", "split", "check"])
def test_a_long_category_is_read(tmp_path: Path, stage: str) -> None:
    train, test, sample = cancer_tables()
    train, test = (
        frame.assign(place=["home", "away"] * (len(frame) // 2) + ["home"] * (len(frame) % 2))
        for frame in (train, test)
    )
    root = write_contest(tmp_path, put(train, "place"), test, sample, target="diagnosis")
    (root / "pipelines").mkdir()
    (root / "pipelines" / "linear.yaml").write_text("learner: linear\n")
    done = outfold(root, stage)
    assert len(done.stdout + done.stderr) < MOST


def test_the_end_of_a_message_stays() -> None:
    told = str(DataError(f"train.csv: {LONG}: expected a number", remedy=f"Mend {LONG}, then run again."))
    assert told.startswith("train.csv: xxx") and "expected a number" in told and told.endswith("then run again.")
    assert len(told) < MOST


def test_what_is_short_is_told_as_it_is() -> None:
    assert shorten("Zürich") == "Zürich" and quoted("Zürich") == "'Zürich'" and quoted(3) == "3"
    assert some(["a", "b"]) == "a, b" and bounded("two\nlines") == "two\nlines"


def test_numbers_of_numpy_are_numbers() -> None:
    import numpy as np

    assert quoted(np.int64(3)) == "3" and quoted(np.float64(0.5)) == "0.5" and quoted(np.str_("x")) == "'x'"


@pytest.mark.parametrize(
    "name",
    ["plain", "two words", "a, b", "a: b", "# a", "[x]", "yes", "12", "1e3", "null", "two\nlines", '"', "- a", "é"],
)
def test_a_name_in_a_remedy_is_read_as_that_name(name: str) -> None:
    text = f"columns: {{ignore: [{in_yaml(name)}], roles: {{{in_yaml(name)}: categorical}}}}"
    assert YAML(typ="safe").load(text)["columns"] == {"ignore": [name], "roles": {name: "categorical"}}


def test_a_remedy_for_a_column_with_a_comma_in_its_name_works(tmp_path: Path) -> None:
    tables = [table.rename(columns={"mean radius": "radius, mean"}) for table in cancer_tables()]
    for table in tables[:2]:
        table["radius, mean"] = table["radius, mean"].map(lambda value: f"{value:.2f}".replace(".", ","))
    write_contest(tmp_path, *tables, target="diagnosis", id="patient", metric="auc")
    ear = Ear()
    split(context := Context(tmp_path, ear))
    assert "radius, mean" not in context.contest.roles.continuous
    (note,) = (note for note in ear.warned if note.startswith("train.csv") and "to have numbers" in note)
    (key,) = re.findall("`(.*?)`", note)
    write_contest(
        tmp_path, target="diagnosis", id="patient", metric="auc", test="test.csv", **YAML(typ="safe").load(key)
    )
    assert "radius, mean" in load_contest(tmp_path).roles.continuous


def test_what_a_terminal_would_obey_is_shown() -> None:
    assert shorten("a\x1b[31mred\n") == r"a\x1b[31mred\n"
    assert some(["\udcff"]) == r"\udcff"
    assert "\x1b" not in str(DataError("train.csv: \x1b]0;title\x07"))
