"""Features of tables: none of any kind sees what it must not, whatever is missing, new, or in another order."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import REPO
from contest_folder import write_contest
from features_contest import ENTRIES, contest, table, view, with_rows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outfold.config.features import Feature
from outfold.config.load import load_pipeline
from outfold.config.table_pipeline import TablePipelineBase
from outfold.contest import Contest
from outfold.contest_files import load_contest
from outfold.data.features.base import Fitted
from outfold.data.features.registry import KINDS
from outfold.learners.tables.feature_pipeline import FittedFeatures
from outfold.learners.tables.table_data import ContestTable
from outfold.progress import Reporter
from outfold.store.fold_dir import Shelf

each_kind = pytest.mark.parametrize("kind", list(ENTRIES))
FROM_TARGETS = ("target_encoding", "history", "function")
from_targets = pytest.mark.parametrize("kind", FROM_TARGETS)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Contest:
    return contest(tmp_path_factory.mktemp("contest"))


@pytest.fixture(scope="module")
def grouped(tmp_path_factory: pytest.TempPathFactory) -> Contest:
    frame = table().assign(buyer=np.arange(160) % 24)
    return contest(tmp_path_factory.mktemp("grouped"), frame, folds={"group": "buyer"})


@pytest.fixture(scope="module")
def ordered(tmp_path_factory: pytest.TempPathFactory) -> Contest:
    return contest(tmp_path_factory.mktemp("ordered"), folds={"kind": "time_series", "date": "day"})


def entry(kind: str) -> dict[str, Any]:
    return {kind: ENTRIES[kind]}


def made(contest: Contest, kind: str, ids: pd.Index) -> tuple[FittedFeatures, pd.DataFrame]:
    """What is learnt from these rows, and their own made columns."""
    fitted, rows = view(contest, entry(kind)).fit(ids)
    return fitted, rows[[name for name in rows if name not in contest.train]]


def as_bytes(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer)
    return buffer.getvalue()


def flipped(contest: Contest, ids: pd.Index) -> Contest:
    """The contest, had these rows the other answer."""
    other = contest.train.copy()
    other.loc[ids, "bought"] = 1 - other.loc[ids, "bought"]
    return with_rows(contest, other, other["bought"].to_numpy())


def test_every_kind_is_tried_here() -> None:
    # what other pipelines' networks have learnt is tried in test_vector_features.py
    assert set(ENTRIES) == set(Feature.model_fields) - {"embeddings"}
    assert set(KINDS) == set(ENTRIES) - {"function"}


@each_kind
def test_the_validation_part_changes_nothing_that_is_learnt_and_no_training_row(asked: Contest, kind: str) -> None:
    ids, rest = asked.train.index[:80], asked.train.index[80:]
    other = asked.train.copy()
    mixed = other.loc[rest].sample(frac=1, random_state=1).set_axis(rest)
    if kind in ("elapsed", "rolling", "lags"):
        mixed = other.loc[rest]  # they are made of feature columns that are known in advance, of all rows
    other.loc[rest] = mixed
    other.loc[rest, "bought"] = 1 - asked.train.loc[rest, "bought"]
    scrambled = with_rows(asked, other, other["bought"].to_numpy())
    (before, rows), (after, same) = made(asked, kind, ids), made(scrambled, kind, ids)
    assert [as_bytes(one) for one in before.learnt] == [as_bytes(one) for one in after.learnt]
    assert as_bytes(rows) == as_bytes(same) and len(rows.columns)


@each_kind
def test_a_training_rows_values_do_not_depend_on_its_own_target(asked: Contest, kind: str) -> None:
    ids = asked.train.index
    before = made(asked, kind, ids)[1]
    for row in ids[::23]:
        after = made(flipped(asked, pd.Index([row])), kind, ids)[1]
        pd.testing.assert_series_equal(before.loc[row], after.loc[row], check_exact=True)


@from_targets
def test_what_learns_from_targets_does_learn_from_them(asked: Contest, kind: str) -> None:
    ids = asked.train.index
    before, after = made(asked, kind, ids)[1], made(flipped(asked, ids[::2]), kind, ids)[1]
    assert not before.equals(after)


@pytest.mark.parametrize("kind", ["target_encoding", "function"])
def test_no_row_of_a_group_is_taught_by_another_of_it(grouped: Contest, kind: str) -> None:
    ids = grouped.train.index
    group = ids[grouped.train["buyer"] == 5]
    before, after = made(grouped, kind, ids)[1], made(flipped(grouped, group), kind, ids)[1]
    pd.testing.assert_frame_equal(before.loc[group], after.loc[group], check_exact=True)
    assert not before.equals(after)


@from_targets
def test_in_time_only_earlier_rows_teach(ordered: Contest, kind: str) -> None:
    ids, day = ordered.train.index, ordered.train["day"]
    late = day >= day.median()
    before, after = made(ordered, kind, ids)[1], made(flipped(ordered, ids[late]), kind, ids)[1]
    pd.testing.assert_frame_equal(before[~late], after[~late], check_exact=True)
    assert not before.equals(after)
    assert before[day == day.min()].isna().all().all(), "there is nothing before"


@each_kind
def test_the_order_of_the_ids_does_not_matter(asked: Contest, kind: str) -> None:
    ids = asked.train.index[:90]
    shuffled = ids[np.random.default_rng(3).permutation(len(ids))]
    (before, rows), (after, others) = made(asked, kind, ids), made(asked, kind, shuffled)
    assert [as_bytes(one) for one in before.learnt] == [as_bytes(one) for one in after.learnt]
    assert others.index.equals(shuffled)
    pd.testing.assert_frame_equal(rows, others.loc[ids], check_exact=True, check_categorical=False)


@each_kind
def test_the_order_of_the_file_does_not_matter_to_a_row(asked: Contest, kind: str) -> None:
    ids = asked.train.index
    shuffled = with_rows(asked, asked.train.sample(frac=1, random_state=5))
    here, there = view(asked, entry(kind)), view(shuffled, entry(kind))
    fitted, others = here.fit(ids)[0], there.fit(ids)[0]
    rows, same = here.rows("test", asked.test.index, fitted), there.rows("test", asked.test.index, others)
    pd.testing.assert_frame_equal(rows, same, check_categorical=False, rtol=1e-6)


@each_kind
def test_rows_to_come_are_the_same_from_the_shelf_and_one_by_one(asked: Contest, kind: str, tmp_path: Path) -> None:
    rows = view(asked, entry(kind))
    fitted, _ = rows.fit(asked.train.index[:90])
    shelf = Shelf.open(tmp_path, "made of this")
    fitted.put(shelf)
    again = view(asked, entry(kind)).of(shelf)
    ids = asked.train.index[90:]
    together = rows.rows("train", ids, again)
    assert again.columns == fitted.columns and list(together) == fitted.columns.names
    pd.testing.assert_frame_equal(together, rows.rows("train", ids, fitted))
    one = rows.rows("train", ids[3:4], again)
    pd.testing.assert_frame_equal(together.iloc[3:4], one, check_categorical=False, check_dtype=False)


@each_kind
def test_new_values_missing_ones_and_no_rows_at_all_do_no_harm(asked: Contest, kind: str) -> None:
    ids = asked.train.index
    test = asked.test.copy()
    test["town"] = ["Eton", None] * (len(test) // 2)
    test["shop"] = 99
    test[["fare", "age"]] = np.nan
    test["name"], test["day"] = None, pd.NaT
    strange = with_rows(asked, asked.train)
    strange.__dict__["test"] = test
    rows = view(strange, entry(kind))
    fitted, train = rows.fit(ids)
    found = rows.rows("test", test.index, fitted)
    assert list(found) == list(train) and found.index.equals(test.index)
    assert not np.isinf(found[fitted.columns.continuous].astype(float)).any().any()
    assert rows.rows("test", test.index[:0], fitted).shape == (0, len(train.columns))


@each_kind
def test_a_column_of_one_value_does_no_harm(tmp_path: Path, kind: str) -> None:
    frame = table(60).assign(town="Ayr", shop=1, fare=3.0, age=4.0, name="Mr. X", promo=1)
    roles = {"dates": ["day"], "categorical": ["town", "name"], "continuous": ["shop", "fare", "age", "promo"]}
    same = contest(tmp_path, frame, columns=roles)
    rows = view(same, entry(kind))
    fitted, train = rows.fit(same.train.index)
    later = rows.rows("test", same.test.index, fitted)
    assert set(fitted.columns.names) <= set(train) and set(fitted.columns.names) <= set(later)


@each_kind
def test_a_value_is_the_same_whatever_type_its_column_was_read_as(asked: Contest, kind: str) -> None:
    """One missing cell makes fractions of whole numbers: 3 and 3.0 are one shop."""
    ids = asked.train.index
    rows = view(asked, entry(kind))
    fitted, _ = rows.fit(ids)
    before = rows.rows("test", asked.test.index, fitted)
    other = with_rows(asked, asked.train)
    other.__dict__["test"] = asked.test.assign(shop=asked.test["shop"].astype(float))
    after = view(other, entry(kind)).rows("test", asked.test.index, fitted)
    pd.testing.assert_frame_equal(before, after, check_categorical=False, check_dtype=False)


@pytest.mark.parametrize("task", ["regression", "multiclass", "multilabel", "multitask"])
def test_every_task_teaches(tmp_path: Path, task: str) -> None:
    frame = table().assign(paid=lambda rows: rows["fare"] * 2, size=lambda rows: "s" + rows["shop"].astype(str))
    keys: dict[str, dict[str, Any]] = {
        "regression": {"target": "paid"},
        "multiclass": {"target": "size", "outputs": ["s1", "s2", "s3"]},
        "multilabel": {"target": ["bought", "promo"], "task": "multilabel"},
        "multitask": {"target": ["bought", "paid"], "targets": {"bought": {"metric": "auc"}, "paid": {"metric": "r2"}}},
    }
    frame = frame.drop(columns={"regression": [], "multiclass": ["paid"], "multilabel": ["paid", "size"]}.get(task, []))
    several = contest(tmp_path, frame, **keys[task])
    for one in several.questions:
        rows = view(one, {"target_encoding": "town"})
        fitted, train = rows.fit(one.train.index)
        names = [f"{output}.mean_by_town" for output in one.outputs]
        assert set(names) <= set(fitted.columns.continuous) and train[names].notna().all().all()
        if len(names) == 3:
            np.testing.assert_allclose(train[names].sum(axis=1), 1)


def test_target_encoding_is_the_smoothed_mean_and_the_overall_one_for_a_new_value(asked: Contest) -> None:
    rows = view(asked, {"target_encoding": {"columns": "town", "smoothing": 3}})
    ids = asked.train.index
    fitted, _ = rows.fit(ids)
    found = rows.rows("test", asked.test.index, fitted)["bought.mean_by_town"]
    prior = asked.train["bought"].mean()
    expected = {
        town: (group["bought"].sum() + 3 * prior) / (len(group) + 3)
        for town, group in asked.train.groupby(asked.train["town"].fillna("none"))
    }
    towns = asked.test["town"].fillna("none")
    np.testing.assert_allclose(found, [expected.get(town, prior) for town in towns])
    assert (towns == "none").any(), "what is missing is a value"


def test_cross_fitting_looked_up_once_is_cross_fitting_part_by_part(asked: Contest) -> None:
    (step,) = view(asked, {"target_encoding": [["town", "shop"]]}).plan.fitted
    ids = asked.train.index
    parts = [(np.arange(60), np.arange(60, 120)), (np.arange(60, 120), np.arange(60))]
    targets = view(asked, {"count": "town"})._targets(ids)
    fast = step.cross(asked.train, targets, parts)
    pd.testing.assert_frame_equal(fast, Fitted.cross(step, asked.train, targets, parts))


words = st.one_of(st.none(), st.text(alphabet="ab&é 1", max_size=3))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.lists(st.tuples(words, words), min_size=1, max_size=20))
def test_combinations_differ_where_their_values_do(pairs: list[tuple[str | None, str | None]]) -> None:
    from outfold.data.features.base import Made
    from outfold.data.features.interaction import Combined

    rows = pd.DataFrame(pairs, columns=["a", "b"], dtype=object)
    found = Combined(("a", "b"), (Made("a+b", "category"),)).make(rows)["a+b"]
    kept = rows.where(rows.notna(), None)
    for i in range(len(rows)):
        for j in range(len(rows)):
            same = tuple(kept.iloc[i]) == tuple(kept.iloc[j])
            assert same == (found[i] == found[j] or (pd.isna(found[i]) and pd.isna(found[j])))


@given(
    st.lists(st.one_of(st.none(), st.integers(-3, 3)), min_size=1), st.lists(st.one_of(st.none(), st.integers(-5, 5)))
)
def test_a_count_is_how_often_the_training_rows_have_it(train: list[int | None], later: list[int | None]) -> None:
    from outfold.data.features.base import Made
    from outfold.data.features.count import Counted

    step = Counted(("x",), (Made("x.count", "number"),), share=False)
    learnt = step.fit(pd.DataFrame({"x": pd.array(train, dtype="Int64")}), None)
    found = step.apply(pd.DataFrame({"x": pd.Series(later, dtype=object)}), learnt)["x.count"]
    assert found.tolist() == [train.count(value) for value in later]


def test_the_features_of_the_page_are_made(tmp_path: Path) -> None:
    page = (REPO / "docs" / "features.md").read_text(encoding="utf-8")
    asked, trees, own = re.findall(r"^```yaml\n(.*?)^```$", page, flags=re.M | re.S)[:3]
    (hooks,) = re.findall(r"^```python\n(.*?)^```$", page, flags=re.M | re.S)
    rng, rows = np.random.default_rng(0), 120
    frame = pd.DataFrame(
        {
            "PassengerId": np.arange(rows),
            "Survived": rng.integers(0, 2, rows),
            "Pclass": rng.integers(1, 4, rows),
            "Name": [f"Braund, {'Mr' if number % 3 else 'Mrs'}. Owen {number}" for number in range(rows)],
            "Sex": rng.choice(["male", "female"], rows),
            "Age": pd.Series(rng.integers(1, 80, rows), dtype=float).where(rng.random(rows) > 0.2),
            "SibSp": rng.integers(0, 3, rows),
            "Parch": rng.integers(0, 3, rows),
            "Ticket": rng.choice(["A1", "B2", "C3"], rows),
            "Fare": rng.lognormal(3, 1, rows),
            "Cabin": pd.Series([f"C{number}" for number in range(rows)]).where(rng.random(rows) > 0.5),
        }
    )
    write_contest(tmp_path, frame[:90], frame[90:].drop(columns="Survived"), frame[90:][["PassengerId", "Survived"]])
    (tmp_path / "inputs" / "sample_submission.csv").rename(tmp_path / "inputs" / "gender_submission.csv")
    (tmp_path / "competition" / "competition.yaml").write_text(asked)
    (tmp_path / "competition" / "hooks.py").write_text(hooks)
    titanic, seen = load_contest(tmp_path), {}
    for name, text in (("trees", trees), ("own", own)):
        (tmp_path / f"{name}.yaml").write_text(text)
        pipeline = load_pipeline(tmp_path / f"{name}.yaml")
        assert isinstance(pipeline, TablePipelineBase)
        told = Told()
        made_of = ContestTable(titanic, pipeline, name, told)
        fitted, _ = made_of.fit(titanic.train.index)
        found = made_of.rows("test", titanic.test.index, fitted)
        assert found.whole[fitted.columns.names].notna().any().all()
        seen[name] = set(fitted.columns.names)
    assert {"Title.grouped", "Fare.over_median_by_Pclass+Deck", "Survived.mean_by_Title", "Name.words"} <= seen["trees"]
    assert not {"Title", "Fare"} & seen["trees"]
    assert {"beside survivors", "Title", "Deck", "Relatives", "Ticket.count"} <= seen["own"]
    assert told.notes == [
        "own: 7 columns of the contest, 5 features made, 2 of them from what each fold's training part teaches"
    ]


class Told(Reporter):
    """What a person would have read."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)
