"""tune: what is chosen inside a fold's training part, how it goes on, and what is written."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest
from conftest import IMAGES, REPO, TABULAR, outfold, write_contest, write_images, write_tables
from ear import Ear

from outfold.config.default_spaces import DEFAULT_SPACES
from outfold.config.load import load_pipeline
from outfold.config.search_space import Range
from outfold.ensemble.decision import nested_thresholds
from outfold.errors import ConfigError, MismatchError
from outfold.learners.inner_cv import inner_folds
from outfold.learners.registry import make_learner
from outfold.progress import Reporter
from outfold.runs.context import Context
from outfold.runs.scoring import pooled_score
from outfold.runs.tuning import pipeline_writer as written
from outfold.runs.tuning import trial_scheduler as race
from outfold.runs.tuning.executors import Alone
from outfold.runs.tuning.trial_runner import Bench, Outcome, Task
from outfold.stages import tune as stage
from outfold.stages.train import train
from outfold.stages.tune import Plan, tune
from outfold.store.atomic import write_text
from outfold.store.fold_dir import Shelf
from outfold.store.folds_file import write_folds
from outfold.store.paths import Layout
from outfold.store.predictions import prediction_frame

pytestmark = pytest.mark.usefixtures("one_thread")

RIDGE = """\
# as simple as can be
learner: linear
C: 0.0001   # far too strong
max_iter: 200
tune:
  C: {low: 1e-5, high: 10, log: true}
"""
CNN = """\
learner: image
model: resnet10t
timm_args: {stem_width: 8, channels: [8, 8, 8, 8]}
weights: none
size: 24
channels: 1
augment: none
batch_size: 16
workers: 0
phases: [{epochs: 2, lr: 1e-3}]
tta: 0
"""
FEW = Plan(trials=2, inner=2)


def contest(root: Path, rows: int = 240, **pipelines: str) -> Path:
    """Two classes that two of four numbers tell apart fairly well; some rows have the wrong class."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(rows, 4)).round(3), columns=[f"x{n}" for n in range(4)])
    table["target"] = (table["x0"] + table["x1"] * 0.7 + rng.normal(size=rows) > 0).astype(int)
    write_tables(root, table, "target")
    write_contest(root, TABULAR, **(pipelines or {"ridge": RIDGE}))
    for name in ("download", "split"):
        outfold(root, name)
    return root


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return contest(tmp_path_factory.mktemp("template") / "contest")


@pytest.fixture
def root(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(template, tmp_path / "contest"))


@pytest.fixture
def other(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(template, tmp_path / "other"))


@pytest.fixture(autouse=True)
def no_pictures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Most tests look at none, and drawing takes longer than searching."""
    if "pictures" not in request.fixturenames:
        monkeypatch.setattr(stage, "draw_history", lambda *_: None)
        monkeypatch.setattr(stage, "draw_importance", lambda *_: False)


@pytest.fixture
def pictures() -> None:
    """This test looks at them."""


def trials(root: Path, name: str = "ridge") -> pd.DataFrame:
    """All trials, but for how long they took."""
    return pd.read_csv(root / "artifacts" / "tune" / name / "trials.csv").drop(columns="seconds")


def test_the_rows_that_a_fold_scores_choose_nothing_about_its_model(root: Path, tmp_path: Path) -> None:
    tune(Context(root), "ridge", FEW)
    before = trials(root)

    folds = Context(root).folds
    scored = set(folds.valid(0))
    path = root / "inputs" / "train.csv"
    table = pd.read_csv(path)
    mine = table["case"].isin(scored)
    # another truth and other features, on the same split
    table.loc[mine, table.columns[1:]] = table.loc[mine, table.columns[1:]].to_numpy()[::-1]
    table.loc[mine, "x0"] = -table.loc[mine, "x0"]
    table.to_csv(path, index=False)
    write_folds(root / "artifacts" / "folds.parquet", folds, Context(root).split_fingerprint)
    tune(Context(root), "ridge", FEW)
    after = trials(root)

    pd.testing.assert_frame_equal(before[before["fold"] == 0], after[after["fold"] == 0])
    for fold in (1, 2):
        assert not before[before["fold"] == fold]["score"].equals(after[after["fold"] == fold]["score"])


def test_the_first_trial_is_the_pipeline_as_it_stands_and_the_best_is_never_worse(root: Path, tmp_path: Path) -> None:
    tune(Context(root), "ridge", FEW)
    found = trials(root)
    context = Context(root)
    work = stage._work(context, context.model_config("ridge"), "ridge", FEW)
    ids, frames = context.folds.train(1), []
    for number, (learn, choose) in enumerate(inner_folds(context.contest, ids, n=2, seed=work.seed)):
        learner = make_learner(context.contest, context.model_config("ridge"), "ridge", Reporter())
        shelf = Shelf.open(tmp_path / str(number), "")
        learner.fit(1, ids[learn], ids[choose], shelf)
        frames.append(learner.predict("train", ids[choose], {1: shelf}).assign(fold=number))
    first = found[(found["fold"] == 1) & (found["trial"] == 0)].iloc[0]
    assert first["score"] == pytest.approx(pooled_score(context.contest, pd.concat(frames)), rel=1e-5)
    assert first["C"] == 0.0001

    best = found.groupby("fold")["score"].max()
    assert (best >= found[found["trial"] == 0].set_index("fold")["score"]).all()
    tuned = load_pipeline(root / "pipelines" / "ridge-tuned.yaml")
    for fold, keys in tuned.by_fold.items():  # type: ignore[union-attr]
        own = found[(found["fold"] == fold) & (found["C"] == keys.get("C", 0.0001))]
        assert own["score"].max() == best[fold]


def test_each_fold_is_trained_with_its_own_keys_and_predicts_with_all_of_them(root: Path) -> None:
    by_fold = {0: 0.01, 1: 0.5, 2: 0.01}
    lines = "".join(f"  {fold}: {{C: {value}}}\n" for fold, value in by_fold.items())
    (root / "pipelines" / "mixed.yaml").write_text(f"learner: linear\nC: 7.0\nby_fold:\n{lines}")
    for value in (0.01, 0.5):
        (root / "pipelines" / f"plain{value}.yaml").write_text(f"learner: linear\nC: {value}\n")
        train(Context(root), f"plain{value}")
    manifest = train(Context(root), "mixed")
    assert manifest.complete
    mixed = pd.read_parquet(root / "artifacts" / "mixed" / "oof.parquet").set_index("id")
    for fold, value in by_fold.items():
        plain = pd.read_parquet(root / "artifacts" / f"plain{value}" / "oof.parquet").set_index("id")
        own = mixed[mixed["fold"] == fold]
        pd.testing.assert_frame_equal(own, plain.loc[own.index])
    assert outfold(root, "predict", "mixed").returncode == 0
    test = pd.read_parquet(root / "artifacts" / "mixed" / "test.parquet")
    assert set(test["fold"]) == {0, 1, 2} and test.groupby("fold")["target"].mean().nunique() == 3

    before = manifest.fingerprint
    text = (root / "pipelines" / "mixed.yaml").read_text()
    (root / "pipelines" / "mixed.yaml").write_text(text.replace("0: {C: 0.01}", "0: {C: 0.02}"))
    assert train(Context(root), "mixed").fingerprint != before


def test_what_is_searched_is_part_of_no_model(root: Path) -> None:
    before = train(Context(root), "ridge")
    path = root / "pipelines" / "ridge.yaml"
    path.write_text(path.read_text().replace("high: 10", "high: 20") + "  l1_ratio: [0.0, 0.5]\n")
    assert train(Context(root), "ridge").fingerprint == before.fingerprint


@pytest.mark.parametrize(
    ("by_fold", "kind", "told"),
    [
        ("by_fold: {0: {C: 1.0}, 2: {}}", ConfigError, r"by_fold: fold 1 is missing; there are 0, 2"),
        ("by_fold: {0: {}, 1: {}, 2: {}, 3: {}}", ConfigError, r"by_fold: the split has no fold 3; it has 0, 1, 2"),
        ("by_fold: {0: {}, 1: {}, 2: {}}\ntuned_on: 0123abcd", MismatchError, r"by_fold was found on other folds"),
        ("by_fold: {0: {}, 1: {C: -1.0}, 2: {}}", ConfigError, r"x.yaml:2: by_fold\[1\]: key 'C.0': input should be"),
        ("by_fold: {0: {CC: 1.0}, 1: {}, 2: {}}", ConfigError, r"unknown key 'CC'; did you mean C\?"),
        ("by_fold: {0: {jobs: 2}, 1: {}, 2: {}}", ConfigError, r"'jobs' is the same in every fold"),
        ("by_fold: {0: {class_weight: 3}, 1: {}, 2: {}}", ConfigError, r"class_weight"),
    ],
)
def test_keys_by_fold_that_do_not_fit_are_refused(root: Path, by_fold: str, kind: type, told: str) -> None:
    (root / "pipelines" / "x.yaml").write_text(f"learner: linear\n{by_fold}\n")
    with pytest.raises(kind, match=told):
        train(Context(root), "x")
    assert not (root / "artifacts" / "x" / "folds").exists()


def stopping(monkeypatch: pytest.MonkeyPatch, after: int) -> list[Task]:
    """Every task that is done; the process is gone after so many, in the midst of the next one."""
    done: list[Task] = []
    real = Bench.do

    def do(self: Bench, task: Task) -> Outcome:
        outcome = real(self, task)
        if len(done) == after:
            raise KeyboardInterrupt
        done.append(task)
        return outcome

    monkeypatch.setattr(Bench, "do", do)
    return done


def test_a_search_that_was_killed_goes_on_as_if_it_had_not_been(
    root: Path, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Plan(trials=3, inner=2)
    tune(Context(other), "ridge", plan)
    for after in (1, 3, 2):
        with monkeypatch.context() as patched:
            stopping(patched, after)
            with pytest.raises(KeyboardInterrupt):
                tune(Context(root), "ridge", plan)
    assert not (root / "pipelines" / "ridge-tuned.yaml").exists()
    tune(Context(root), "ridge", plan)
    pd.testing.assert_frame_equal(trials(root), trials(other))
    tuned = "pipelines/ridge-tuned.yaml"
    assert (root / tuned).read_bytes() == (other / tuned).read_bytes()


def test_more_trials_are_added_to_those_there_are(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tune(Context(root), "ridge", Plan(trials=2, inner=2))
    before = trials(root)
    done = stopping(monkeypatch, 1000)
    tune(Context(root), "ridge", Plan(trials=3, inner=2))
    assert len(done) == 3 * 2
    after = trials(root)
    pd.testing.assert_frame_equal(after[after["trial"] < 2].reset_index(drop=True), before)
    tune(Context(root), "ridge", Plan(trials=3, inner=2))
    assert len(done) == 3 * 2, "nothing is left to do"
    # another space is another search
    path = root / "pipelines" / "ridge.yaml"
    path.write_text(path.read_text().replace("high: 10", "high: 20"))
    tune(Context(root), "ridge", Plan(trials=1, inner=2))
    assert len(done) == 6 + 6


def guess(self: Bench, task: Task) -> Outcome:
    """In place of a fit: the truth with noise, the less the nearer C is to 0.1."""
    _, choose = self.inner(task.fold)[task.step]
    ids = self.context.folds.train(task.fold)[choose]
    far = abs(np.log10(self.work.config(task.fold, task.changes).C[0]) + 1)  # type: ignore[union-attr]
    noise = np.random.default_rng((task.fold, task.step)).normal(size=len(ids)) * (0.5 + far)
    return Outcome(
        prediction_frame(ids, task.step, "one", ["target"], (self.context.contest.truth(ids) + noise)[:, None])
    )


class Backwards(Alone):
    """Five hands of which the last one to begin is the first to end."""

    size = 5

    def __init__(self, bench: Bench) -> None:
        self.bench, self.tasks = bench, list[Task]()

    def begin(self, task: Task) -> None:
        self.tasks.append(task)

    def ended(self) -> list[tuple[Task, Outcome]]:
        task = self.tasks.pop()
        return [(task, self.bench.do(task))]


def test_the_same_trials_come_of_many_hands(root: Path, other: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bench, "do", guess)
    plan = Plan(trials=8, inner=3)
    tune(Context(root), "ridge", plan)
    real = race.Race.run
    assert "pruned" in set(trials(root)["state"])

    def run(self: race.Race, hands: Alone, *more: Any) -> None:
        real(self, Backwards(hands.bench), *more)

    monkeypatch.setattr(race.Race, "run", run)
    tune(Context(other), "ridge", plan)
    pd.testing.assert_frame_equal(trials(root), trials(other))
    assert not (other / "artifacts" / "tune" / "ridge" / "work").exists()


@pytest.mark.slow
def test_the_same_trials_come_of_several_processes(root: Path, other: Path) -> None:
    outfold(root, "tune", "ridge", "--trials", "7")
    outfold(other, "tune", "ridge", "--trials", "7", "--jobs", "3")
    pd.testing.assert_frame_equal(trials(root), trials(other))


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_a_search_in_several_processes_that_is_killed_leaves_none_and_goes_on(root: Path, other: Path) -> None:
    outfold(other, "tune", "ridge", "--trials", "7")
    words = [sys.executable, "-m", "outfold", "--root", str(root), "tune", "ridge", "--trials", "7", "--jobs", "2"]
    environment = {**os.environ, "PYTHONPATH": str(REPO / "src")}
    for wait in (0.5, 2.0):
        child = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        work, deadline = root / "artifacts" / "tune" / "ridge" / "work", time.monotonic() + 120
        while not work.exists() and child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(wait)
        hands = psutil.Process(child.pid).children(recursive=True)
        child.send_signal(signal.SIGKILL)
        child.wait()
        _, left = psutil.wait_procs(hands, timeout=20)
        assert not left
    outfold(root, "tune", "ridge", "--trials", "7")
    pd.testing.assert_frame_equal(trials(root), trials(other))


def test_a_trial_that_falls_behind_ends_after_an_inner_fold(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = stopping(monkeypatch, 10_000)
    tune(Context(root), "ridge", Plan(trials=12, inner=3, shared=True))
    found = trials(root)
    fits = pd.Series([task.trial for task in done]).value_counts()
    states = found.set_index("trial")["state"]
    assert set(states) == {"complete", "pruned"}
    assert (states.iloc[:5] == "complete").all()
    assert fits[states.index[states == "pruned"]].min() < 3
    assert (fits[states.index[states == "complete"]] == 3).all()
    best = found["score"].max()
    assert found.loc[found["score"].idxmax(), "state"] == "complete" and best > found["score"].iloc[0]


def test_a_network_that_falls_behind_ends_after_an_epoch(tmp_path: Path) -> None:
    write_images(tmp_path, rows=40, size=24)
    context = Context(write_contest(tmp_path, IMAGES, cnn=CNN))
    for name in ("download", "split"):
        outfold(tmp_path, name)
    work = stage._work(context, context.model_config("cnn"), "cnn", FEW)
    bench = Bench(work, Reporter(), context=context)

    def outcome(limits: dict[int, float]) -> Outcome:
        folder = tmp_path / f"limits-{len(limits)}"
        return bench.do(Task(0, 1, 0, {"weight_decay": 0.1}, folder, limits, context.contest.metric.greater_is_better))

    whole = outcome({})
    assert whole.frame is not None and len(whole.watched) == 2
    behind = whole.watched[0] + (1 if context.contest.metric.greater_is_better else -1)
    pruned = outcome({1: behind})
    assert pruned.frame is None and pruned.watched == whole.watched[:1]


def test_the_new_file_keeps_comments_trains_and_is_replaced_only_as_it_was_left(root: Path) -> None:
    path = tune(Context(root), "ridge", FEW)
    assert path == root / "pipelines" / "ridge-tuned.yaml"
    text = path.read_text()
    assert "# as simple as can be\n" in text and "C: 0.0001   # far too strong" in text
    assert text.startswith("# Written by `outfold tune ridge --trials 2`")
    assert train(Context(root), "ridge-tuned").complete

    tune(Context(root), "ridge", Plan(trials=3, inner=2))  # its own file: nobody has changed it
    path.write_text(path.read_text().replace("far too", "much too"))
    with pytest.raises(ConfigError, match=r"ridge-tuned.yaml: is there already"):
        tune(Context(root), "ridge", FEW)
    assert tune(Context(root), "ridge", FEW, output="third") == root / "pipelines" / "third.yaml"
    tune(Context(root), "ridge", FEW, force=True)
    assert "far too" in path.read_text()

    # a tuned pipeline can be tuned again, from where it is
    again = tune(Context(root), "ridge-tuned", Plan(trials=1, inner=2))
    assert again is not None and load_pipeline(again).by_fold == load_pipeline(path).by_fold  # type: ignore[union-attr]
    assert again.read_text().count("# Written by") == 1


def test_shared_is_one_search_and_says_what_it_costs_in_trust(root: Path) -> None:
    said = Ear()
    path = tune(Context(root, said), "ridge", Plan(trials=3, inner=2, shared=True))
    assert path is not None
    tuned = load_pipeline(path)
    assert not tuned.by_fold and tuned.tuned_on is None  # type: ignore[union-attr]
    assert set(trials(root)["fold"]) == {0}
    assert tuned.C != [0.0001]  # type: ignore[union-attr]
    assert any("a little too good" in line for line in said.lines)
    done = trials(root)
    tune(Context(root), "ridge", FEW, force=True)
    pd.testing.assert_frame_equal(trials(root)[lambda frame: frame["fold"] == 0].reset_index(drop=True), done)


def test_later_rows_choose_where_folds_are_split_by_time(root: Path) -> None:
    path = root / "inputs" / "train.csv"
    table = pd.read_csv(path).assign(day=lambda frame: pd.date_range("2020-01-01", periods=len(frame)).astype(str))
    table.to_csv(path, index=False)
    test = root / "inputs" / "test.csv"
    pd.read_csv(test).assign(day="2021-01-01").to_csv(test, index=False)
    config = root / "competition" / "competition.yaml"
    config.write_text(re.sub(r"folds: .*", "folds: {kind: time_series, n: 3, date: day}", config.read_text()))
    outfold(root, "split")
    context = Context(root)
    bench = Bench(stage._work(context, context.model_config("ridge"), "ridge", FEW), Reporter(), context=context)
    days = context.contest.train["day"].to_numpy()
    for fold in context.folds.numbers():
        ids = context.contest.train.index.get_indexer(context.folds.train(fold))
        for learn, choose in bench.inner(fold):
            assert days[ids[learn]].max() < days[ids[choose]].min()
    said = Ear()
    assert tune(Context(root, said), "ridge", Plan(trials=1, inner=2, shared=True)) is not None
    assert not any("too good" in line for line in said.lines)


def test_labels_are_decided_by_other_inner_folds(root: Path) -> None:
    config = root / "competition" / "competition.yaml"
    config.write_text(config.read_text().replace("metric: auc", "metric: f1"))
    contest = Context(root).contest
    ids, rng = contest.train.index, np.random.default_rng(1)
    outputs = (0.2 * contest.y + 0.1 * rng.uniform(size=len(ids))).astype(np.float32)
    fold = np.arange(len(ids)) % 2
    frame = pd.DataFrame({"id": ids, "fold": fold, "member": "one", "target": outputs})
    nested = nested_thresholds(contest.metric, contest.y, outputs[:, None], fold, task=contest.task)
    assert pooled_score(contest, frame) == nested.score == 1.0
    assert (
        np.isnan(contest.metric.score(contest.y, outputs[:, None]))
        or contest.metric.score(contest.y, outputs[:, None]) < 0.1
    ), "no output is above one half"


def test_keys_that_the_library_refuses_together_make_a_trial_that_is_told_and_counts(tmp_path: Path) -> None:
    trees = "learner: gbdt\nrounds: 3\nearly_stopping: 0\nparams: {other_rate: 0.5}\n"
    trees += "tune:\n  params.data_sample_strategy: [bagging, goss]\n  params.top_rate: [0.2, 0.9]\n"
    root, said = contest(tmp_path / "contest", rows=120, trees=trees), Ear()
    assert tune(Context(root, said), "trees", Plan(trials=8, inner=2, shared=True)) is not None
    found = trials(root, "trees")
    together = (found["params.data_sample_strategy"] == "goss") & (found["params.top_rate"] == 0.9)
    assert len(found) == 8 and set(found.loc[together, "state"]) == {"refused"}
    assert (found.loc[~together, "state"] != "refused").all()
    assert any("is refused" in line and "LightGBM" in line for line in said.lines)


def test_the_default_of_trees_is_searched_where_the_file_says_nothing(tmp_path: Path) -> None:
    trees = "learner: gbdt\nrounds: 5\nearly_stopping: 2\nparams: {reg_lambda: 3.0}\n"
    root, said = contest(tmp_path / "contest", rows=120, trees=trees), Ear()
    tune(Context(root, said), "trees", Plan(trials=2, inner=2, shared=True))
    assert any("params.lambda_l2 is left out: " in line for line in said.lines)
    found = trials(root, "trees")
    assert found["params.num_leaves"][0] == 31 and found["params.learning_rate"][0] == 0.05, "as it stands"
    assert "params.lambda_l2" not in trials(root, "trees")


def test_no_trial_is_begun_after_the_time(root: Path) -> None:
    assert tune(Context(root), "ridge", Plan(trials=3, timeout=0.0, inner=2)) is None
    assert not (root / "pipelines" / "ridge-tuned.yaml").exists()


GBDT, LINEAR = "learner: gbdt\n", "learner: linear\n"
TAUGHT = "learner: linear\npseudo: {pipelines: [ridge]}\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (GBDT + "tune:\n  roundz: [1, 2]\n", r"x.yaml:3: tune.roundz: unknown key 'roundz'; did you mean rounds\?"),
        (
            GBDT + "tune:\n  rounds: {low: 0, high: 9}\n",
            r"x.yaml:3: tune.rounds: .*greater than or equal to 1 \(found 0",
        ),
        (GBDT + "tune:\n  rounds: {low: 9, high: 1}\n", r"low: 9 and high: 1 are no range"),
        (GBDT + "tune:\n  params.x: {low: 0, high: 1.0, log: true}\n", r"log: true needs low above 0, found 0"),
        (GBDT + "tune:\n  refit: [true, maybe]\n", r"tune.refit: .*valid boolean"),
        (GBDT + "tune:\n  params.num_leavs: [8, 9]\n", r"tune: params.num_leavs: .*did you mean num_leaves"),
        (GBDT + "tune:\n  learner: [gbdt, linear]\n", r"'learner' is the same in every fold"),
        (LINEAR + "tune:\n  smoothing: {low: 1.0, high: 9.0}\n", r"smoothing: belongs to encoding: target"),
        (LINEAR + "tune:\n  C[9]: [1.0]\n", r"'C\[9\]' leads nowhere: C"),
        (TAUGHT, r"x.yaml: it learns from ridge, whose models have seen the rows that score a trial"),
    ],
)
def test_a_space_that_cannot_be_searched_is_refused_before_anything_is_trained(
    root: Path, text: str, told: str
) -> None:
    (root / "pipelines" / "x.yaml").write_text(text)
    with pytest.raises(ConfigError, match=told):
        tune(Context(root), "x", FEW)
    assert not (root / "artifacts" / "tune" / "x").exists()


@pytest.mark.parametrize("name", ["ridge", "blend", "../x", "x.yaml"])
def test_an_output_that_is_no_new_pipeline_is_refused(root: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"expected the name of a new pipeline|cannot be a pipeline.s name"):
        tune(Context(root), "ridge", FEW, output=name)


def test_without_optuna_the_remedy_is_told(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    done = outfold(root, "tune", "ridge", check=False)
    assert done.returncode == 2 and 'pip install "outfold[tune]"' in done.stderr


@pytest.mark.usefixtures("pictures")
def test_the_command_shows_what_was_found_and_what_to_do_next(root: Path) -> None:
    said = outfold(root, "tune", "ridge", "--trials", "3", "--inner", "2").stdout
    assert "tune ridge: 3 trials in each of 3 training parts; at most 18 fits" in said
    assert re.search(r"fold +trial +auc +gain", said) and re.search(r"\n +0 +start ", said)
    assert re.search(r"key +start +fold 0 +fold 1 +fold 2\n +C +0.0001 +\d", said)
    assert "train ridge ridge-tuned`" in said
    folder = root / "artifacts" / "tune" / "ridge"
    assert {"trials.csv", "trials.sqlite", "history.png", "importance.png"} <= {path.name for path in folder.iterdir()}


def test_numbers_are_tried_as_they_are_written() -> None:
    search = Range(low=0.01, high=0.3, log=True)
    assert search.written(0.123456) == 0.1235
    assert Range(low=0.12344, high=1.0).written(0.12344) == 0.12344, "it does not round out of the range"
    assert Range(low=1, high=9).written(3) == 3 and Range(low=1, high=9, step=2).holds(5)
    assert not Range(low=1, high=9, step=2).holds(4) and not Range(low=1, high=9).holds(True)
    assert Range(low=0.0, high=1.0, step=0.1).holds(0.3)


def test_the_page_has_the_spaces_that_are_searched_by_default() -> None:
    text = (REPO / "docs" / "tuning.md").read_text()
    rows = re.findall(r"^\| (\w*) ?\| (`[\w.]+`) \| (.*?) \| (.*?) ?\| (\w*) ?\|$", text, flags=re.M)
    found: dict[str, dict[str, Any]] = {}
    for learner, key, low, high, log in rows:
        mine = found.setdefault(learner, {}) if learner else list(found.values())[-1]
        mine[key.strip("`")] = (low, high, log)
    said = {
        learner: {key: _as_row(search) for key, search in space.items()} for learner, space in DEFAULT_SPACES.items()
    }
    assert found == said


def _as_row(search: Range | list[Any]) -> tuple[str, str, str]:
    if isinstance(search, Range):
        return str(search.low), str(search.high), "log" if search.log else ""
    return ", ".join(f"`{choice}`" if isinstance(choice, str) else str(choice) for choice in search), "", ""


@pytest.mark.parametrize("before", [True, False], ids=["before the file", "after the file"])
@pytest.mark.parametrize("again", [False, True], ids=["first", "again"])
def test_a_kill_while_the_file_is_written_leaves_one_that_the_same_command_may_replace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: bool, again: bool
) -> None:
    layout = Layout(tmp_path)

    def output() -> written.Output:
        return written.Output(layout, "ridge-tuned", "ridge", force=False)

    def killed(path: Path, text: str) -> None:
        if not before:
            write_text(path, text)
        raise KeyboardInterrupt

    if again:
        output().write("learner: linear\n")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(written, "write_text", killed)
        output().write("learner: linear\nseed: 1\n")
    output().write("learner: linear\nseed: 2\n")
    assert layout.pipeline_config("ridge-tuned").read_text().endswith("seed: 2\n")
    layout.pipeline_config("ridge-tuned").write_text("learner: linear\nseed: 3\n")
    with pytest.raises(ConfigError, match="is there already"):
        output()
