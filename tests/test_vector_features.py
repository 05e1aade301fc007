"""Vectors of categories, learnt by one pipeline's networks, as features of another: for each fold its own network's."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from booster_contest import write_contest
from conftest import REPO
from test_tabular import shops

from outfold import open as open_folder
from outfold.config.load import load_pipeline
from outfold.contest_files import load_contest
from outfold.errors import ConfigError, MismatchError
from outfold.learners.category_vectors import vector_features
from outfold.learners.registry import make_learner
from outfold.learners.tabular.embedding_tables import components
from outfold.progress import Reporter
from outfold.runs.context import Context
from outfold.runs.dependencies import in_order
from outfold.runs.provenance import fit_fingerprint
from outfold.stages.download import download
from outfold.stages.predict import predict
from outfold.stages.split import split
from outfold.stages.train import train
from outfold.store.manifest import read_manifest
from outfold.store.paths import Layout

pytestmark = pytest.mark.usefixtures("one_thread")
TEACHER = "learner: tabular\nlayers: [8]\nbatch_size: 32\nprecision: fp32\nphases: [{epochs: 1, lr: 1e-2}]\n"
STUDENT = "learner: linear\nfeatures:\n  - size\n  - embeddings: {pipeline: net, columns: [shop, date.month]}\n"


def write(root: Path, **pipelines: str) -> Path:
    (root / "pipelines").mkdir(exist_ok=True)
    for name, text in pipelines.items():
        (root / "pipelines" / f"{name}.yaml").write_text(text)
    return root


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A contest whose student has learnt from its teacher."""
    root = tmp_path_factory.mktemp("shops") / "contest"
    roles = "columns: {categorical: [shop, kind], continuous: [size], dates: [date]}\nfolds: {n: 2}\n"
    write_contest(root, shops().drop(columns="same"), ["sales"], "regression", roles)
    write(root, net=TEACHER, ridge=STUDENT)
    download(Context(root))
    split(Context(root))
    train(Context(root), "net")
    train(Context(root), "ridge")
    return root


def test_the_vectors_are_there_for_a_person_too(root: Path) -> None:
    folder = root / "artifacts" / "net"
    table = pd.read_parquet(folder / "embeddings" / "shop.parquet")
    assert list(table.columns[:3]) == ["fold", "level", "rows"] and set(table["fold"]) == {0, 1}
    first = table[table["fold"] == 0]
    assert first["level"].isna().sum() == 1 and len(first) == 13
    assert first["rows"].sum() == len(Context(root).folds.train(0))
    assert not np.allclose(first.iloc[:, 3:], table[table["fold"] == 1].iloc[:, 3:])
    assert (folder / "embeddings.png").read_bytes().startswith(b"\x89PNG")
    assert open_folder(root).looks()["net"] == [folder / "embeddings.png"]


def test_each_row_has_the_vector_of_its_level_in_the_fold_s_own_network(root: Path) -> None:
    contest, config = load_contest(root), load_pipeline(root / "pipelines" / "ridge.yaml")
    (asked,) = config.vectors  # type: ignore[union-attr]
    ids = contest.train.index[::-3]
    for fold in (0, 1):
        seen = vector_features(contest, "train", ids, fold, asked, "x")
        assert seen.columns[0] == "shop.net_0" and seen.index.equals(ids) and (seen.dtypes == "float32").all()
        table = pd.read_parquet(root / "artifacts" / "net" / "embeddings" / "shop.parquet")
        table = table[table["fold"] == fold].set_index("level").iloc[:, 2:]
        wanted = table.loc[contest.train.loc[ids, "shop"]].to_numpy()
        np.testing.assert_array_equal(seen.filter(like="shop.").to_numpy(), wanted)
    months = seen.filter(like="date.month.")
    assert months.groupby(contest.train.loc[ids, "date"].dt.month.to_numpy()).nunique().max().max() == 1


def test_a_level_that_the_network_has_not_seen_has_the_vector_of_code_0(root: Path) -> None:
    contest, config = load_contest(root), load_pipeline(root / "pipelines" / "ridge.yaml")
    (asked,) = config.vectors  # type: ignore[union-attr]
    contest.test["shop"] = "new"
    seen = vector_features(contest, "test", contest.test.index, 0, asked, "x").filter(like="shop.")
    table = pd.read_parquet(root / "artifacts" / "net" / "embeddings" / "shop.parquet")
    unseen = table[(table["fold"] == 0) & table["level"].isna()].iloc[:, 3:]
    np.testing.assert_array_equal(seen.to_numpy(), np.repeat(unseen.to_numpy(), len(seen), axis=0))


def test_the_student_is_made_of_what_its_teacher_is_made_of(root: Path) -> None:
    layout = Layout(root)
    manifest = read_manifest(layout.manifest("ridge"))
    assert manifest is not None and manifest.complete
    predict(Context(root), "ridge")
    fitted = (layout.fold("ridge", 0) / "fitted.json").read_text()
    assert "shop.net_0" in fitted and "date.month.net_0" in fitted
    before = fit_fingerprint(Context(root), Context(root).model_config("ridge"))
    assert before == manifest.fingerprint
    assert in_order(layout, ["ridge", "net"]) == ["net", "ridge"]

    write(root, net=TEACHER + "seed: 1\n")
    with pytest.raises(MismatchError, match=r"net, whose embeddings are asked for as features, was trained on another"):
        fit_fingerprint(Context(root), Context(root).model_config("ridge"))
    train(Context(root), "net")
    assert fit_fingerprint(Context(root), Context(root).model_config("ridge")) != before


def test_make_is_told_who_needs_whom(root: Path) -> None:
    needs = runpy.run_path(str(REPO / "tools" / "needs.py"))["needs"]
    write(root, two=STUDENT + "  - embeddings: {pipeline: other, columns: [kind]}\n", other=TEACHER)
    words = list(needs(root / "pipelines"))
    for name in ("two", "other"):
        (root / "pipelines" / f"{name}.yaml").unlink()
    assert {"ridge/oof.parquet:net/oof.parquet", "two/oof.parquet:net/oof.parquet"} < set(words)
    assert "two/oof.parquet:other/oof.parquet" in words


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "learner: linear\nfeatures: [{embeddings: {pipeline: ridge, columns: shop}}, size]\n",
            "ridge .* no embeddings",
        ),
        (STUDENT.replace("shop", "shp"), "net has no vectors of 'shp'; did you mean .*shop"),
        (STUDENT.replace("pipeline: net", "pipelin: net"), "unknown key 'features"),
    ],
)
def test_what_cannot_be_is_told(root: Path, text: str, said: str) -> None:
    write(root, wrong=text)
    try:
        with pytest.raises(ConfigError, match=said):
            config = load_pipeline(root / "pipelines" / "wrong.yaml")
            contest = load_contest(root)
            learner = make_learner(contest, config, "wrong", Reporter())  # type: ignore[arg-type]
            learner._table.images("train", contest.train.index, 0)  # type: ignore[attr-defined]
    finally:
        (root / "pipelines" / "wrong.yaml").unlink()


def test_in_the_contest_s_own_features_they_would_learn_from_themselves(tmp_path: Path) -> None:
    more = "features: [{embeddings: {pipeline: net, columns: shop}}]\n"
    contest = write_contest(tmp_path / "contest", shops().drop(columns="date"), ["sales"], "regression", more)
    config = load_pipeline(write(contest.root, net=TEACHER) / "pipelines" / "net.yaml")
    with pytest.raises(ConfigError, match=re.escape("features[0]: embeddings: the pipeline that learns them")):
        make_learner(contest, config, "net", Reporter())  # type: ignore[arg-type]


def test_components_are_those_of_the_largest_variance_with_a_sign() -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(40, 5)) * [5, 3, 0.1, 0.1, 0.1]
    places, share = components(vectors)
    assert share > 0.99
    np.testing.assert_allclose(np.abs(np.corrcoef(places[:, 0], vectors[:, 0])[0, 1]), 1, atol=0.02)
    np.testing.assert_allclose(components(-vectors)[0], places, atol=1e-9)
    two, _ = components(np.array([[0.1, 0.7], [0.3, -0.2]]))
    assert (two[:, 1] == 0).all() and two[:, 0].any(), "two points lie on a line"
    assert components(np.ones((3, 1)))[0].shape == (3, 2) and components(np.ones((3, 4)))[1] == 1.0
