"""YAML in, checked models out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from outfold.config.load import load_competition, load_pipeline, read_yaml
from outfold.errors import ConfigError

SHORT = """\
host: folder
slug: my-contest
solution: solution.csv        # optional, relative to the contest's root: id, target, Usage
train: train.csv              # relative to inputs/
test: test.csv
sample_submission: sample_submission.csv
id: case
target: target
task: binary
metric: auc
folds: {kind: stratified, n: 5, seed: 7}
"""


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def refused(path: Path) -> str:
    load = load_competition if path.name == "competition.yaml" else load_pipeline
    with pytest.raises(ConfigError) as caught:
        load(path)
    return str(caught.value)


def test_the_contest_file_for_plain_tables_is_short(tmp_path: Path) -> None:
    config = load_competition(write(tmp_path / "competition.yaml", SHORT))
    assert config.target == ["target"]
    assert (config.folds.kind, config.folds.n, config.folds.seed) == ("stratified", 5, 7)


def test_one_line_is_a_whole_pipeline(tmp_path: Path) -> None:
    assert load_pipeline(write(tmp_path / "a.yaml", "learner: gbdt\n")).learner == "gbdt"
    assert load_pipeline(write(tmp_path / "b.yaml", "learner: image\n")).learner == "image"


@pytest.mark.parametrize(("text", "value"), [("1e-3", 0.001), ("5E-4", 0.0005), (".01", 0.01), ("1", 1.0)])
def test_a_learning_rate_is_a_number_however_it_is_written(tmp_path: Path, text: str, value: float) -> None:
    path = write(tmp_path / "a.yaml", f"learner: image\nphases:\n  - {{epochs: 1, lr: {text}}}\n")
    assert load_pipeline(path).phases[0].lr == pytest.approx(value)  # type: ignore[union-attr]


def test_a_list_of_learning_rates_stays_one_per_group(tmp_path: Path) -> None:
    path = write(tmp_path / "a.yaml", "learner: image\nphases:\n  - {epochs: 1, lr: [1e-4, 1e-3, 1e-2]}\n")
    assert load_pipeline(path).phases[0].lr == [1e-4, 1e-3, 1e-2]  # type: ignore[union-attr]


def test_yaml_words_are_words(tmp_path: Path) -> None:
    content = read_yaml(write(tmp_path / "a.yaml", "yes: no\non: off\n"))
    assert dict(content) == {"yes": "no", "on": "off"}


def test_an_unknown_key_names_file_line_and_the_nearest(tmp_path: Path) -> None:
    path = write(tmp_path / "cnn.yaml", "learner: image\nmodle: resnet18\n")
    assert refused(path) == f"{path}:2: unknown key 'modle'; did you mean model, compile?"


def test_an_unknown_key_deep_inside_names_its_line(tmp_path: Path) -> None:
    path = write(
        tmp_path / "cnn.yaml", "learner: image\nphases:\n  - train: head\n    epochs: 1\n  - cycels: 3\n    epochs: 1\n"
    )
    message = refused(path)
    assert f"{path}:5: unknown key 'phases[1].cycels'; did you mean cycles" in message


def test_every_problem_is_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "cnn.yaml", "learner: image\nmodle: x\nbatch_size: many\naugment: sideon\n")
    lines = refused(path).splitlines()
    assert [line.split(":")[1] for line in lines] == ["2", "3", "4"]
    assert "found 'many'" in lines[1]
    assert "did you mean side_on?" in lines[2]


def test_an_unknown_learner_names_the_nearest(tmp_path: Path) -> None:
    path = write(tmp_path / "a.yaml", "# mine\nlearner: gdbt\n")
    assert refused(path) == f"{path}:2: learner: 'gdbt' is not a learner; did you mean gbdt?"


def test_a_missing_learner_is_told(tmp_path: Path) -> None:
    assert "the key 'learner' is missing" in refused(write(tmp_path / "a.yaml", "model: resnet18\n"))


def test_a_missing_key_is_told(tmp_path: Path) -> None:
    assert "the key 'slug' is missing" in refused(write(tmp_path / "competition.yaml", "host: demo\n"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file is empty"),
        ("- a\n- b\n", "expected 'key: value' lines, found a list"),
        ("host: demo\nhost: kaggle\n", ":2: found duplicate key"),
        ("host: demo\n  slug: x\n", ":2: mapping values are not allowed here"),
        ("host: [demo\n", ":"),
    ],
)
def test_broken_yaml_is_told_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    assert said in refused(write(tmp_path / "competition.yaml", text))


def test_a_missing_file_says_where_to_run(tmp_path: Path) -> None:
    assert "--root" in refused(tmp_path / "competition.yaml")


@pytest.mark.parametrize(
    ("phase", "said"),
    [
        ("{train: head}", "a phase needs cycles:"),
        ("{cycles: 2, epochs: 3}", "not both"),
        ("{schedule: sgdr, epochs: 3}", "schedule: sgdr needs cycles:"),
        ("{schedule: cosine, cycles: 3}", "schedule: cosine needs epochs:"),
        ("{epochs: 1, lr: [1e-3, 1e-2], lr_ratio: 3}", "lr_ratio: goes with a single lr"),
        ("{epochs: 1, lr: -1}", "greater than 0"),
        ("{epochs: 1, train: 0}", "from 1 up"),
    ],
)
def test_a_phase_that_contradicts_itself_is_refused(tmp_path: Path, phase: str, said: str) -> None:
    assert said in refused(write(tmp_path / "a.yaml", f"learner: image\nphases:\n  - {phase}\n"))


def test_a_solution_goes_with_the_folder_host_alone(tmp_path: Path) -> None:
    message = refused(write(tmp_path / "competition.yaml", "host: kaggle\nslug: x\nsolution: s.csv\n"))
    assert "solution: is only read with host: folder" in message


def test_only_what_makes_another_model_is_in_its_fit_key(tmp_path: Path) -> None:
    one = load_pipeline(write(tmp_path / "a.yaml", "learner: image\ntta: 4\nworkers: 1\n"))
    other = load_pipeline(write(tmp_path / "b.yaml", "learner: image\ntta: 0\nworkers: 3\ndevice: cpu\n"))
    third = load_pipeline(write(tmp_path / "c.yaml", "learner: image\nseed: 1\n"))
    assert one.fit_key() == other.fit_key()  # type: ignore[union-attr]
    assert one.inference_key() != other.inference_key()  # type: ignore[union-attr]
    assert one.fit_key() != third.fit_key()  # type: ignore[union-attr]


def test_every_key_is_documented_in_the_schema(tmp_path: Path) -> None:
    from outfold.progress import Reporter
    from outfold.stages.show_config import write_schemas

    write_schemas(tmp_path, Reporter())
    for name in ("competition", "pipeline"):
        schema = json.loads((tmp_path / f"{name}.json").read_text())
        models = [schema, *schema["$defs"].values()] if "properties" in schema else schema["$defs"].values()
        for model in models:
            for key, about in model.get("properties", {}).items():
                # pydantic leaves out what the model it points to says already
                about = {**schema["$defs"].get(about.get("$ref", "").rpartition("/")[2], {}), **about}
                assert about.get("description"), f"{name}: {model.get('title')}.{key} has no description"


@pytest.mark.parametrize(
    ("text", "said", "remedy"),
    [
        ("folds:\n\tn: 5\n", ":2: column 1: a tab; YAML allows only spaces in the indentation", "two per level"),
        ("folds:\n  n: 5\n\tseed: 1\na: 1\n\tb: 2\n", ":3: column 1: .*tabs in line 5, too", "two per level"),
        ("target:\tSurvived\n", ":1: column 8: a tab; YAML allows only spaces here", "Replace the tab with a space"),
        ("target: x\t# the target\n", ":1: column 10: a tab", "Replace the tab with a space"),
        ("target: @x\n", ":1: .*'@'", "in quotes"),
        ("target: a: b\n", ":1: mapping values", "in quotes"),
        ("a: 1\ntarget: 'x\nb: 2\n", ":2: a quote that opens in this line is never closed", "Close it"),
        ("target: [a, b\nid: x\n", ":2: expected ','", "Close the list"),
        ("id: x\ntarget: \x07\n", ":2: an invisible character .U.0007", "Remove it"),
        ("id: x\n---\nid: y\n", ":2: .*another document", "Remove the line"),
        ("id: x\nid: y\n", ":2: .*duplicate key", "Remove one"),
    ],
)
def test_broken_yaml_is_told_with_its_line_and_a_remedy(tmp_path: Path, text: str, said: str, remedy: str) -> None:
    path = tmp_path / "competition.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said) as caught:
        load_competition(path)
    assert remedy in (caught.value.remedy or "")
