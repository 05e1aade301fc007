"""Tags written as lists are read as lists and sent as lists, and rows without a tag are seen before they are sent."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from chain import blended
from contest_folder import write_contest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_wine

from outfold.contest_files import load_contest
from outfold.data.targets.tag_lists import TagList, cell_tags, list_form
from outfold.errors import DataError
from outfold.metrics import get_metric
from outfold.progress import LineReporter
from outfold.runs.context import Context
from outfold.stages.check import check
from outfold.stages.submit import submit
from outfold.submission import build
from outfold.submission.contents import empty_tags
from outfold.submission.form import form_of

TAGS = ["it's dry", "rich, red", "strong"]
WRITERS: dict[str, Callable[[list[str]], str]] = {
    "JSON": json.dumps,
    "JSON without blanks": lambda tags: json.dumps(tags, separators=(",", ":")),
    "Python's list": str,
    "Python's tuple": lambda tags: str(tuple(tags)),
    "Python's set": lambda tags: "{" + ", ".join(map(repr, tags)) + "}",
    "separators": ";".join,
}


def wine(
    root: Path, write: Callable[[list[str]], str], tags: list[str] | None = None, metric: str = "f1_samples"
) -> Path:
    """Wines, their tags told by three of the columns; every wine has one at least."""
    names = TAGS if tags is None else tags
    data = load_wine(as_frame=True).frame.sample(frac=1, random_state=0).reset_index(drop=True)
    flags = np.column_stack([data["hue"] > 1, data["proline"] > 700, data["alcohol"] > 13])
    data = data[["hue", "proline", "alcohol", "flavanoids"]]
    data["tags"] = [write([name for name, on in zip(names, row, strict=True) if on] or names[:1]) for row in flags]
    data.insert(0, "id", np.arange(len(data)))
    train, test = data[:120], data[120:]
    sample = test[["id"]].assign(tags=write(names[:1]))
    write_contest(
        root,
        train,
        test.drop(columns="tags"),
        sample,
        target="tags",
        id="id",
        task="multilabel",
        metric=metric,
        tag_separator=";",
        solution="solution.csv",
        folds={"n": 3},
    )
    test[["id", "tags"]].to_csv(root / "solution.csv", index=False)
    (root / "pipelines").mkdir()
    (root / "pipelines/linear.yaml").write_text("learner: linear\nC: [10.0]\n")
    return root


def checked(root: Path) -> str:
    out = io.StringIO()
    check(Context(root, LineReporter(out)))
    return out.getvalue()


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_lists_are_read_sent_and_scored_in_their_own_form(tmp_path: Path, write: Callable[[list[str]], str]) -> None:
    root = wine(tmp_path, write)
    assert load_contest(root).classes == sorted(TAGS)
    scored = submit(Context(blended(root, "linear")))
    (file,) = (root / "submissions").glob("blend-*.csv")
    sent = pd.read_csv(file)
    possible = {write([tag for tag, on in zip(sorted(TAGS), row, strict=True) if on]) for row in np.ndindex(2, 2, 2)}
    assert set(sent["tags"]) <= possible
    assert scored is not None and scored.private is not None and scored.private > 0.85


def test_check_shows_labels_with_counts_and_the_form_that_was_read(tmp_path: Path) -> None:
    told = checked(wine(tmp_path, str))
    counts = load_contest(tmp_path).y.sum(axis=0)
    assert f"{sorted(TAGS)[0]} {counts[0]}, {sorted(TAGS)[1]} {counts[1]}" in told
    assert "read as lists of tags, such as ['a', 'b']" in told


def test_check_tells_how_many_rows_have_no_label(tmp_path: Path) -> None:
    root = wine(tmp_path, ";".join)
    path = root / "inputs/train.csv"
    table = pd.read_csv(path)
    table.loc[:4, "tags"] = ""
    table.to_csv(path, index=False)
    assert "rows without a label  5" in checked(root)


@pytest.mark.parametrize("odd", ["strong", "['strong'", "['strong', oops(]"])
def test_a_cell_that_is_no_list_among_lists_is_named(tmp_path: Path, odd: str) -> None:
    root = wine(tmp_path, str)
    path = root / "inputs/train.csv"
    table = pd.read_csv(path)
    table.loc[7, "tags"] = odd
    table.to_csv(path, index=False)
    with pytest.raises(DataError, match=r"train\.csv: the target tags holds lists of tags, and .* in row 7 is none"):
        load_contest(root)


def test_without_a_task_lists_are_taken_for_tags(tmp_path: Path) -> None:
    root = wine(tmp_path, str)
    write_contest(root, target="tags", id="id", test="test.csv")
    assert load_contest(root).task == "multilabel"


@given(st.lists(st.lists(st.text("ab'\",; é[]{}", min_size=1, max_size=6), max_size=4, unique=True), min_size=1))
def test_whatever_the_tags_json_and_python_lists_are_read_back(rows: list[list[str]]) -> None:
    rows = [list(dict.fromkeys(tag.strip() for tag in row if tag.strip())) for row in rows]
    for write in (json.dumps, str):
        assert [cell_tags(write(row), " ") for row in rows] == rows


@pytest.mark.parametrize(
    ("cells", "form"),
    [
        (["[1, 2]", "[3]"], TagList("none")),
        (["{river, road}", "{bare}"], TagList("none", "{}")),
        (["['a' 'b']", "['c']"], TagList("python", "[]", " ")),
        (['["a","b"]', "[]"], TagList("json", "[]", ",")),
        (["a b", "c"], None),
        (["[unk]", "a b", "c"], None),
        (["(a) (b)", "(c) (d)"], None),
    ],
)
def test_the_form_is_told_from_the_cells(cells: list[str], form: TagList | None) -> None:
    assert list_form(cells) == form
    if form is not None:
        assert form.write(cell_tags(cells[0], " ")) == cells[0]


def test_a_known_tag_in_brackets_is_no_list() -> None:
    assert cell_tags("[unk] [pad]", " ", {"[unk]", "[pad]"}) == ["[unk]", "[pad]"]


def test_rows_above_no_threshold_get_the_likeliest_tag_where_every_training_row_has_one() -> None:
    sample = pd.DataFrame({"id": [1, 2], "tags": ["a", "a"]})
    outputs = pd.DataFrame({"a": [0.1, 0.9], "b": [0.4, 0.2]}, index=[1, 2], dtype=np.float32)
    metric = get_metric("f1_samples", task="multilabel")
    build_with = {"task": "multilabel", "targets": ["tags"], "classes": ["a", "b"], "metric": metric}
    assert build(sample, outputs, **build_with)["tags"].tolist() == ["", "a"]
    assert build(sample, outputs, untagged=0.0, **build_with)["tags"].tolist() == ["b", "a"]


@pytest.mark.parametrize(("usual", "warned"), [(0.0, True), (0.5, False)])
def test_many_more_empty_cells_than_in_training_are_warned_of(usual: float, warned: bool) -> None:
    frame = pd.DataFrame({"id": [1, 2, 3, 4], "tags": ["a", "", "", "b"]})
    form = form_of(
        frame,
        task="multilabel",
        targets=["tags"],
        classes=["a", "b"],
        metric=get_metric("f1_samples", task="multilabel"),
    )
    assert bool(empty_tags(frame, form, usual)) is warned


def test_submit_tells_of_rows_whose_likeliest_tag_is_sent(tmp_path: Path) -> None:
    root = wine(tmp_path, ";".join, metric="f1_micro")
    path = root / "inputs/train.csv"
    table = pd.read_csv(path)
    rng = np.random.default_rng(0)
    table["tags"] = np.where(rng.random(len(table)) < 0.3, table["tags"], [f"rare{k}" for k in rng.integers(0, 8, 120)])
    table.to_csv(path, index=False)
    out = io.StringIO()
    submit(Context(blended(root, "linear"), LineReporter(out)), dry_run=True)
    (file,) = (root / "submissions").glob("blend-*.csv")
    assert "their likeliest tag is sent" in out.getvalue()
    assert pd.read_csv(file)["tags"].notna().all()


def test_check_refuses_no_contest_whose_tags_are_mostly_rare(tmp_path: Path) -> None:
    root = wine(tmp_path, ";".join, metric="f1_micro")
    path = root / "inputs/train.csv"
    table = pd.read_csv(path)
    table["tags"] = ["common"] * 75 + [f"rare{k % 8}" for k in range(45)]
    table.to_csv(path, index=False)
    (root / "solution.csv").unlink()
    config = root / "competition/competition.yaml"
    config.write_text(config.read_text().replace("solution: solution.csv\n", ""))
    (root / "pipelines").mkdir(exist_ok=True)
    (root / "pipelines/linear.yaml").write_text("learner: linear\n")
    out = io.StringIO()
    check(Context(root, LineReporter(out)))
    assert "check: passed" in out.getvalue()
