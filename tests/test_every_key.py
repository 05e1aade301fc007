"""Every key of every model is in the table of a test that shows its effect; a new key fails here by its name."""

from __future__ import annotations

import hashlib
import json

import pytest
import test_competition_keys
import test_feature_keys
import test_fold_keys
import test_image_keys
import test_phase_keys
import test_stage_keys
import test_table_keys
from config_keys import models
from conftest import REPO
from pydantic import BaseModel

from outfold.config.competition import CompetitionConfig
from outfold.config.features import Feature, Function
from outfold.config.folds import FoldsConfig
from outfold.config.image import Albumentations, ImagePhase, ImagePipeline
from outfold.config.learnt_features import PipelineEmbeddings
from outfold.config.load import load_pipeline
from outfold.config.pipeline import PIPELINE
from outfold.config.sklearn import Estimator
from outfold.config.tabular import TabularPhase, TabularPipeline

EVERY = models(CompetitionConfig, PIPELINE._type)


def shown() -> dict[type[BaseModel], set[str]]:
    """The keys whose effect a test shows, by model."""
    found: dict[type[BaseModel], set[str]] = {model: set() for model in EVERY}
    for module in (test_competition_keys, test_table_keys, test_image_keys, test_stage_keys):
        for model, keys in module.BY_MODEL.items():
            found[model] |= keys
    for pipeline in [one for one in EVERY if "jobs" in one.model_fields]:
        found[pipeline] |= test_stage_keys.EVERY_PIPELINE
    found[ImagePipeline] |= test_stage_keys.NETWORKS
    found[TabularPipeline] |= test_stage_keys.NETWORKS - {"workers"}
    found[next(one for one in EVERY if one.__name__ == "GbdtPipeline")] |= {"device"}
    for phase in (ImagePhase, TabularPhase):
        found[phase] |= {key for key in test_phase_keys.CHANGES if key in phase.model_fields}
    found[FoldsConfig] |= {*test_fold_keys.USED_BY, "kind", "group"}
    found[Albumentations] |= {*test_image_keys.ALBUMENTATIONS}
    found[Feature] |= {*test_feature_keys.KINDS, "embeddings"}
    for kind in test_feature_keys.KINDS.keys() - {"function"}:
        model = next(one for one in models(Feature.model_fields[kind].annotation))
        found[model] |= test_feature_keys.shown(kind)
    # tests/test_features.py, test_vector_features.py and test_sklearn.py
    found[Function] |= {"hook"}
    found[PipelineEmbeddings] |= {"pipeline", "columns"}
    found[Estimator] |= {"estimator", "params"}
    return found


@pytest.mark.parametrize("model", EVERY, ids=lambda model: model.__name__)
def test_the_effect_of_every_key_is_shown(model: type[BaseModel]) -> None:
    assert sorted(model.model_fields.keys() - shown()[model]) == []
    assert sorted(shown()[model] - model.model_fields.keys()) == []


FIT_KEYS = {
    "pipelines/cnn.yaml": "f2a8345225025d52",
    "pipelines/lightgbm.yaml": "bf7098157a466227",
    "examples/dog-breeds/pipelines/student.yaml": "d4dd0f0f741ba8a4",
    "examples/dogs-vs-cats/pipelines/features.yaml": "fb3ed374d4f64584",
    "examples/house-prices/pipelines/catboost.yaml": "9c22c74fc267a93e",
    "examples/house-prices/pipelines/svm.yaml": "c809e4a4c10917fb",
    "examples/planet/pipelines/tags.yaml": "08625d0bd73fad3d",
    "examples/plant-seedlings/pipelines/cnn.yaml": "42a1525939ecdc52",
    "examples/playground/pipelines/linear.yaml": "aeda67b0fa092a6e",
    "examples/playground/pipelines/realmlp.yaml": "2f55f5b41d97e2c1",
    "examples/playground/pipelines/tabm.yaml": "74d485796b7b65c0",
    "examples/playground/pipelines/xgboost.yaml": "b315e8ec1b5bca7a",
    "examples/rossmann/pipelines/embeddings.yaml": "cce3c60d1fc1eb94",
    "examples/rossmann/pipelines/lightgbm.yaml": "9920480f6254e89e",
    "examples/titanic/pipelines/linear.yaml": "1f4375256b8a0def",
}
"""SHA-256 of what the models of shipped files were made of in commit e8915cf: models trained then are valid now."""


@pytest.mark.parametrize("file", FIT_KEYS)
def test_models_of_shipped_pipelines_stay_valid(file: str) -> None:
    config = load_pipeline(REPO / file)
    key = json.dumps(config.fit_key(), sort_keys=True)  # type: ignore[union-attr]
    assert hashlib.sha256(key.encode()).hexdigest()[:16] == FIT_KEYS[file]
