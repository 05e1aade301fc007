"""``outfold check`` finds, before anything is trained, what the later stages would refuse."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from contest_folder import write_contest
from ear import Ear

import outfold
from outfold.errors import OutfoldError
from outfold.runs.context import Context
from outfold.stages.check import check
from outfold.stages.ensemble import ensemble
from outfold.stages.predict import predict
from outfold.stages.split import split
from outfold.stages.submit import submit
from outfold.stages.train import train

pytestmark = pytest.mark.usefixtures("one_thread")

GBDT = "learner: gbdt\nrounds: 5\nearly_stopping: 0\nshap: false\n"
LINEAR = "learner: linear\n"
FOREST = "learner: sklearn\nestimator: sklearn.ensemble.RandomForestClassifier\n"
TABULAR = "learner: tabular\nlayers: [4]\nphases: [{epochs: 1, lr: 1e-3}]\n"


def table(rows: int = 120) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "id": np.arange(1, rows + 1),
            "a": draw.normal(size=rows).round(4),
            "b": draw.normal(size=rows).round(4),
            "c": draw.choice(["red", "green", "blue"], rows),
            "when": pd.date_range("2024-01-01", periods=rows, freq="D").astype(str),
            "flat": 1,
        }
    )
    score = frame["a"] + 0.5 * draw.normal(size=rows)
    frame["y"] = (score > score.median()).astype(int)
    frame["kind"] = np.array(["b", "c d", "e"])[pd.qcut(score, 3, labels=False)]
    frame["price"] = np.exp(score).round(3)
    return frame


def sound(root: Path, case: Case) -> Path:
    """A contest folder of the case; ``Case()`` has no fault."""
    frame = table()
    frame = case.bend(frame) if case.bend else frame
    columns = [name for name in frame if name not in ("y", "kind", "price", "flat", "when") or name in case.columns]
    features = [name for name in columns if name != case.target]
    train_table, rest = frame[:90], frame[90:]
    sample = rest[["id"]].assign(**(case.sample or {case.target: 0.5}))
    keys = {"folds": {"n": 3, "seed": 1}, **case.contest}
    write_contest(
        root, train_table[[*features, case.target]], rest[features], sample, id="id", target=case.target, **keys,
        hooks=case.hooks,
    )  # fmt: skip
    if case.solution is not None:
        case.solution(rest[["id", case.target]]).to_csv(root / "solution.csv", index=False)
    (root / "pipelines").mkdir()
    for name, text in case.pipelines.items():
        (root / "pipelines" / f"{name}.yaml").write_text(text)
    return root


@dataclass
class Case:
    """A contest with one fault, and what is said of it."""

    said: str = ""
    target: str = "y"
    contest: dict[str, Any] = field(default_factory=dict)
    pipelines: dict[str, str] = field(default_factory=lambda: {"lightgbm": GBDT})
    hooks: str | None = None
    sample: dict[str, Any] | None = None
    columns: tuple[str, ...] = ()
    bend: Any = None
    solution: Any = None


def holes(name: str) -> Any:
    return lambda frame: frame.assign(**{name: frame[name].where(frame.index % 5 > 0)})


def constant(name: str, value: Any) -> Any:
    return lambda frame: frame.assign(**{name: value})


def patients(count: int) -> Any:
    return lambda frame: frame.assign(patient=frame.index % count)


MULTI = {"b": 0.3, "c d": 0.3, "e": 0.4}
FUNCTION = "features: [{function: hooks.py:more}]\n"
SPLIT = {
    "a group is missing": Case(
        "patient", contest={"folds": {"kind": "group", "n": 3, "group": "patient"}}, columns=("patient",),
        bend=lambda frame: holes("patient")(patients(9)(frame)),
    ),
    "fewer groups than folds": Case(
        "3 folds need 3 groups", contest={"folds": {"kind": "group", "n": 3, "group": "patient"}},
        columns=("patient",), bend=patients(2),
    ),
    "a date is missing": Case(
        "when", contest={"folds": {"kind": "time_series", "n": 3, "date": "when"}}, columns=("when",),
        bend=holes("when"),
    ),
    "fewer dates than folds": Case(
        "4 distinct dates", contest={"folds": {"kind": "time_series", "n": 3, "date": "when"}}, columns=("when",),
        bend=lambda frame: frame.assign(when=np.where(frame.index % 2, "2024-01-01", "2024-01-02")),
    ),
    "stratified folds of a number": Case(
        "does not fit a regression", target="price",
        contest={"metric": "rmse", "folds": {"kind": "stratified", "n": 3}},
    ),
    "more folds than rows": Case("91 folds for 90 training rows", contest={"folds": {"kind": "kfold", "n": 91}}),
    "a fold column with one value": Case(
        "same fold", contest={"folds": {"kind": "column", "column": "flat"}}, columns=("flat",),
    ),
    "a span longer than the data": Case(
        "folds.span",
        contest={"folds": {"kind": "time_series", "n": 3, "date": "when", "span": "60d"}}, columns=("when",),
    ),
    "a holdout of one group": Case(
        "all rows are in one", contest={"folds": {"kind": "holdout", "group": "flat"}}, columns=("flat",),
    ),
    "a holdout of one date": Case(
        "all rows have the same", contest={"folds": {"kind": "holdout", "date": "when"}}, columns=("when",),
        bend=constant("when", "2024-01-01"),
    ),
}  # fmt: skip
TRAIN = {
    "a value that scikit-learn refuses": Case(
        "min_samples_split", pipelines={"forest": FOREST + "params: {min_samples_split: 0}\n"}
    ),
    "a value inside a scikit-learn pipeline": Case(
        "'C' parameter",
        pipelines={
            "two": "learner: sklearn\nestimator:\n  - sklearn.preprocessing.StandardScaler\n"
            "  - {estimator: sklearn.linear_model.LogisticRegression, params: {C: -1}}\n"
        },
    ),
    "a regressor for classes": Case(
        "RandomForestRegressor is a regressor", pipelines={"forest": FOREST.replace("Classifier", "Regressor")}
    ),
    "a value that LightGBM refuses": Case("num_leaves", pipelines={"a": GBDT + "params: {num_leaves: 1}\n"}),
    "a value that XGBoost refuses": Case(
        "max_depth", pipelines={"a": GBDT + "library: xgboost\nparams: {max_depth: -7}\n"}
    ),
    "a value that CatBoost refuses": Case(
        "L2LeafRegularizer", pipelines={"a": GBDT + "library: catboost\nparams: {l2_leaf_reg: -5}\n"}
    ),
    "a metric that LightGBM lacks": Case(
        "params.metric", pipelines={"a": "learner: gbdt\nrounds: 5\nshap: false\nparams: {metric: nonesuch}\n"}
    ),
    "monotone on what no function makes": Case(
        "no such feature 'nonesuch'",
        pipelines={"a": GBDT + "monotone: {nonesuch: increasing}\n" + FUNCTION},
        hooks="def more(train, rows):\n    return rows[['a']].rename(columns={'a': 'double'}) * 2\n",
    ),
    "a feature function that fails": Case(
        "no column", pipelines={"a": GBDT + FUNCTION}, hooks="def more(train, rows):\n    raise KeyError('no column')\n"
    ),
    "a feature function that forgets a column of test rows": Case(
        "not for others",
        pipelines={"a": GBDT + FUNCTION},
        hooks="def more(train, rows):\n    made = rows[['a']].rename(columns={'a': 'double'})\n"
        "    return made if rows.index.max() <= 90 else made.rename(columns={'double': 'other'})\n",
    ),
    "an objective of the wrong shape": Case(
        "gradient of shape",
        pipelines={"a": GBDT + "objective: hooks.py:loss\n"},
        hooks="def loss(y, raw):\n    return raw[:3], raw[:3]\n",
    ),
    "constant columns for a network": Case(
        "no column differs", pipelines={"net": TABULAR}, columns=("flat",),
        bend=lambda frame: frame.assign(a=0.0, b=0.0, c="x"),
        contest={"columns": {"continuous": ["flat"]}, "folds": {"n": 3}},
    ),
    "batches of one row": Case("batches of one", pipelines={"net": TABULAR + "batch_size: 1\n"}),
    "rates for groups that the network lacks": Case(
        "layer groups", pipelines={"net": TABULAR.replace("1e-3", "[1e-4, 1e-3, 1e-2, 1e-1, 1]")}
    ),
    "a fold without keys": Case("by_fold: fold 2 is missing", pipelines={"a": GBDT + "by_fold: {0: {}, 1: {}}\n"}),
    "a logarithm of a negative number": Case(
        "log1p", target="price", contest={"metric": "rmse"}, pipelines={"a": GBDT + "target_transform: log1p\n"},
        bend=lambda frame: frame.assign(price=frame["price"] - 5),
    ),
    "a device that is not there": Case("cuda:7", pipelines={"net": TABULAR + "device: cuda:7\n"}),
    "no group to choose the rounds by": Case(
        "groups: all rows are in one",
        contest={"folds": {"kind": "group", "n": 2, "group": "patient"}}, columns=("patient",), bend=patients(2),
        pipelines={"a": "learner: gbdt\nrounds: 5\nshap: false\n"},
    ),
    "a metric that fails": Case(
        "ZeroDivisionError", contest={"metric": "hooks.py:mine"}, hooks="def mine(y, p):\n    return 1 / 0\n"
    ),
    "a metric that returns no number": Case(
        "mine", contest={"metric": "hooks.py:mine"}, hooks="def mine(y, p):\n    return 'good'\n"
    ),
}  # fmt: skip
ENSEMBLE = {
    "ranks for a log loss": Case(
        "rank_mean", contest={"metric": "log_loss"},
        pipelines={"a": GBDT, "b": LINEAR, "blend": "learner: blend\ncombiner: rank_mean\n"},
    ),
    "a pipeline that is not there": Case(
        "no such pipeline", pipelines={"a": GBDT, "blend": "learner: blend\npipelines: [a, b]\n"}
    ),
    "a blend.yaml that is a model": Case("expected learner: blend", pipelines={"a": GBDT, "blend": GBDT}),
    "one scored group": Case(
        "one fold and one group",
        contest={"folds": {"kind": "column", "column": "part"}, "columns": {"group": "patient"}},
        columns=("part", "patient"),
        bend=lambda frame: frame.assign(part=(frame.index >= 60) - 1, patient=(frame.index >= 60) * 1),
    ),
}  # fmt: skip
SUBMIT = {
    "postprocess fails": Case("KeyError", hooks="def postprocess(frame):\n    return frame['nothing']\n"),
    "postprocess drops rows": Case("20 rows", hooks="def postprocess(frame):\n    return frame.head(20)\n"),
    "postprocess renames": Case(
        "columns", hooks="def postprocess(frame):\n    return frame.rename(columns={'y': 'z'})\n"
    ),
    "postprocess leaves gaps": Case(
        "missing", hooks="def postprocess(frame):\n    frame.loc[3, 'y'] = None\n    return frame\n"
    ),
    "a ranking of classes with blanks": Case(
        "blank", target="kind", contest={"metric": "map@3"}, sample={"kind": "b e"}
    ),
    "one column for a log loss of several classes": Case(
        "one column", target="kind", contest={"metric": "log_loss"}, sample={"kind": "b"}
    ),
    "a solution without a row": Case(
        "no row for 1 ids", contest={"solution": "solution.csv"}, solution=lambda frame: frame[1:]
    ),
    "a solution of another target": Case(
        "has no column y", contest={"solution": "solution.csv"}, solution=lambda frame: frame.rename(columns={"y": "z"})
    ),
    "a solution of odd use": Case(
        "Usage", contest={"solution": "solution.csv"}, solution=lambda frame: frame.assign(Usage="Secret")
    ),
}  # fmt: skip
STAGES = ("split", "train", "ensemble", "submit")


def run(context: Context, upto: str) -> None:
    """The stages, one after the other."""
    split(context)
    names = context.layout.pipeline_names()
    for name in names if upto != "split" else []:
        train(context, name)
        predict(context, name)
    if upto in ("ensemble", "submit"):
        ensemble(context)
    if upto == "submit":
        submit(context)


EVERY = [
    pytest.param(stage, case, id=f"{stage}: {name}")
    for stage, cases in (("split", SPLIT), ("train", TRAIN), ("ensemble", ENSEMBLE), ("submit", SUBMIT))
    for name, case in cases.items()
]


def test_a_sound_contest_passes_and_its_stages_run(tmp_path: Path) -> None:
    root, ear = sound(tmp_path, Case()), Ear()
    check(Context(root, ear))
    assert not (root / "artifacts" / "folds.parquet").exists(), "check writes no split"
    assert ear.notes[-1].startswith("check: passed") and ear.notes[-1].endswith("ready to train")
    run(Context(root), "submit")


@pytest.mark.parametrize(("stage", "case"), EVERY)
def test_check_finds_what_a_later_stage_refuses(tmp_path: Path, stage: str, case: Case) -> None:
    root = sound(tmp_path, case)
    with pytest.raises(OutfoldError) as found:
        check(Context(root))
    assert case.said in str(found.value)
    with pytest.raises(OutfoldError) as refused:
        run(Context(root), stage)
    assert case.said in str(refused.value)


def test_check_reports_every_fault_and_not_only_the_first(tmp_path: Path) -> None:
    case = Case(
        pipelines={"a": GBDT + "params: {num_leaves: 1}\n", "b": FOREST + "params: {min_samples_split: 0}\n"},
        hooks="def postprocess(frame):\n    raise ValueError('never mind')\n",
    )
    ear = Ear()
    with pytest.raises(OutfoldError, match="num_leaves"):
        check(Context(sound(tmp_path, case), ear))
    assert any("min_samples_split" in line for line in ear.warned)
    assert any("never mind" in line for line in ear.warned)


# ---- every refusal of the later stages, and how check comes to it

HOW = {
    "read": "raised while contest, pipelines or hooks are read, or a learner is built or checked: check does all of it",
    "split": "raised by the split, which check makes in memory",
    "fold": "raised by check_fold, or by what it calls",
    "tried": "raised by a library that tries its parameters on few rows",
    "blended": "raised by check_blend",
    "sent": "raised by the placeholder submission",
    "models": "depends on trained models or on predictions",
    "training": "shows only while a model trains: memory, processes, a loss that diverges",
    "option": "depends on the options of one command",
}
REFUSALS = {
    "split": [
        "folds/assign.py", "folds/gap.py", "folds/make.py", "folds/holdout.py", "folds/alignment.py",
        "folds/strata.py", "folds/table.py",
    ],
    "fold": [
        "folds/inner.py", "learners/tables/table_data.py", "learners/gbdt/learner.py",
        "learners/tables/hook_feature.py", "learners/image/learner.py", "learners/tables/feature_pipeline.py",
        "learners/tabular/encoding.py", "training/recipe.py",
    ],
    "read": [
        "learners/wrappers/per_fold.py", "learners/wrappers/per_target.py", "learners/optional_imports.py",
        "learners/tables/feature_plan.py", "learners/gbdt/catboost_params.py", "learners/gbdt/lightgbm_params.py",
        "learners/gbdt/runtime.py", "learners/gbdt/settings.py", "learners/gbdt/params.py",
        "learners/gbdt/xgboost_params.py", "learners/image/check.py", "learners/linear/learner.py",
        "learners/neural/loss.py", "learners/registry.py", "learners/realmlp/params.py",
        "learners/sklearn/build.py", "learners/sklearn/learner.py", "learners/tabular/tabm.py",
        "learners/wrappers/target_transform.py", "training/activations.py", "training/device.py",
        "training/heads.py", "training/layer_groups.py", "training/models.py", "runs/context.py",
        "runs/dependencies.py",
    ],
    "tried": [
        "learners/gbdt/catboost_backend.py", "learners/gbdt/lightgbm_backend.py",
        "learners/gbdt/xgboost_backend.py",
    ],
    "models": [
        "learners/gbdt/booster.py", "learners/image_embeddings.py", "learners/artifacts.py", "learners/base.py",
        "learners/tabular/learner.py", "learners/category_vectors.py", "ensemble/compare.py",
        "ensemble/validation.py", "runs/imported.py", "runs/provenance.py", "stages/predict.py",
        "runs/pseudo_labels.py",
    ],
    "option": [
        "learners/image/contact_sheet.py", "stages/check.py", "runs/image_checks.py", "runs/compute.py",
        "stages/import_predictions.py", "runs/neural.py", "stages/report.py", "stages/submit.py", "stages/tune.py",
        "runs/tuning/trial_runner.py", "runs/tuning/study.py", "runs/tuning/pipeline_writer.py",
    ],
    "training": [
        "learners/realmlp/learner.py", "training/batch_size.py", "training/distributed.py", "training/lr_finder.py",
        "training/oom.py", "runs/train_fold.py", "runs/parallel/ddp_launcher.py", "runs/tuning/trial_scheduler.py",
    ],
    "blended": [
        "ensemble/blend.py", "ensemble/by_target.py", "ensemble/combiners.py",
    ],
    "sent": [
        "submission/build.py", "submission/check.py", "submission/form.py",
    ],
}  # fmt: skip
"""Files of the later stages that refuse something, by the way in which check finds it; see :data:`HOW`."""
NO_REFUSAL = {
    "KeyError",
    "ValueError",
    "TypeError",
    "NotImplementedError",
    "RuntimeError",
    "Interrupted",
    "AssertionError",
}


def refusing_files() -> set[str]:
    """Files of the later stages that raise an error for a user."""
    found = set()
    package = Path(outfold.__file__).parent
    for room in ("folds", "learners", "training", "ensemble", "submission", "runs", "stages"):
        for path in (package / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                call = node.exc if isinstance(node, ast.Raise) else None
                name = call.func.id if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) else None
                if name is not None and name not in NO_REFUSAL:
                    found.add(path.relative_to(package).as_posix())
    return found


def test_every_refusal_of_a_later_stage_is_listed_with_the_way_in_which_check_finds_it() -> None:
    """A new refusal needs a line here: how does check come to it before anything is trained?"""
    listed = [file for files in REFUSALS.values() for file in files]
    assert len(listed) == len(set(listed)) and REFUSALS.keys() == HOW.keys()
    assert refusing_files() - set(listed) == set(), "add the file to REFUSALS, and a case above"
    assert set(listed) - refusing_files() == set(), "nothing is refused there any more"
