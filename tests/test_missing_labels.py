"""Labels that are missing, and words such as NA that are a class unless the user says otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from contest_folder import write_contest

from outfold.contest import Contest
from outfold.contest_files import load_contest
from outfold.errors import DataError


def contest(root: Path, labels: list[str], name: str = "y", **keys: Any) -> Contest:
    """Thirty training rows with these labels in turn."""
    cells = [labels[row % len(labels)] for row in range(30)]
    train = pd.DataFrame({"id": range(30), "x": range(30), name: cells})
    test = pd.DataFrame({"id": range(30, 34), "x": range(4)})
    sample = test[["id"]].assign(**{name: labels[-1]})
    return load_contest(write_contest(root, train, test, sample, target=name, metric="accuracy", **keys))


@pytest.mark.parametrize("word", ["NA", "None", "null"])
def test_a_word_for_nothing_is_a_class_among_words_and_said(tmp_path: Path, word: str) -> None:
    read = contest(tmp_path, [word, "mild", "severe"])
    assert read.classes == sorted([word, "mild", "severe"])
    (said,) = read.warnings
    assert said.startswith(f"target y: '{word}' is read as a class (10 rows)")
    remedy = f"y != '{word}'"
    assert f'`train_where: "{remedy}"`' in said
    without = contest(tmp_path, [word, "mild", "severe"], train_where=remedy)
    assert without.classes == ["mild", "severe"] and len(without.train) == 20


def test_classes_that_a_key_names_are_not_remarked_on(tmp_path: Path) -> None:
    read = contest(tmp_path, ["None", "mild", "severe"], task="ordinal", order=["None", "mild", "severe"])
    assert read.classes == ["None", "mild", "severe"] and read.warnings == ()
    assert contest(tmp_path, ["None", "mild"], positive="mild").warnings == ()


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["", "1", "2"], ""),
        (["NA", "1", "2"], "; 'NA' was read as missing, since no cell holds another word"),
        (["", "mild", "severe"], ""),
    ],
)
def test_a_missing_label_is_refused_with_its_text_and_the_remedy_leaves_the_row_out(
    tmp_path: Path, labels: list[str], said: str
) -> None:
    with pytest.raises(DataError, match="the target y z has no value in 10 of 30 rows: 0, 3, 6") as refused:
        contest(tmp_path, labels, "y z")
    assert refused.value.message.endswith(f"5 more{said}")
    remedy = "`y z`.notna()"
    assert f'`train_where: "{remedy}"`' in str(refused.value.remedy)
    assert ("write another word for it in train.csv" in str(refused.value.remedy)) == bool(said)
    read = contest(tmp_path, labels, "y z", train_where=remedy)
    assert len(read.train) == 20 and [str(value) for value in read.classes or ()] == labels[1:]


def test_a_word_for_nothing_is_a_tag_and_said(tmp_path: Path) -> None:
    said = contest(tmp_path, ["None", "a b", "b"], task="multilabel").warnings
    assert "target y: 'None' is read as a tag (10 rows); if it means no tag, leave these cells empty" in said


def test_an_absent_target_is_named_beside_train_where_too(tmp_path: Path) -> None:
    train = pd.DataFrame({"id": range(9), "x": range(9), "label": [0, 1, 2] * 3})
    root = write_contest(tmp_path, train, train, train[["id"]].assign(y=0), target="lable", train_where="x > 1")
    with pytest.raises(DataError, match="there is no target column 'lable'; did you mean label"):
        load_contest(root)
