"""Any estimator by its dotted path: every kind on every task, the same bytes every time, and nothing but estimators."""

from __future__ import annotations

import dataclasses
import io
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter, ValidationError
from sklearn import datasets
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import Ridge
from test_gbdt import cancer, oof, split, write_contest

from outfold.config.sklearn import SklearnPipeline
from outfold.contest import Contest
from outfold.errors import ConfigError
from outfold.folds import Folds
from outfold.learners.artifacts import MODELS, MOVED_MODULES, models_of
from outfold.learners.sklearn.fit import fitted
from outfold.learners.sklearn.learner import SklearnLearner
from outfold.learners.sklearn.multi_output import Together
from outfold.learners.tables.targets import Problem
from outfold.progress import Reporter
from outfold.pseudo_labels import PseudoLabels
from outfold.store.fold_dir import Shelf

pytestmark = pytest.mark.usefixtures("one_thread")
TREES = {"params": {"n_estimators": 15}, "encoding": "codes", "scale": False}
STAGES = {"stage": lambda frame: pd.cut(frame["mean_radius"], 5, labels=list("abcde")).astype(str)}


def small_cancer() -> pd.DataFrame:
    """Half of the rows and eight of the columns."""
    table = cancer().iloc[::2, [0, 1, 2, 3, 4, 5, 20, 21, -1]]
    return table.reset_index(drop=True)


@pytest.fixture(scope="module")
def binary(tmp_path_factory: pytest.TempPathFactory) -> Contest:
    return write_contest(tmp_path_factory.mktemp("cancer"), small_cancer(), ["target"], "binary")


@pytest.fixture(scope="module")
def flowers(tmp_path_factory: pytest.TempPathFactory) -> Contest:
    table = datasets.load_iris(as_frame=True).frame
    return write_contest(tmp_path_factory.mktemp("iris"), table, ["target"], "multiclass")


@pytest.fixture(scope="module")
def amounts(tmp_path_factory: pytest.TempPathFactory) -> Contest:
    table = datasets.load_diabetes(as_frame=True).frame.iloc[::2].reset_index(drop=True)
    return write_contest(tmp_path_factory.mktemp("diabetes"), table, ["target"], "regression")


def learner_of(contest: Contest, estimator: Any, reporter: Reporter | None = None, **keys: Any) -> SklearnLearner:
    config = TypeAdapter(SklearnPipeline).validate_python({"learner": "sklearn", "estimator": estimator, **keys})
    return SklearnLearner(contest, config, "any", reporter or Reporter())


def trained(contest: Contest, folds: Folds, estimator: Any, **keys: Any) -> tuple[SklearnLearner, dict[int, Shelf]]:
    learner = learner_of(contest, estimator, **keys)
    root = contest.layout.fold("any", 0).parent
    place = len(list(root.parent.glob("any*"))) if root.parent.exists() else 0
    shelves = {n: Shelf.open(root.parent / f"any-{place}" / str(n), "made of this") for n in folds.numbers()}
    for fold, shelf in shelves.items():
        learner.fit(fold, folds.train(fold), folds.valid(fold), shelf)
    return learner, shelves


def out_of_fold(contest: Contest, estimator: Any, n: int = 2, **keys: Any) -> np.ndarray:
    folds = split(contest, n)
    return oof(contest, folds, *trained(contest, folds, estimator, **keys))


# every kind of estimator, every task


@pytest.mark.parametrize(
    ("estimator", "keys"),
    [
        ("sklearn.ensemble.ExtraTreesClassifier", TREES),
        ("sklearn.ensemble.HistGradientBoostingClassifier", {"params": {"max_iter": 20}}),
        ("sklearn.neighbors.KNeighborsClassifier", {}),
        ("sklearn.svm.SVC", {}),
        ("sklearn.neural_network.MLPClassifier", {"params": {"hidden_layer_sizes": [8], "max_iter": 200}}),
        ("sklearn.linear_model.RidgeClassifier", {}),
        ("sklearn.discriminant_analysis.LinearDiscriminantAnalysis", {}),
    ],
    ids=lambda value: value.rpartition(".")[2] if isinstance(value, str) else "",
)
def test_an_estimator_ranks_rows_of_two_classes(binary: Contest, estimator: str, keys: dict[str, Any]) -> None:
    values = out_of_fold(binary, estimator, **keys)
    assert values.dtype == np.float32 and ((values >= 0) & (values <= 1)).all()
    assert binary.metric.score(binary.y, values) > 0.95


@pytest.mark.parametrize(
    "estimator",
    [
        "sklearn.svm.SVC",
        {"estimator": "sklearn.svm.SVC", "params": {"decision_function_shape": "ovo"}},
        {
            "estimator": "sklearn.gaussian_process.GaussianProcessClassifier",
            "params": {"kernel": {"estimator": "sklearn.gaussian_process.kernels.RBF"}},
        },
        "sklearn.neighbors.NearestCentroid",
    ],
)
def test_probabilities_of_several_classes_are_in_their_order_and_sum_to_one(flowers: Contest, estimator: Any) -> None:
    values = out_of_fold(flowers, [estimator])
    np.testing.assert_allclose(values.sum(axis=1), 1, atol=1e-6)
    assert (values.argmax(axis=1) == flowers.y).mean() > 0.85


@pytest.mark.parametrize(
    ("estimator", "params"),
    [
        ("sklearn.svm.SVR", {}),
        ("sklearn.linear_model.Lasso", {"alpha": 0.01}),
        (
            "sklearn.gaussian_process.GaussianProcessRegressor",
            {
                "alpha": 1.0,
                "kernel": {"estimator": "sklearn.gaussian_process.kernels.RBF", "params": {"length_scale": 5.0}},
            },
        ),
        ("sklearn.ensemble.RandomForestRegressor", {"n_estimators": 20, "min_samples_leaf": 5}),
    ],
)
def test_a_regression_explains_what_it_can_whatever_its_units(
    amounts: Contest, estimator: str, params: dict[str, Any]
) -> None:
    values = out_of_fold(amounts, estimator, params=params)[:, 0]
    assert 1 - np.mean((values - amounts.y) ** 2) / amounts.y.var() > 0.3


def test_a_loss_of_amounts_wants_them_as_they_are(amounts: Contest) -> None:
    poisson = "sklearn.linear_model.PoissonRegressor"
    assert (out_of_fold(amounts, poisson, scale_target=False) > 0).all()
    with pytest.raises(ConfigError, match=r"any\.yaml: sklearn\.linear_model\.PoissonRegressor refuses: ValueError"):
        out_of_fold(amounts, poisson)


@pytest.mark.parametrize(
    "estimator", ["sklearn.ensemble.ExtraTreesClassifier", "sklearn.neural_network.MLPClassifier", "sklearn.svm.SVC"]
)
def test_labels_are_learnt_together_where_that_can_be_and_a_constant_one_does_no_harm(
    tmp_path: Path, estimator: str
) -> None:
    table = small_cancer()
    table = table.assign(large=(table["mean_area"] > table["mean_area"].median()).astype(int), never=0)
    table.loc[[0, 4], "never"] = [1, 0]  # one row in all: a training part has none
    contest = write_contest(tmp_path, table, ["target", "large", "never"], "multilabel")
    params = {"max_iter": 150} if "MLP" in estimator else {}
    folds = split(contest, 2)
    learner, shelves = trained(contest, folds, estimator, params=params)
    values = oof(contest, folds, learner, shelves)
    assert ((values[:, :2] > 0.5) == contest.y[:, :2]).mean() > 0.9
    assert np.isfinite(values).all() and np.median(values[:, 2]) < 0.35
    made_with = json.loads(shelves[0].path("fitted.json").read_text())["made_with"]
    models = models_of(shelves[0], made_with, "any", Reporter())
    assert len(models) == (3 if "SVC" in estimator else 1)


def test_models_pickled_before_their_module_was_renamed_are_loaded(tmp_path: Path) -> None:
    model = Together(True, Ridge().fit([[0.0], [1.0]], [[0.0, 1.0], [2.0, 3.0]]), np.zeros(2), np.ones(2))
    buffer = io.BytesIO()
    joblib.dump([model], buffer, protocol=2)
    module = "outfold.learners.sklearn.multi_output"
    assert MOVED_MODULES["outfold.learners.sklearn.together"] == module
    old = buffer.getvalue().replace(module.encode(), b"outfold.learners.sklearn.together")
    assert old != buffer.getvalue()
    shelf = Shelf.open(tmp_path / "fold", "key")
    shelf.put(MODELS, old)
    loaded = models_of(shelf, f"scikit-learn {version('scikit-learn')}", "any", Reporter())
    np.testing.assert_array_equal(loaded[0].predict(np.array([[0.5]])), model.predict(np.array([[0.5]])))


def test_several_numbers_each_keep_their_units(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(120, 3)), columns=list("abc"))
    table = table.assign(large=1e6 + 1e3 * table["a"], small=1e-3 * table["b"])
    contest = write_contest(tmp_path, table, ["large", "small"], "regression")
    for estimator in ("sklearn.neighbors.KNeighborsRegressor", "sklearn.svm.SVR"):
        values = out_of_fold(contest, estimator)
        assert (1 - np.mean((values - contest.y) ** 2, axis=0) / contest.y.var(axis=0) > 0.5).all()


@pytest.mark.parametrize("estimator", ["sklearn.svm.SVC", "sklearn.ensemble.ExtraTreesClassifier"])
@pytest.mark.parametrize("away", [[1], [0, 2]])
def test_a_class_that_is_missing_from_a_training_part_gets_nothing(
    flowers: Contest, tmp_path: Path, away: list[int], estimator: str
) -> None:
    ids, learner = flowers.train.index, learner_of(flowers, estimator)
    there = ~np.isin(flowers.y, away)
    shelf = Shelf.open(tmp_path / "fold", "made of this")
    learner.fit(0, ids[there], ids[~there], shelf)
    values = learner.predict("train", ids, {0: shelf})[flowers.outputs].to_numpy()
    assert (values[:, away] == 0).all()
    assert (values.argmax(axis=1) == flowers.y)[there].mean() > 0.95


def test_an_estimator_of_any_library_will_do(binary: Contest) -> None:
    values = out_of_fold(binary, "like_sklearn.Majority")[:, 0]
    np.testing.assert_allclose(values, binary.y.mean(), atol=0.01)


# estimators of estimators


def test_a_list_is_a_pipeline_and_estimators_hold_estimators(binary: Contest) -> None:
    bagged = {
        "estimator": "sklearn.ensemble.BaggingClassifier",
        "params": {"n_estimators": 3, "estimator": {"estimator": "sklearn.svm.SVC", "params": {"C": 2.0}}},
    }
    quantiles = {"estimator": "sklearn.preprocessing.QuantileTransformer", "params": {"n_quantiles": 20}}
    values = out_of_fold(binary, [quantiles, "sklearn.decomposition.PCA", bagged])
    assert binary.metric.score(binary.y, values) > 0.95
    learner = learner_of(binary, [quantiles, bagged], seed=7)
    params = learner._estimator().get_params()
    assert params["baggingclassifier__estimator__C"] == 2.0
    assert params["baggingclassifier__random_state"] == 7 == params["quantiletransformer__random_state"]


def test_voters_are_named_in_lists(binary: Contest) -> None:
    voters = [
        ["near", {"estimator": "sklearn.neighbors.KNeighborsClassifier"}],
        ["tree", {"estimator": "sklearn.tree.DecisionTreeClassifier", "params": {"max_depth": 3}}],
    ]
    values = out_of_fold(binary, "sklearn.ensemble.VotingClassifier", params={"estimators": voters, "voting": "soft"})
    assert binary.metric.score(binary.y, values) > 0.95


# the numbers are the library's


def test_it_predicts_as_the_estimator_would_by_hand() -> None:
    X, y = datasets.load_iris(return_X_y=True)
    wanted = ExtraTreesClassifier(20, random_state=3).fit(X, y).predict_proba(X)
    model, told = fitted(ExtraTreesClassifier(20, random_state=3), X, Problem("classes", y, 3), scaled=True)
    np.testing.assert_allclose(model.predict(X), wanted, atol=1e-12)
    assert told == []


def test_iterations_that_did_not_suffice_are_told(binary: Contest) -> None:
    told: list[str] = []

    class Listening(Reporter):
        def warn(self, text: str) -> None:
            told.append(text)

    learner = learner_of(
        binary, "sklearn.neural_network.MLPClassifier", Listening(), params={"max_iter": 2, "hidden_layer_sizes": [4]}
    )
    ids = binary.train.index
    learner.fit(0, ids, ids[:0], Shelf.open(binary.layout.fold("told", 0), "x"))
    assert len(told) == 1 and told[0].startswith("any fold 0: ") and "Maximum iterations" in told[0]


@pytest.mark.parametrize("estimator", ["sklearn.ensemble.ExtraTreesClassifier", "sklearn.neural_network.MLPClassifier"])
def test_a_second_run_on_other_threads_gives_the_same_bytes(
    binary: Contest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, estimator: str
) -> None:
    left = []
    for threads in ("1", "2"):
        monkeypatch.setenv("OUTFOLD_THREADS", threads)
        learner, shelf = learner_of(binary, estimator), Shelf.open(tmp_path / threads, "x")
        learner.fit(0, binary.train.index, binary.test.index[:0], shelf)
        said = learner.predict("test", binary.test.index, {0: shelf})
        left.append((shelf.path("models.joblib").read_bytes(), shelf.path("fitted.json").read_bytes(), said))
    assert left[0][:2] == left[1][:2]
    pd.testing.assert_frame_equal(left[0][2], left[1][2], check_exact=True)


def test_another_seed_is_another_model(binary: Contest) -> None:
    one, two, three = (out_of_fold(binary, "sklearn.ensemble.ExtraTreesClassifier", **TREES, seed=s) for s in (0, 1, 0))
    assert (one != two).any()
    np.testing.assert_array_equal(one, three)


# trust


def test_the_rows_that_score_change_nothing(binary: Contest, tmp_path: Path) -> None:
    folds = split(binary, 2)
    shuffled = binary.y.copy()
    places = binary.train.index.get_indexer(folds.valid(0))
    shuffled[places] = np.random.default_rng(0).permutation(shuffled[places])
    other = dataclasses.replace(binary, y=shuffled)
    found = []
    for name, contest in (("one", binary), ("two", other)):
        learner = learner_of(contest, "sklearn.ensemble.ExtraTreesClassifier", params={"n_estimators": 5})
        shelf = Shelf.open(tmp_path / name, "x")
        learner.fit(0, folds.train(0), folds.valid(0), shelf)
        found.append(learner.predict("train", folds.valid(0), {0: shelf}))
    pd.testing.assert_frame_equal(*found, check_exact=True)


@pytest.mark.parametrize("encoding", ["one_hot", "target", "codes"])
def test_a_category_that_training_has_not_seen_and_a_gap_are_no_trouble(tmp_path: Path, encoding: str) -> None:
    table = small_cancer().assign(**STAGES)
    table.loc[table.index[3::4], "stage"] = "new"  # the test rows
    table.loc[table.index[7::8], ["mean_texture", "stage"]] = None
    contest = write_contest(tmp_path, table, ["target"], "binary")
    folds = split(contest, 2)
    learner, shelves = trained(contest, folds, "sklearn.tree.DecisionTreeClassifier", encoding=encoding)
    frame = learner.predict("test", contest.test.index, shelves)
    assert len(frame) == 2 * len(contest.test) and np.isfinite(frame["target"]).all()
    features = json.loads(shelves[0].path("fitted.json").read_text())["features"]
    assert ("stage" in features, "stage:mean" in features, "stage=b" in features) == (
        encoding == "codes",
        encoding == "target",
        encoding == "one_hot",
    )


def test_many_categories_are_sparse_where_the_estimator_takes_that_and_dense_where_not(tmp_path: Path) -> None:
    table = small_cancer()
    table = table.assign(street=[f"s{number % 130}" for number in range(len(table))])
    contest = write_contest(tmp_path, table, ["target"], "binary", "columns: {categorical: [street]}\n")
    for estimator in ("sklearn.linear_model.LogisticRegression", "sklearn.naive_bayes.GaussianNB"):
        values = out_of_fold(contest, estimator, min_count=1)
        assert contest.metric.score(contest.y, values) > 0.9 if "Logistic" in estimator else np.isfinite(values).all()


def test_unscaled_numbers_reach_the_estimator_as_they_are(amounts: Contest, tmp_path: Path) -> None:
    learner = learner_of(amounts, "sklearn.tree.DecisionTreeRegressor", scale=False)
    _, matrix = learner._designed.fit(0, amounts.train.index)
    np.testing.assert_allclose(matrix, amounts.train.drop(columns="target").to_numpy())


# weights


def test_balanced_classes_weigh_the_same_and_an_estimator_without_weights_refuses(binary: Contest) -> None:
    rare = (binary.y == 1) | (np.arange(len(binary.y)) % 6 == 0)
    ids, lasting = binary.train.index[rare], binary.train.index[~rare]
    means = []
    for keys in ({}, {"class_weight": "balanced"}):
        learner = learner_of(binary, "sklearn.linear_model.LogisticRegression", params={"C": 0.001}, **keys)
        shelf = Shelf.open(binary.layout.fold(f"weights{len(keys)}", 0), "x")
        learner.fit(0, ids, lasting, shelf)
        means.append(learner.predict("train", lasting, {0: shelf})["target"].mean())
    assert means[1] < means[0] - 0.1  # the rare class is 0
    for key, value in (("class_weight", "balanced"), ("pseudo", {"pipelines": "other", "confidence": 0.9})):
        with pytest.raises(ConfigError, match=f"{key}: needs an estimator that takes weights"):
            learner_of(binary, "sklearn.neighbors.KNeighborsClassifier", **{key: value})


def test_pseudo_labelled_rows_teach_what_few_labels_do_not(binary: Contest, tmp_path: Path) -> None:
    few, others = binary.train.index[:6], binary.train.index[6:]
    right = (binary.test["mean_radius"] < 14.5).to_numpy(np.float32)[:, None]
    found = {}
    for name, pseudo in (("alone", None), ("taught", PseudoLabels(binary.test.index, right, 1.0, 0.0))):
        steps = ["sklearn.preprocessing.StandardScaler", "sklearn.linear_model.LogisticRegression"]
        learner = learner_of(binary, steps, pseudo={"pipelines": "other"})
        shelf = Shelf.open(tmp_path / name, "x")
        learner.fit(0, few, others, shelf, pseudo)
        found[name] = binary.metric.score(
            binary.truth(others), learner.predict("train", others, {0: shelf})[["target"]]
        )
        assert (shelf.done or {}).get("pseudo") == (None if pseudo is None else len(binary.test))
    assert found["taught"] > found["alone"]


# what it looked at


@pytest.mark.parametrize(
    "estimator",
    [
        "sklearn.ensemble.ExtraTreesClassifier",
        "sklearn.linear_model.Perceptron",
        "sklearn.neighbors.KNeighborsClassifier",
    ],
)
def test_the_column_that_tells_the_target_is_seen_to_matter(tmp_path: Path, estimator: str) -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(160, 4)), columns=["noise0", "signal", "noise1", "noise2"])
    table = table.assign(target=(table["signal"] > 0).astype(int))
    contest = write_contest(tmp_path / "contest", table, ["target"], "binary")
    folds = split(contest, 2)
    learner, shelves = trained(contest, folds, estimator)
    learner.summarise(shelves, tmp_path)
    found = pd.read_csv(tmp_path / "importance.csv", index_col="feature")["share_mean"]
    assert found.index[0] == "signal" and found["signal"] > 0.5
    assert found.sum() == pytest.approx(1, abs=1e-4) and (tmp_path / "importance.png").exists()


# what is refused


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        ("sklearn.ensemble.ExtraTreeClassifier", "did you mean ExtraTreesClassifier"),
        ("ExtraTreesClassifier", "is no dotted path; did you mean sklearn.ensemble.ExtraTreesClassifier"),
        (
            "sklearn.ensembles.ExtraTreesClassifier",
            "no module 'sklearn.ensembles'; did you mean sklearn.ensemble.Extra",
        ),
        ("cumulus.models.Nimbus", "the package cumulus is not installed"),
        ("os.system", "os has no class 'system'"),
        ("subprocess.Popen", "subprocess.Popen has no fit, predict"),
        ("like_sklearn.Mute", "like_sklearn.Mute has no predict"),
        ("sklearn.ensemble.ExtraTreesRegressor", "is a regressor; this contest's task is binary"),
        ("sklearn.cluster.KMeans", "is a clusterer; this contest's task is binary"),
        (["sklearn.svm.SVC", "sklearn.svm.SVC"], "sklearn.svm.SVC has no transform"),
    ],
)
def test_only_a_class_that_learns_and_answers_the_question_is_taken(
    binary: Contest, estimator: Any, message: str
) -> None:
    with pytest.raises(ConfigError) as told:
        learner_of(binary, estimator)
    assert message in told.value.message and "any.yaml: estimator: " in told.value.message


def test_the_counterpart_of_a_regressor_is_named(binary: Contest) -> None:
    with pytest.raises(ConfigError) as told:
        learner_of(binary, "sklearn.svm.SVR")
    assert told.value.remedy == "Take sklearn.svm.SVC."


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"gama": 1}, "params.gama: sklearn.svm.SVC has no such parameter; did you mean gamma"),
        ({"random_state": 1}, "params.random_state: cannot be set: the pipeline's own key `seed`"),
        ({"estimator": {"estimator": "os.path.join"}}, "params.estimator: sklearn.svm.SVC has no such parameter"),
        ({"kernel": {"estimator": "subprocess.Popen", "params": {"args": "ls"}}}, "subprocess.Popen has no get_params"),
        ({"kernel": {"estimator": "sklearn.svm.SVC", "parms": {}}}, "expected {estimator: <dotted path>"),
    ],
)
def test_a_parameter_that_means_nothing_is_refused(binary: Contest, params: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as told:
        learner_of(binary, "sklearn.svm.SVC", params=params)
    assert message in told.value.message


def test_what_an_estimator_says_against_a_value_is_passed_on(binary: Contest) -> None:
    for estimator, params, message in (
        ("sklearn.svm.SVC", {"C": -1.0}, "sklearn.svm.SVC refuses: InvalidParameterError: The 'C' parameter"),
        ("like_sklearn.Broken", {}, "like_sklearn.Broken refuses: ArithmeticError: no rows, no model"),
    ):
        with pytest.raises(ConfigError) as told:
            out_of_fold(binary, estimator, params=params)
        assert message in told.value.message


def test_keys_that_belong_elsewhere_are_refused(binary: Contest) -> None:
    with pytest.raises(ValidationError, match="smoothing: belongs to encoding: target"):
        learner_of(binary, "sklearn.svm.SVC", smoothing=3)
    with pytest.raises(ValidationError, match="params: belong to one estimator"):
        learner_of(binary, ["sklearn.svm.SVC"], params={"C": 1.0})
    with pytest.raises(ConfigError, match="scale_target: is for numbers"):
        learner_of(binary, "sklearn.svm.SVC", scale_target=False)


def test_models_of_another_version_are_told(binary: Contest, tmp_path: Path) -> None:
    told: list[str] = []

    class Listening(Reporter):
        def warn(self, text: str) -> None:
            told.append(text)

    learner = learner_of(binary, "sklearn.naive_bayes.GaussianNB", Listening())
    shelf = Shelf.open(tmp_path / "fold", "x")
    learner.fit(0, binary.train.index, binary.train.index[:0], shelf)
    learner.predict("test", binary.test.index, {0: shelf})
    assert told == []
    kept = json.loads(shelf.path("fitted.json").read_text())
    shelf.put("fitted.json", json.dumps({**kept, "made_with": "scikit-learn 0.1"}).encode())
    learner.predict("test", binary.test.index, {0: shelf})
    assert len(told) == 1 and "trained with scikit-learn 0.1" in told[0]


@pytest.mark.parametrize(
    "estimator",
    [
        "xgboost.XGBClassifier",
        "lightgbm.LGBMClassifier",
        "catboost.CatBoostClassifier",
        "sklearn.ensemble.RandomForestClassifier",
        "sklearn.svm.LinearSVC",
        "sklearn.linear_model.RidgeClassifier",
        "sklearn.neighbors.NearestCentroid",
    ],
)
def test_a_class_missing_from_a_training_part_gets_probability_0(
    tmp_path: Path, flowers: Contest, estimator: str
) -> None:
    """xgboost refuses labels that are not 0, 1, ..., k - 1, which a missing class leaves."""
    params = {
        "xgboost.XGBClassifier": {"n_estimators": 5},
        "lightgbm.LGBMClassifier": {"n_estimators": 5, "verbose": -1},
        "catboost.CatBoostClassifier": {"iterations": 5, "verbose": 0, "allow_writing_files": False},
    }.get(estimator, {})
    contest = flowers
    learner = learner_of(contest, estimator, params=params)
    for missing in range(3):
        ids = contest.train.index[contest.y != missing]
        shelf = Shelf.open(tmp_path / f"without-{missing}", "made of this")
        learner.fit(0, ids, contest.train.index[contest.y == missing], shelf)
        said = learner.predict("test", contest.test.index, {0: shelf})[contest.outputs].to_numpy()
        assert (said[:, missing] == 0).all()
        np.testing.assert_allclose(said.sum(axis=1), 1.0, atol=1e-6)
        present = [k for k in range(3) if k != missing]
        assert (np.ptp(said[:, present], axis=0) > 0).all()
