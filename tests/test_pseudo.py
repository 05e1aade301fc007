"""Pseudo-labels: who teaches whom is told by make and by name, and no model learns from its own fold's labels."""

from __future__ import annotations

import runpy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import IMAGES, REPO, TABULAR, write_contest, write_images, write_tables
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from sklearn.datasets import load_breast_cancer
from test_make import make, planned
from test_make import pytestmark as needs_make

import outfold
from outfold.config.load import load_pipeline
from outfold.config.pipeline_base import Pseudo
from outfold.errors import ConfigError, DataError, MismatchError
from outfold.learners.tables.pseudo_rows import TaughtRows, copies
from outfold.learners.tables.targets import Problem
from outfold.pseudo_labels import PseudoLabels, choose, spreads
from outfold.runs.context import Context
from outfold.runs.dependencies import in_order, lineage
from outfold.runs.pseudo_labels import Teachers
from outfold.stages.download import download
from outfold.stages.ensemble import ensemble
from outfold.stages.pipeline_order import predict_in_order, train_in_order
from outfold.stages.predict import predict
from outfold.stages.report import report
from outfold.stages.split import split
from outfold.stages.train import train
from outfold.store.manifest import read_manifest
from outfold.store.predictions import read_predictions, write_predictions
from outfold.terminal import reporter_for

FEW = "learner: gbdt\nrounds: 20\nearly_stopping: 5\nparams: {learning_rate: 0.2}\n"
STUDENT = FEW + "seed: 3\npseudo: {pipelines: [second, first], confidence: 0.8}\n"
IDS = pd.Index(["b", "a", "c", "d"], name="id")


def start(root: Path, **pipelines: str) -> Path:
    """A contest whose split does not look at the labels, split."""
    data = load_breast_cancer(as_frame=True)
    write_tables(root, data.frame.iloc[:240, [0, 1, 2, 3, 20, -1]].copy(), "target")
    write_contest(root, TABULAR.replace("kind: stratified", "kind: kfold"), **pipelines)
    download(Context(root))
    split(Context(root))
    return root


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two teachers and a student, trained; tests copy it."""
    root = start(tmp_path_factory.mktemp("taught") / "contest", first=FEW, second=FEW + "seed: 1\n", student=STUDENT)
    train_in_order(Context(root), ["student", "second", "first"])
    return root


@pytest.fixture
def contest(taught: Path, tmp_path: Path) -> Path:
    shutil.copytree(taught, tmp_path / "contest", copy_function=shutil.copy2)
    return tmp_path / "contest"


def labels(root: Path, fold: int) -> PseudoLabels:
    pseudo = Context(root).model_config("student").taught()
    assert pseudo is not None
    return Teachers(Context(root), pseudo).labels(fold)


# ---- which rows, and which labels


def votes(*rows: list[float]) -> np.ndarray:
    """One member's probabilities of two classes: the first is given."""
    return np.array([[[p, 1 - p] for p in row] for row in rows], np.float32)


def chosen(votes: list[np.ndarray], task: Any = "multiclass", **keys: Any) -> PseudoLabels:
    options: dict[str, Any] = {"confidence": None, "share": None, "labels": "soft", "weight": 1.0}
    return choose(IDS, votes, task, **{**options, **keys})


def test_each_teacher_counts_the_same_however_many_members_it_has() -> None:
    one, three = votes([0.9, 0.1, 0.6, 0.5]), votes([0.3] * 4, [0.2] * 4, [0.1] * 4)
    found = chosen([one, three], confidence=0.6)
    assert list(found.ids) == ["a", "d"]
    np.testing.assert_allclose(found.targets, [[0.15, 0.85], [0.35, 0.65]], rtol=1e-6)


def test_a_share_takes_the_surest_rows_in_the_order_of_the_table() -> None:
    found = chosen([votes([0.1, 0.55, 0.8, 0.99])], share=0.5)
    assert list(found.ids) == ["b", "d"]
    assert found.limit == pytest.approx(0.9)


def test_hard_labels_are_certain() -> None:
    assert chosen([votes([0.9, 0.2, 0.6, 0.7])], confidence=0.6, labels="hard").targets.tolist() == [
        [1, 0],
        [0, 1],
        [1, 0],
        [1, 0],
    ]
    tags = np.array([[[0.9, 0.2], [0.5, 0.5], [0.01, 0.02], [1, 1]]], np.float32)
    found = chosen([tags], "multilabel", confidence=0.9, labels="hard")
    assert list(found.ids) == ["c", "d"], "every tag of a row must be sure"
    assert found.targets.tolist() == [[0, 0], [1, 1]]


def test_a_sure_no_of_a_binary_target_is_as_sure_as_a_yes() -> None:
    found = chosen([np.array([[[0.02], [0.98], [0.5], [0.9]]], np.float32)], "binary", confidence=0.95)
    assert found.truth("binary").tolist() == [0, 1]


def test_numbers_are_sure_where_the_members_agree() -> None:
    members = np.array([[[1.0], [5.0], [9.0], [2.0]], [[1.1], [9.0], [9.3], [2.0]]], np.float32)
    found = chosen([members], "regression", share=0.75)
    assert list(found.ids) == ["b", "c", "d"]
    np.testing.assert_allclose(found.targets[:, 0], [1.05, 9.15, 2.0], rtol=1e-6)
    mean = members.mean(axis=0, dtype=np.float64)
    np.testing.assert_allclose(spreads([members], mean), spreads([members * 100], mean * 100), rtol=1e-5)


@given(st.integers(1, 40), st.integers(1, 5), st.floats(0.01, 1), st.integers(0, 2**31))
def test_whatever_is_chosen_is_at_least_as_sure_as_what_is_not(n: int, k: int, share: float, seed: int) -> None:
    drawn = np.random.default_rng(seed).dirichlet(np.ones(k + 1), (2, n)).astype(np.float32)
    ids = pd.Index(range(n))
    options: dict[str, Any] = {"labels": "soft", "weight": 1.0}
    found = choose(ids, [drawn], "multiclass", confidence=None, share=share, **options)
    sure = pd.Series(drawn.mean(axis=0, dtype=np.float64).max(axis=1), index=ids)
    assert len(found.ids) == max(1, round(share * n))
    assert found.ids.is_monotonic_increasing
    rest = sure.drop(found.ids)
    assert rest.empty or rest.max() <= sure[found.ids].min() + 1e-12
    np.testing.assert_allclose(found.targets.sum(axis=1), 1, rtol=1e-5)


# ---- boosters


def test_copies_of_a_row_share_its_weight() -> None:
    pseudo = PseudoLabels(IDS[:2], np.array([[0.7, 0.295, 0.005], [0, 1, 0]], np.float32), 0.5, 0.7)
    (found,) = copies(pseudo, "multiclass", ["x", "y", "z"]).values()
    assert list(zip(found.places, found.label, strict=True)) == [(0, 0), (0, 1), (1, 1)]
    np.testing.assert_allclose(found.weight, [0.5 * 0.7 / 0.995, 0.5 * 0.295 / 0.995, 0.5], rtol=1e-6)
    own = Problem("classes", np.array([0, 0, 1]), 3, balanced=True)
    rows, both = TaughtRows(IDS[:2], {"": found}).beside("", np.zeros((3, 1)), np.array([[5.0], [6.0]]), own)
    assert rows[:, 0].tolist() == [0, 0, 0, 5, 5, 6]
    assert both.weight is not None
    np.testing.assert_allclose(both.weight[:3], [0.75, 0.75, 1.5])
    np.testing.assert_allclose(both.weight[3:], found.weight * [0.75, 1.5, 1.5], err_msg="class weights hold for them")


@pytest.mark.parametrize("task", ["multilabel", "ordinal"])
def test_each_booster_has_the_chance_of_its_own_question(task: Any) -> None:
    table = {"multilabel": [[0.9, 0.2, 0.6]], "ordinal": [[0.1, 0.3, 0.6]]}[task]
    found = copies(PseudoLabels(IDS[:1], np.array(table, np.float32), 1.0, 0.6), task, ["low", "mid", "high"])
    yes = {name: float(one.weight[one.label == 1].sum()) for name, one in found.items()}
    wanted = {"multilabel": {"low": 0.9, "mid": 0.2, "high": 0.6}, "ordinal": {"above low": 0.9, "above mid": 0.6}}
    assert yes == pytest.approx(wanted[task])


# ---- no leak


def permute_labels(root: Path, fold: int) -> None:
    """Give the rows that a fold scores each other's labels, in the contest's own file."""
    path = root / "inputs" / "train.csv"
    frame = pd.read_csv(path, dtype={"case": str})
    mine = frame["case"].isin(Context(root).folds.valid(fold))
    frame.loc[mine, "target"] = 1 - frame.loc[mine, "target"].to_numpy()
    frame.to_csv(path, index=False)


def test_a_fold_s_own_labels_change_nothing_that_its_model_learns_from_or_says(contest: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(contest, other, ignore=shutil.ignore_patterns("artifacts"))
    (other / "artifacts").mkdir()
    shutil.copy2(contest / "artifacts" / "folds.parquet", other / "artifacts")
    permute_labels(other, 1)
    download(Context(other))
    split(Context(other))
    assert Context(other).folds.hash == Context(contest).folds.hash
    train_in_order(Context(other), ["first", "second", "student"])
    for fold in (0, 1, 2):
        mine, theirs = labels(contest, fold), labels(other, fold)
        same = mine.targets.tobytes() == theirs.targets.tobytes() and mine.ids.equals(theirs.ids)
        assert same == (fold == 1), f"fold {fold}"
    for name in ("first", "student"):
        said = [read_predictions(Context(root).layout.oof(name)) for root in (contest, other)]
        mine, theirs = (frame[frame["fold"] == 1].reset_index(drop=True) for frame in said)
        pd.testing.assert_frame_equal(mine, theirs, check_exact=True)
        mine, theirs = (frame[frame["fold"] == 0].reset_index(drop=True) for frame in said)
        assert not mine.equals(theirs), "the labels of fold 1 teach the other folds"


def test_test_rows_are_learnt_from_and_never_scored(contest: Path) -> None:
    work = outfold.open(contest)
    assert sorted(work.oof("student").index) == sorted(work.contest.train.index)
    taught = work.manifest("student").pseudo
    assert taught is not None and taught.pipelines == ["first", "second"] and taught.of == len(work.contest.test)
    assert [one.rows for one in taught.folds if one] == [len(labels(contest, fold).ids) for fold in (0, 1, 2)]
    (contest / "pipelines" / "plain.yaml").write_text(STUDENT.partition("pseudo")[0])
    train(Context(contest), "plain")
    plain, student = (work.oof(name)["target"] for name in ("plain", "student"))
    assert not plain.equals(student), "learning from them makes another model"


# ---- teachers that may not be used


def retrain(root: Path) -> None:
    (root / "pipelines" / "first.yaml").write_text(FEW.replace("0.2", "0.1"))
    train(Context(root), "first")


def change_config(root: Path) -> None:
    (root / "pipelines" / "first.yaml").write_text(FEW.replace("0.2", "0.1"))


def train_partly(root: Path) -> None:
    train(Context(root), "first", only_folds=[0, 2])


def spoil(root: Path) -> None:
    path = Context(root).layout.test("first")
    frame = read_predictions(path)
    write_predictions(path, frame.assign(target=frame["target"] * np.float32(0.9)))


REFUSED: dict[str, tuple[Callable[[Path], Any], str]] = {
    "untrained": (lambda root: shutil.rmtree(root / "artifacts" / "first"), "first, .* is not trained\n"),
    "partial": (train_partly, "first, .* is not trained on fold 1\n"),
    "other": (change_config, "first, .* was trained on another contest, pipeline, data or folds"),
    "retrained": (retrain, "first, .* has not predicted the test set since it was trained\n.*predict first` first"),
    "unpredicted": (lambda root: Context(root).layout.test("first").unlink(), "has not predicted the test set"),
    "spoilt": (spoil, r"first.test.parquet: its hash is not the one in .*\n.*predict first`"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_teacher_that_may_not_be_used_is_named_with_the_command_to_run(contest: Path, case: str) -> None:
    spoils, message = REFUSED[case]
    spoils(contest)
    (contest / "pipelines" / "student.yaml").write_text(STUDENT.replace("0.8", "0.7"))
    with pytest.raises((MismatchError, DataError), match=message):
        train(Context(contest), "student")


def test_a_student_is_stale_as_soon_as_its_teachers_say_something_else(contest: Path) -> None:
    before = read_manifest(Context(contest).layout.manifest("student"))
    assert train(Context(contest), "student") == before, "nothing has changed, and nothing is trained"
    retrain(contest)
    predict(Context(contest), "first")
    with pytest.raises(MismatchError, match="student was trained on another"):
        predict(Context(contest), "student")
    assert train(Context(contest), "student").oof_sha256 != (before and before.oof_sha256)


@pytest.mark.parametrize(
    ("pipelines", "message"),
    [
        ({"student": "[student]"}, "student learns from student; no pipeline can learn from itself"),
        ({"first": "[student]"}, "student learns from first learns from student"),
        ({"student": "[frist]"}, "learns from 'frist', and there is no such pipeline; did you mean first"),
        ({"student": "[blend]"}, "cannot learn from the blend: its weights have seen every fold's labels"),
    ],
)
def test_whoever_cannot_teach_is_refused_by_name(contest: Path, pipelines: dict[str, str], message: str) -> None:
    for name, teachers in pipelines.items():
        (contest / "pipelines" / f"{name}.yaml").write_text(f"{FEW}pseudo: {{pipelines: {teachers}}}\n")
    with pytest.raises(ConfigError, match=message):
        train(Context(contest), "student")


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("confidence: 0.9, share: 0.5", "confidence: or share:, not both"),
        ("share: 0", "greater than 0"),
        ("pipelines: [a, a]", "each once"),
        ("pipelines: []", "at least 1 item"),
        ("weight: 0", "greater than 0"),
    ],
)
def test_keys_that_contradict_are_refused(tmp_path: Path, keys: str, message: str) -> None:
    path = tmp_path / "student.yaml"
    keys = keys if "pipelines" in keys else f"pipelines: [a], {keys}"
    path.write_text(f"{FEW}pseudo: {{{keys}}}\n")
    with pytest.raises(ConfigError, match=message):
        load_pipeline(path)


def test_numbers_need_a_share_and_two_members(tmp_path: Path) -> None:
    root = tmp_path / "contest"
    student = FEW + "pseudo: {pipelines: first, share: 0.5}\n"
    write_tables(root, load_breast_cancer(as_frame=True).frame.iloc[:120, :4].copy(), "mean area")
    competition = TABULAR.replace("task: binary\nmetric: auc", "task: regression\nmetric: rmse")
    competition = competition.replace("target: target", "target: mean area").replace("stratified", "kfold")
    write_contest(root, competition, first=FEW, student=student)
    download(Context(root))
    split(Context(root))
    with pytest.raises(MismatchError, match="first: one member alone has no spread"):
        train_in_order(Context(root), ["student", "first"])
    write_contest(root, competition, second=FEW + "seed: 5\n", student=student.replace("first,", "[first, second],"))
    train_in_order(Context(root), ["student", "second"])
    found = outfold.open(root).pseudo_labels()
    assert (found["rows"] == 18).all() and (found["chosen by"] == "spread").all() and found["limit"].between(0, 1).all()
    for keys, message in (("", "Say share"), (", share: 0.5, labels: hard", "labels: hard is for classes")):
        (root / "pipelines" / "student.yaml").write_text(FEW + f"pseudo: {{pipelines: [first, second]{keys}}}\n")
        with pytest.raises(ConfigError, match=message):
            train(Context(root), "student")


# ---- order, make, report


def test_pipelines_come_after_those_that_they_learn_from(tmp_path: Path) -> None:
    def pseudo(*names: str) -> str:
        return FEW + f"pseudo: {{pipelines: [{', '.join(names)}]}}\n"

    root = write_contest(tmp_path, TABULAR, a=pseudo("d", "b"), b=pseudo("c"), c=FEW, d=FEW)
    layout = Context(root).layout
    assert lineage(layout, "a") == ["d", "c", "b"]
    assert in_order(layout, ["a", "b", "c", "d"]) == ["d", "c", "b", "a"]
    assert in_order(layout, ["a", "c"]) == ["c", "a"], "only those that were asked for"


@pytest.mark.parametrize(
    "text",
    [
        "pseudo: {pipelines: [cnn, light-gbm], confidence: 0.9}",
        "pseudo: {confidence: 0.9, pipelines: [cnn,\n  'light-gbm']}  # [three]",
        "pseudo:\n  pipelines: [cnn, light-gbm]\n  share: 0.5",
        'pseudo:\n  share: 0.5\n  # pipelines: [three]\n  pipelines:\n    - cnn\n    - "light-gbm"\nseed: 1',
        "pseudo:\n  pipelines:\n  - cnn  # [three]\n  - light-gbm\n  weight: 2",
        "pseudo: {pipelines: cnn}",
        "pseudo:\n  pipelines: cnn\n",
        "features: [three]",
        "#pseudo: {pipelines: [three]}",
    ],
)
def test_make_reads_the_names_that_the_stages_read(tmp_path: Path, text: str) -> None:
    for name in ("cnn", "light-gbm", "three"):
        (tmp_path / f"{name}.yaml").write_text(FEW)
    path = tmp_path / "student.yaml"
    path.write_text(f"{FEW}{text}\n")
    content = YAML(typ="safe").load(path)
    wanted = Pseudo.model_validate(content["pseudo"]).pipelines if "pseudo" in content else []
    words = runpy.run_path(str(REPO / "tools" / "needs.py"))["needs"](tmp_path)
    assert list(words) == [f"student/oof.parquet:{name}/test.parquet" for name in wanted]


@needs_make
def test_make_makes_teachers_first_and_looks_at_students_anew(contest: Path) -> None:
    artifacts = contest / "artifacts"
    artifacts.rename(contest / "aside")
    every = planned(contest, "PIPELINES=student", "train")
    assert len(every) == len(set(every)) == 7
    for name in ("first", "second"):
        assert every.index(f"train {name}") < every.index(f"predict {name}") < every.index("train student")
    (contest / "aside").rename(artifacts)
    assert planned(contest, "train") == []

    shutil.rmtree(artifacts / "first")
    assert planned(contest, "PIPELINES=student", "train") == ["train first", "predict first", "train student"]
    said = make(contest, "-j3", "PIPELINES=student", "train")
    assert said.count("predict first:") == 1 and "train student: up to date" in said
    assert (artifacts / "first" / "oof.parquet").exists(), "what a teacher leaves stays"
    assert planned(contest, "train") == []


def test_a_reader_sees_what_was_learnt_from_beside_the_scores(
    contest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["first", "second", "student"]
    predict_in_order(Context(contest), names)
    assert ensemble(Context(contest, reporter_for())).extra["pipelines"] == names, "a member like any other"
    assert "student has learnt from pseudo-labels, too: " in "".join(capsys.readouterr())
    work = outfold.open(contest)
    scores = work.scores()
    assert "test rows, confidence ≥ 0.8, from first, second" in scores.loc["student", "pseudo-labels"]
    assert scores.loc["first", "pseudo-labels"] == ""
    found = work.pseudo_labels()
    assert found.loc[("student", 1), "auc of second"] == work.manifest("second").fold_scores[1]


@pytest.mark.slow
def test_the_report_shows_them(contest: Path) -> None:
    predict_in_order(Context(contest), ["student"])
    ensemble(Context(contest))
    page = report(Context(contest)).read_text()
    assert "Pseudo-labels" in page and "auc of first" in page


def test_a_quick_look_leaves_out_whoever_would_learn_from_it(contest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = read_manifest(Context(contest).layout.manifest("student"))
    train_in_order(Context(contest, reporter_for()), ["first", "student"], only_folds=[0])
    assert "train student: left out: first must be trained on every fold" in "".join(capsys.readouterr())
    first = read_manifest(Context(contest).layout.manifest("first"))
    assert first is not None and first.trained == [True, False, False]
    assert read_manifest(Context(contest).layout.manifest("student")) == before


def test_a_threshold_that_no_row_reaches_is_told(contest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (contest / "pipelines" / "student.yaml").write_text(STUDENT.replace("0.8", "1.0"))
    manifest = train(Context(contest, reporter_for()), "student")
    assert "its teachers are of no test row as sure as 1" in "".join(capsys.readouterr())
    assert manifest.pseudo is not None and [one.rows for one in manifest.pseudo.folds if one] == [0, 0, 0]


def test_unreadable_test_images_teach_nothing(tmp_path: Path) -> None:
    root = tmp_path / "contest"
    write_images(root, rows=45)
    competition = f"{IMAGES}on_bad_image: drop\n"
    bad = sorted((root / "inputs" / "test").glob("*.png"))[:3]
    for path in bad:
        path.write_text("no image")
    student = FEW + "pseudo: {pipelines: first, share: 1}\n"
    write_contest(root, competition, first=FEW, student=student)
    download(Context(root))
    split(Context(root))
    train_in_order(Context(root), ["first", "student"])
    assert set(outfold.open(root).pseudo_labels()["rows"]) == {15 - 3}
