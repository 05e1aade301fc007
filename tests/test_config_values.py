"""Odd values and idle keys: each is refused with file, line and key; what `outfold config` prints can be read again."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import REPO, outfold
from ruamel.yaml import YAML

from outfold.config.load import load_blend, load_competition, load_pipeline
from outfold.errors import ConfigError

SHIPPED = sorted([*REPO.glob("examples/*/pipelines/*.yaml"), *REPO.glob("examples/*/competition/*.yaml")])


def refused(tmp_path: Path, text: str) -> str:
    contest = text.startswith("host")
    path = tmp_path / "a.yaml"
    path.write_text(text + "\n")
    with pytest.raises(ConfigError) as error:
        load_competition(path) if contest else load_pipeline(path)
    return str(error.value).removeprefix(f"{tmp_path}/")


CONTEST = "host: folder\nslug: s\n"
ODD = [
    (CONTEST + "target: ''", "a.yaml:3: target: it is empty"),
    (CONTEST + "folds: {n: '5'}", "a.yaml:3: folds.n: expected a number (found '5', a text; leave the quotes out)"),
    (CONTEST + "folds:\n  date: ''", "a.yaml:4: folds.date: it is empty"),
    (CONTEST + "targets: {a: {weight: .inf}, b: {}}", "a.yaml:3: targets.a.weight: expected a finite number"),
    (CONTEST + "target: [a]\ntarget: b", "a.yaml:4: found duplicate key"),
    (CONTEST + "\ttarget: a", "a.yaml:3: column 1: a tab"),
    (CONTEST + "target: *t", "a.yaml:3: found undefined alias"),
    ("learner: gbdt\nrounds: '100'", "a.yaml:2: rounds: expected a number (found '100'"),
    ("learner: gbdt\nseed: true", "a.yaml:2: seed: expected a number (found true)"),
    ("learner: gbdt\nseed: -1", "a.yaml:2: seed: input should be greater than or equal to 0"),
    ("learner: linear\nC: .inf", "a.yaml:2: C: expected a finite number"),
    ("learner: image\nphases:\n  - epochs: 1\n    lr: '1e-3'", "a.yaml:4: phases[0].lr: expected a number"),
    ("learner: image\nphases: [{epochs: .inf}]", "a.yaml:2: phases[0].epochs: expected a finite number"),
    ("learner: image\nbatch_size: true", "a.yaml:2: batch_size: expected a number (found true)"),
    ("learner: image\ntta: -1", "a.yaml:2: tta: input should be greater than or equal to 0"),
    ("learner: image\nstd: [0, 1, 1]", "a.yaml:2: std[0]: input should be greater than 0"),
    ("learner: image\nsize: 1e9", "a.yaml:2: size: input should be less than or equal to 10000"),
    ("learner: image\nmodel: ''", "a.yaml:2: model: it is empty"),
]
IDLE = [
    ("learner: image\nphases:\n  - epochs: 1\n    cycle_len: 1", "a.yaml:4: phases[0].cycle_len: has no effect"),
    ("learner: image\nphases: [{epochs: 1, cycle_mult: 2}]", "a.yaml:2: phases[0].cycle_mult: has no effect"),
    ("learner: image\nphases: [{cycles: 1, cycle_mult: 2}]", "a.yaml:2: phases[0].cycle_mult: has no effect"),
    (
        "learner: image\nphases: [{epochs: 1, warmup: 1}]",
        "a.yaml:2: phases[0].warmup: has no effect with schedule: one",
    ),
    ("learner: image\nphases: [{epochs: 1, train: head, lr_ratio: 3}]", "a.yaml:2: phases[0].lr_ratio: has no effect"),
    ("learner: image\nphases: [{epochs: 1, train_bn: true}]", "a.yaml:2: phases[0].train_bn: has no effect"),
    ("learner: image\ntrain_bn: true", "a.yaml:2: train_bn: has no effect where no phase freezes"),
    ("learner: image\nmomentum: 0.8\nphases: [{epochs: 1}]", "a.yaml:2: momentum: has no effect with schedule: one"),
    ("learner: image\nema: 0.9\nphases: [{epochs: 2, swa: true}]", "a.yaml:2: ema: has no effect with swa:"),
    ("learner: image\naugment: none\nstrength: 2", "a.yaml:3: strength: has no effect with augment: none"),
    (
        "learner: image\nphases: [{epochs: 1, augment: none, strength: 2}]",
        "a.yaml:2: phases[0].strength: has no effect",
    ),
    ("learner: image\ntta: {n: 0, beta: 0.3}", "a.yaml:2: tta.beta: has no effect with n: 0"),
    ("learner: image\noptimizer: sgd\nbeta2: 0.9", "a.yaml:3: beta2: belongs to optimizer"),
    (
        "learner: gbdt\nearly_stopping: 0\ninner_fraction: 0.3",
        "a.yaml:3: inner_fraction: has no effect with early_stop",
    ),
    ("learner: gbdt\nearly_stopping: 0\nrefit: false", "a.yaml:3: refit: has no effect with early_stopping: 0"),
    ("learner: gbdt\ntuned_on: abc", "a.yaml:2: tuned_on: has no effect without by_fold"),
    (
        "learner: linear\ninner_folds: 3\ninner_fraction: 0.3",
        "a.yaml:3: inner_fraction: has no effect with inner_folds",
    ),
    ("learner: linear\nsmoothing: 3", "a.yaml:2: smoothing: belongs to encoding: target"),
    ("learner: sklearn\nestimator: [a.B]\nparams: {c: 1}", "a.yaml:3: params: belong to one estimator"),
    ("learner: tabular\nparams: {k: 3}", "a.yaml:2: params: belong to model: tabm"),
    (
        CONTEST + "features: [{history: {lags: 7d, statistics: max}}]",
        "a.yaml:3: features[0].history.statistics: has no",
    ),
]


@pytest.mark.parametrize(("text", "told"), ODD + IDLE)
def test_an_odd_value_or_an_idle_key_is_refused_with_line_and_key(tmp_path: Path, text: str, told: str) -> None:
    assert refused(tmp_path, text).startswith(told)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_what_outfold_config_prints_can_be_read_again(tmp_path: Path, path: Path) -> None:
    contest, blend = path.stem == "competition", path.stem == "blend"
    load = load_competition if contest else load_blend if blend else load_pipeline
    config = load(path)
    with (tmp_path / path.name).open("w") as file:
        YAML(typ="safe", pure=True).dump(config.effective_keys(), file)
    assert load(tmp_path / path.name).model_dump() == config.model_dump()


@pytest.mark.parametrize(
    ("file", "line", "told"),
    [
        ("competition/competition.yaml", "metric: aucc", "metric: unknown metric 'aucc'"),
        ("competition/competition.yaml", "metric: hooks.py:mine", "metric: "),
        ("pipelines/lightgbm.yaml", "params: {num_leavs: 5}", "params"),
        ("pipelines/lightgbm.yaml", "features: [{count: nowhere}]", "features[0].count: no such column 'nowhere'"),
        ("pipelines/lightgbm.yaml", "features: [{function: hooks.py:f}]", "features[0].function: "),
        ("pipelines/lightgbm.yaml", "objective: hooks.py:f", "objective: "),
        ("pipelines/lightgbm.yaml", "monotone: {nowhere: increasing}", "monotone: "),
    ],
)
def test_an_error_that_only_the_data_shows_names_the_line(tabular: Path, file: str, line: str, told: str) -> None:
    outfold(tabular, "download")
    path = tabular / file
    key = line.partition(":")[0]
    kept = [one for one in path.read_text().splitlines() if not one.startswith((f"{key}:", "#"))]
    path.write_text("\n".join([*kept, line]) + "\n")
    ran = outfold(tabular, "check", check=False)
    assert ran.returncode == 2
    assert f"{path}:{len(kept) + 1}: {told}" in ran.stderr, ran.stderr
