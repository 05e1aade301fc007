"""Features through the stages: trained, predicted, resumed; no learner is taught by rows that it must not know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from features_contest import ENTRIES, HOOKS, contest, table, view
from ruamel.yaml import YAML

from outfold.config.load import load_competition, load_pipeline
from outfold.config.table_pipeline import TablePipelineBase
from outfold.contest import Contest
from outfold.contest_files import load_contest
from outfold.errors import ConfigError
from outfold.learners.tables.table_data import ContestTable
from outfold.runs.context import Context
from outfold.runs.provenance import fit_fingerprint
from outfold.stages.predict import predict
from outfold.stages.split import split
from outfold.stages.train import train

pytestmark = pytest.mark.usefixtures("one_thread")

FEATURES = [{kind: ENTRIES[kind]} for kind in ("count", "interaction", "target_encoding", "bins", "function")]
PIPELINES: dict[str, dict[str, Any]] = {
    "gbdt": {"learner": "gbdt", "rounds": 12, "early_stopping": 4, "params": {"min_data_in_leaf": 5}, "shap": False},
    "linear": {"learner": "linear", "C": [0.1, 1], "inner_folds": 1},
    "sklearn": {"learner": "sklearn", "estimator": "sklearn.tree.DecisionTreeClassifier", "params": {"max_depth": 3}},
}
each_learner = pytest.mark.parametrize("learner", list(PIPELINES))


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Contest:
    return contest(tmp_path_factory.mktemp("contest"))


def write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        YAML().dump(content, file)


def folder(root: Path, frame: pd.DataFrame | None = None, learner: str = "gbdt", **keys: Any) -> Path:
    """A contest with one pipeline of this learner, split into two folds."""
    contest(root, frame, folds={"n": 2}, **keys)
    write(root / "pipelines" / f"{learner}.yaml", {**PIPELINES[learner], "features": FEATURES})
    (root / "artifacts").mkdir()
    split(Context(root))
    return root


def predicted(root: Path, learner: str, part: str) -> pd.DataFrame:
    frame = pd.read_parquet(root / "artifacts" / learner / f"{part}.parquet")
    return frame.set_index(["fold", "id"]).sort_index()


@each_learner
def test_a_pipeline_with_features_is_trained_and_predicts(tmp_path: Path, learner: str) -> None:
    root = folder(tmp_path, learner=learner)
    manifest = train(Context(root), learner)
    assert manifest.complete and manifest.score > 0.5
    predict(Context(root), learner)
    assert predicted(root, learner, "test")["bought"].between(0, 1).all()
    kept = sorted(path.name for path in (root / "artifacts" / learner).glob("**/features/*"))
    assert "columns.json" in kept and kept.count("0.parquet") == 2


@each_learner
def test_rows_that_score_have_no_say_in_a_model(tmp_path: Path, learner: str) -> None:
    """The answers of one fold's rows are turned round, and what its model says of them stays the same."""
    frame = table()
    before = folder(tmp_path / "before", frame, learner)
    folds = pd.read_parquet(before / "artifacts" / "folds.parquet").set_index("id")["fold"]
    other = frame.set_index("id")
    scored = folds.index[folds == 0]
    other.loc[scored, "bought"] = 1 - other.loc[scored, "bought"]
    keys = {"folds": {"kind": "column", "column": "part"}}
    said = []
    for name, rows in (("as it is", frame), ("turned", other.reset_index())):
        root = tmp_path / name
        contest(root, rows.assign(part=rows["id"].map(folds).fillna(0).astype(int)), **keys)
        write(root / "pipelines" / f"{learner}.yaml", {**PIPELINES[learner], "features": FEATURES})
        split(Context(root))
        train(Context(root), learner, only_folds=[0])
        said.append(predicted(root, learner, "oof").loc[0, "bought"])
    pd.testing.assert_series_equal(*said, check_exact=True)


@pytest.mark.parametrize("learner", ["gbdt", "linear"])
def test_a_split_inside_the_training_part_learns_features_anew(
    tmp_path: Path, learner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[int] = []
    fit = ContestTable.fit

    def noted(self: ContestTable, ids: pd.Index) -> Any:
        fitted.append(len(ids))
        return fit(self, ids)

    monkeypatch.setattr(ContestTable, "fit", noted)
    root = folder(tmp_path, learner=learner)
    train(Context(root), learner, only_folds=[0])
    assert fitted.count(60) == 1 and all(count < 60 for count in fitted if count != 60) and len(fitted) > 1


def test_a_fold_that_is_trained_again_is_the_same_to_the_byte(tmp_path: Path) -> None:
    root = folder(tmp_path, learner="linear")
    train(Context(root), "linear", only_folds=[0])
    made = root / "artifacts" / "linear"
    files = {path: path.read_bytes() for path in made.glob("**/features/*")}
    before = predicted(root, "linear", "oof")
    for path in (*made.glob("**/done.json"), made / "manifest.json"):
        path.unlink()
    train(Context(root), "linear", only_folds=[0])
    assert {path: path.read_bytes() for path in files} == files and files
    pd.testing.assert_frame_equal(before, predicted(root, "linear", "oof"), check_exact=True)


def test_the_fingerprint_knows_what_a_feature_is_made_of(tmp_path: Path) -> None:
    root = folder(tmp_path)
    write(root / "pipelines" / "plain.yaml", PIPELINES["gbdt"])
    write(root / "pipelines" / "cnn.yaml", {"learner": "image"})

    def fingerprints() -> dict[str, str]:
        context = Context(root)
        return {name: fit_fingerprint(context, context.model_config(name)) for name in ("gbdt", "plain", "cnn")}

    def changed(before: dict[str, str]) -> set[str]:
        return {name for name, one in fingerprints().items() if one != before[name]}

    before = fingerprints()
    (root / "competition" / "hooks.py").write_text(HOOKS + "\n# another\n")
    assert changed(before) == {"gbdt"}, "its features call a function of it"
    (root / "competition" / "hooks.py").write_text(HOOKS)
    path = root / "competition" / "competition.yaml"
    asked = path.read_text()
    path.write_text(asked + "features: [{count: town}]\n")
    assert changed(before) == {"gbdt", "plain"}, "features are for learners of tables"
    path.write_text(asked + "features: [{function: hooks.py:town_mean}]\n")
    here = fingerprints()
    (root / "competition" / "hooks.py").write_text(HOOKS + "\n# another\n")
    assert changed(here) == {"gbdt", "plain"}
    path.write_text(asked + "features: []\n")
    (root / "competition" / "hooks.py").write_text(HOOKS)
    assert not changed(before), "a default is not there"


def test_features_of_each_target_of_several(tmp_path: Path) -> None:
    frame = table().assign(paid=lambda rows: rows["fare"] * 2 + 1)
    targets = {"bought": {"metric": "auc"}, "paid": {"metric": "r2"}}
    contest(tmp_path, frame, target=["bought", "paid"], targets=targets, folds={"kind": "kfold", "n": 2})
    write(tmp_path / "pipelines" / "gbdt.yaml", {**PIPELINES["gbdt"], "features": [{"target_encoding": "town"}]})
    split(Context(tmp_path))
    train(Context(tmp_path), "gbdt", only_folds=[0])
    tables = sorted((tmp_path / "artifacts" / "gbdt").glob("**/features/0.parquet"))
    sums = [pd.read_parquet(path)["sum.0"].sum() for path in tables]
    assert len(sums) == 2 and max(sums) > 1000 > 60 > min(sums), "each target has its own means"


@pytest.mark.parametrize("learner", ["gbdt", "linear"])
def test_pseudo_labelled_rows_have_the_features_too(tmp_path: Path, learner: str) -> None:
    root = folder(tmp_path, learner=learner)
    write(root / "pipelines" / "teacher.yaml", {"learner": "linear", "features": ["fare", "promo"], "C": 1})
    taught = {**PIPELINES[learner], "features": FEATURES, "pseudo": {"pipelines": "teacher", "share": 0.5}}
    write(root / "pipelines" / f"{learner}.yaml", taught)
    train(Context(root), "teacher")
    predict(Context(root), "teacher")
    manifest = train(Context(root), learner, only_folds=[0])
    assert manifest.pseudo is not None and predicted(root, learner, "oof")["bought"].between(0, 1).all()


# mistakes


@pytest.mark.parametrize(
    ("features", "told"),
    [
        ([{"count": "twon"}], r"trees.yaml: features\[0\].count: no such column 'twon'; did you mean town\?"),
        (["town", {"bins": "town"}], r"features\[1\].bins: 'town' holds categories; expected a column of numbers"),
        ([{"count": "bought"}], "'bought' is not in the test set"),
        ([{"count": "town"}, {"count": {"columns": "shop", "name": "town.count"}}], "a column 'town.count' already"),
        ([{"count": {"columns": ["town", "shop"], "name": "x"}}], "name: is for one column, and this makes 2"),
        ([{"target_encoding": "town"}, {"rank": "bought.mean_by_town"}], "is learnt from the targets"),
        ([{"bins": "age"}, {"lags": {"columns": "age.bin", "lags": "1D"}}], "is made once, of all rows together"),
        ([{"function": "hooks.py:town_means"}], "no function 'town_means'; did you mean town_mean"),
        ([{"date_parts": {"columns": "town"}}], "holds categories; expected a column of dates"),
        ([{"transform": {"columns": "fare"}}, {"count": {"columns": "town", "name": "day.month"}}], "part of a date"),
        ([{"text_length": "fare"}], "'fare' holds numbers; expected a column of text"),
    ],
)
def test_a_feature_that_cannot_be_made_is_told_by_its_place(asked: Contest, features: list[Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        view(asked, *features)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("features: [{cuont: town}]", r"gbdt.yaml:2: unknown key 'features\[0\].cuont'; did you mean count"),
        ("features:\n  - count: town\n    rare: town", "gbdt.yaml:3: features.0.: an entry is one kind of feature"),
        ("features: [{count: {column: town}}]", r"unknown key 'features\[0\].count.column'; did you mean columns"),
        ("features: [{extract: {column: town, pattern: 'a('}}]", "pattern: no regular expression"),
        ("features: [{extract: {column: town, pattern: 'a'}}]", "expected one group in parentheses, found 0"),
        ("features: [{cyclical: {columns: shop}}]", "give period: for columns of numbers, or parts: for dates"),
        ("features: [{function: town_mean}]", r"features\[0\].function"),
    ],
)
def test_a_wrong_entry_is_told_by_its_line(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "gbdt.yaml"
    path.write_text(f"learner: gbdt\n{text}\n")
    with pytest.raises(ConfigError, match=told):
        load_pipeline(path)


def test_one_column_is_short_for_a_list_and_a_contests_features_are_no_columns(tmp_path: Path) -> None:
    path = tmp_path / "gbdt.yaml"
    path.write_text("learner: gbdt\nfeatures: town\ndrop: age\n")
    pipeline = load_pipeline(path)
    assert isinstance(pipeline, TablePipelineBase) and pipeline.named == ["town"] and pipeline.drop == ["age"]
    path.write_text("host: folder\nslug: contest\nfeatures: [town]\n")
    with pytest.raises(ConfigError, match=r"gbdt.yaml:3: .*expected a kind and its columns, as in `count: town`"):
        load_competition(path)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("return rows.nothing", "line 2: mine: AttributeError"),
        ("return rows.head(3).assign(x=1)[['x']]", "mine did not keep the ids of rows"),
        ("return rows.assign(x=1)", "mine returned shop, town.*which the contest has already"),
        ("return 3", "mine returned int for rows, expected a DataFrame"),
    ],
)
def test_a_function_that_does_wrong_is_told(tmp_path: Path, body: str, told: str) -> None:
    own = contest(tmp_path)
    own.layout.hooks.write_text(f"def mine(train, rows):\n    {body}\n")
    rows = view(load_contest(tmp_path), {"function": "hooks.py:mine"})
    with pytest.raises(ConfigError, match=told):
        rows.fit(own.train.index)


def test_columns_that_a_function_makes_may_be_dropped_by_name(asked: Contest) -> None:
    ids = asked.train.index
    fitted, rows = view(asked, {"function": "hooks.py:town_mean"}, drop=["own", "fare"]).fit(ids)
    assert "own" not in rows and "fare" not in fitted.columns.continuous
    with pytest.raises(ConfigError, match=r"drop: no such column 'owm'; did you mean own"):
        view(asked, {"function": "hooks.py:town_mean"}, drop=["owm"]).fit(ids)
