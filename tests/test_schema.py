"""JSON Schema for editors: it takes what the loader takes, and shipped files name it."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from conftest import REPO, outfold

from outfold.config.load import load_blend, load_competition, load_pipeline, plain, read_yaml
from outfold.config.schema import schemas

SCHEMAS = {name: jsonschema.Draft202012Validator(schema) for name, schema in schemas().items()}
PAGES = [REPO / "README.md", *sorted((REPO / "docs").glob("*.md")), *sorted((REPO / "examples").glob("**/README.md"))]


def shipped() -> list[Path]:
    """Every YAML file of a contest in the repository."""
    found = [*REPO.glob("competition/*.yaml"), *REPO.glob("pipelines/*.yaml"), *REPO.glob("examples/**/*.yaml")]
    return sorted(path for path in found if path.parent.name in ("competition", "pipelines"))


def faults(path: Path, kind: str) -> str:
    content = json.loads(json.dumps(plain(read_yaml(path))))
    worst = jsonschema.exceptions.best_match(SCHEMAS[kind].iter_errors(content))
    return "" if worst is None else f"{path.name}: {list(worst.absolute_path)}: {worst.message[:300]}"


def kind_of(path: Path) -> str:
    return "competition" if path.stem == "competition" else "pipeline"


def test_the_schema_takes_every_file_in_the_repository() -> None:
    files = shipped()
    assert len(files) > 50
    assert [told for path in files if (told := faults(path, kind_of(path)))] == []


def test_the_schema_takes_every_yaml_block_of_the_pages(tmp_path: Path) -> None:
    told, count = [], 0
    for page in PAGES:
        for block in re.findall(r"^```yaml\n(.*?)^```$", page.read_text(encoding="utf-8"), flags=re.M | re.S):
            path = tmp_path / f"{page.stem}-{count}.yaml"
            path.write_text(block)
            told.append(faults(path, "competition" if re.search(r"^host:", block, flags=re.M) else "pipeline"))
            count += 1
    assert count > 20 and not any(told), "\n".join(filter(None, told))


COMPETITIONS = [
    "target: y",
    "target: [y, z]",
    "train_id: row_number",
    "train_id: [Store, Date]",
    "columns: {dates: when, text: note, ignore: [a], categorical: c}",
    "columns: {image: 'train/{id}.jpg'}",
    "columns: {image: {train: a, test: b}}",
    "features: [{count: Sex}, {count: [Sex, [Sex, Pclass]]}, {count: {columns: Sex}}]",
    "features: [{missing: all}, {missing_count: all}, {function: hooks.py:made}, {interaction: [a, b]}]",
    "features: [{lags: {columns: x, lags: 7d, by: shop}}, {rolling: {columns: x, windows: all, statistics: max}}]",
    "features: [{elapsed: {columns: Promo, events: 1, change: no}}]",
    "folds: {date: when, gap: 7d}",
    "folds: {date: when, gap: 100}",
    "folds: {date: step, gap: 7.0}",
]
PIPELINES = [
    "learner: image\nsize: native",
    "learner: image\nsize: 64\ntta: {views: flips}",
    "learner: image\naugment: [HorizontalFlip, {Rotate: {limit: 30}}]",
    "learner: image\nphases: [{epochs: 1, lr: find}, {cycles: 2, dropout: {from: 0.1, to: 0.5}}]",
    "learner: image\nphases: [{epochs: 1, dropout: {from: 0.1, shape: constant}}]",
    "learner: gbdt\nfeatures: Age",
    "learner: gbdt\nfeatures: {count: Age}\ndrop: Name\nrefit: no",
    "learner: gbdt\nimage_features: {backbone: resnet18}",
    "learner: gbdt\nimage_features: {backbone: {pipeline: cnn}}\ndevice: cuda:1",
    "learner: gbdt\npseudo: {pipelines: cnn}",
    "learner: gbdt\nrounds: 1e3",
    "learner: linear\nC: 1\ntarget_transform: {a: log}",
    "learner: linear\nalpha: [0.1, 1]\ntarget_transform: log1p",
    "learner: sklearn\nestimator: sklearn.svm.SVC",
    "learner: sklearn\nestimator: [sklearn.decomposition.PCA, {estimator: sklearn.svm.SVC, params: {C: 2}}]",
    "learner: tabular\nembedding_width: fastai_2\ndropouts: [0.1, 0.2]",
    "learner: tabular\ntune: {dropouts: {low: 0.0, high: 0.5}, layers: [[10], [20]]}",
    "learner: gbdt\nby_fold: {0: {rounds: 10}, 1: {rounds: 20}}\ntuned_on: abc",
    "combiner: ges",
    "learner: blend\npipelines: cnn",
]


@pytest.mark.parametrize("text", [f"host: folder\nslug: s\n{more}" for more in COMPETITIONS] + PIPELINES)
def test_short_forms_are_taken_by_the_loader_and_by_the_schema(tmp_path: Path, text: str) -> None:
    kind = "competition" if text.startswith("host") else "pipeline"
    path = tmp_path / "a.yaml"
    path.write_text(text + "\n")
    if kind == "competition":
        load_competition(path)
    else:
        load_pipeline(path) if re.search("^learner: (?!blend)", text) else load_blend(path)
    assert faults(path, kind) == ""


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("competition", {"host": "folder", "slug": "s", "target": 5}),
        ("competition", {"host": "folder", "slug": "s", "folds": {"kind": "random"}}),
        ("competition", {"host": "folder"}),
        ("pipeline", {"learner": "gbdt", "rounds": 0}),
        ("pipeline", {"learner": "gbdt", "rouns": 10}),
        ("pipeline", {"learner": "image", "size": "large"}),
        ("pipeline", {"learner": "linear", "C": [0]}),
    ],
)
def test_the_schema_refuses_what_is_wrong(kind: str, content: dict[str, Any]) -> None:
    assert not SCHEMAS[kind].is_valid(content)


def test_shipped_files_name_the_committed_schema_in_their_first_line() -> None:
    for path in shipped():
        first = path.read_text(encoding="utf-8").splitlines()[0]
        found = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
        assert found, f"{path}: {first}"
        assert (path.parent / found[1]).resolve() == REPO / "schemas" / f"{kind_of(path)}.json"


def test_the_committed_schemas_are_those_of_the_models() -> None:
    for name, schema in schemas().items():
        there = json.loads((REPO / "schemas" / f"{name}.json").read_text(encoding="utf-8"))
        assert there == json.loads(json.dumps(schema)), "run `outfold schema`"
    listed = subprocess.run(["git", "check-ignore", "schemas"], cwd=REPO, capture_output=True)
    assert listed.returncode != 0


def test_schemas_are_written_beside_the_contest_that_is_named(tmp_path: Path) -> None:
    told = outfold(tmp_path, "schema").stdout
    assert sorted(path.name for path in (tmp_path / "schemas").iterdir()) == ["competition.json", "pipeline.json"]
    assert "# yaml-language-server: $schema=../schemas/pipeline.json" in told
