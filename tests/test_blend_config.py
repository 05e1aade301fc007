"""``pipelines/blend.yaml``: what may be left out, and what is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import outfold

from outfold.config.load import learners, load_blend, load_pipeline
from outfold.errors import ConfigError


def refused(tmp_path: Path, text: str) -> str:
    path = tmp_path / "blend.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        load_blend(path)
    return str(error.value).removeprefix(f"{tmp_path}/")


def test_the_combiner_alone_is_a_whole_file(tmp_path: Path) -> None:
    (tmp_path / "blend.yaml").write_text("combiner: ges\n")
    blend = load_blend(tmp_path / "blend.yaml")
    assert (blend.learner, blend.combiner, blend.pipelines) == ("blend", "ges", None)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("combiner: best\n", "blend.yaml:1: combiner: 'best' is not one of"),
        ("learner: gbdt\n", "blend.yaml:1: learner: gbdt; expected learner: blend in this file"),
        ("combiner: ges\npipelines: []\n", "blend.yaml:2: pipelines:"),
        ("seeds: 1\n", "blend.yaml:1: unknown key 'seeds'; did you mean seed"),
    ],
)
def test_what_is_wrong_in_the_file_is_told_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    assert refused(tmp_path, text).startswith(told)


def test_the_learners_of_a_message_are_those_that_there_are(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("model: resnet18\n")
    with pytest.raises(ConfigError) as error:
        load_pipeline(tmp_path / "a.yaml")
    assert str(error.value).endswith(f"one of {', '.join(learners())}")
    assert {"image", "gbdt", "linear", "tabular", "sklearn"} <= set(learners())


def test_check_reads_a_blend_without_learner_and_names_the_line_of_an_unknown_pipeline(tabular: Path) -> None:
    blend = tabular / "pipelines" / "blend.yaml"
    blend.write_text("combiner: mean\n")
    outfold(tabular, "download")
    outfold(tabular, "check")
    blend.write_text("combiner: mean\npipelines: [lightgbn]\n")
    ran = outfold(tabular, "check", check=False)
    assert (
        ran.returncode == 2
        and f"{blend}:2: pipelines: no such pipeline 'lightgbn'; did you mean lightgbm" in ran.stderr
    )
