"""The documentation says what is so: keys, YAML, commands and links are tried, and the examples run."""

from __future__ import annotations

import re
import runpy
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import typer
from conftest import REPO

import outfold
from outfold.cli import app
from outfold.config.load import load_competition, load_pipeline
from outfold.contest_files import load_contest
from outfold.runs.context import Context
from outfold.stages.download import download
from outfold.stages.ensemble import ensemble
from outfold.stages.predict import predict
from outfold.stages.split import split
from outfold.stages.submit import submit
from outfold.stages.train import train

PAGES = [REPO / "README.md", *sorted((REPO / "docs").glob("*.md")), *sorted((REPO / "examples").glob("**/README.md"))]
PIPELINES = ("lightgbm", "shallow")
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(REPO).as_posix())


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a page in this language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), flags=re.M | re.S)


def commands(page: Path) -> Iterator[list[str]]:
    """The commands that a page names: in backticks, or on lines of their own that are indented or fenced."""
    text = page.read_text(encoding="utf-8")
    lines = [line.strip() for line in re.findall(r"^ {4}(.*)$", text, flags=re.M)]
    lines += [line for block in blocks(page, "(?:sh|bash|console)?") for line in block.splitlines()]
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S))
    for line in [*lines, *spans]:
        words = line.partition(" #")[0].split()
        if len(words) > 1 and words[0] in ("outfold", "make"):
            yield words


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def run_chain(root: Path) -> None:
    for stage in (download, split):
        stage(Context(root))
    for name in PIPELINES:
        train(Context(root), name)
        predict(Context(root), name)
    ensemble(Context(root))


def hooks_of_the_page() -> str:
    (found,) = [block for block in blocks(REPO / "docs" / "fork.md", "python") if "competition/hooks.py" in block]
    return found


@pytest.fixture
def hooked(tabular: Path) -> Path:
    """A contest with the hooks of docs/fork.md."""
    (tabular / "competition" / "hooks.py").write_text(hooks_of_the_page())
    contest = tabular / "competition" / "competition.yaml"
    contest.write_text(contest.read_text().replace("metric: auc", "metric: hooks.py:careful_loss"))
    return tabular


def test_the_page_of_keys_is_what_the_models_say_now() -> None:
    written = runpy.run_path(str(REPO / "tools" / "configuration_docs.py"))["page"]()
    there = (REPO / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert there == written, "run `PYTHONPATH=src python tools/configuration_docs.py`"


@each_page
def test_every_yaml_block_is_a_whole_contest_or_pipeline_that_is_accepted(page: Path, tmp_path: Path) -> None:
    for number, block in enumerate(blocks(page, "yaml")):
        path = tmp_path / f"{page.name}-{number}.yaml"
        path.write_text(block)
        pipeline = re.search(r"^learner:", block, flags=re.M)
        load_pipeline(path) if pipeline else load_competition(path)


@each_page
def test_every_command_exists_with_its_options(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (REPO / "Makefile").read_text(), flags=re.M))
    group = typer.main.get_command(app)
    stages = group.commands  # type: ignore[attr-defined]
    for words in commands(page):
        said = " ".join(words)
        if words[0] == "make":
            goals = [word for word in words[1:] if "=" not in word and not word.startswith("-")]
            assert set(goals) <= targets, f"{page.name}: {said}"
            continue
        rest = words[3:] if words[1] == "--root" else words[1:]
        if rest[0] in ("--help", "--version"):
            continue
        assert rest[0] in stages, f"{page.name}: {said}"
        known = {option for parameter in stages[rest[0]].params for option in parameter.opts}
        assert {word for word in rest if word.startswith("--")} <= known, f"{page.name}: {said}"


def test_commands_are_found_where_they_stand() -> None:
    named = {" ".join(words[:2]) for page in PAGES for words in commands(page)}
    assert {"make download", "outfold doctor", "outfold submit", "outfold train", "make -n"} <= named


@each_page
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if target.startswith(("http://", "https://")):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.exists(), f"{page.name}: {target}"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), flags=re.M)
            assert anchor in map(slug, headings), f"{page.name}: {target}"


def test_the_hooks_of_the_page_run_the_whole_chain(hooked: Path) -> None:
    run_chain(hooked)
    contest = load_contest(hooked)
    assert {"growth", "area for its size"} <= set(contest.roles.continuous)
    assert not contest.metric.greater_is_better

    work = outfold.open(hooked)
    careful, plain = work.oof()["target"], work.oof("lightgbm")["target"]
    assert work.manifest().score == pytest.approx(
        contest.metric.score(contest.truth(careful.index), careful.to_frame())
    )
    assert work.manifest("lightgbm").metric == "careful_loss" and len(plain) == len(contest.train)

    sent = submit(Context(hooked))
    assert sent is not None and sent.private is not None
    file = pd.read_csv(next((hooked / "submissions").glob("blend-*.csv")), index_col="case")["target"]
    p = work.test()["target"].reindex(file.index)
    pd.testing.assert_series_equal(file, 0.7 * p / (0.7 * p + 1 - p), check_dtype=False, check_names=False, rtol=1e-5)


def test_the_metric_on_labels_of_the_page_is_decided_by_tuned_thresholds(hooked: Path) -> None:
    contest = hooked / "competition" / "competition.yaml"
    contest.write_text(contest.read_text().replace("careful_loss", "cost"))
    for stage in (download, split):
        stage(Context(hooked))
    manifest = train(Context(hooked), "lightgbm")
    (threshold,) = manifest.extra["thresholds"]
    assert 0 < threshold < 0.5, "a miss costs five false alarms, so that doubtful cases are called positive"


def test_the_api_of_the_page_runs_as_it_stands(tabular: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_chain(tabular)
    submit(Context(tabular))
    monkeypatch.chdir(tabular)
    (block,) = [block for block in blocks(REPO / "docs" / "fork.md", "python") if "outfold.open" in block]
    names: dict[str, object] = {}
    exec(compile(block, "docs/fork.md", "exec"), names)
    assert (tabular / "scores.png").stat().st_size > 1000
    missed = names["missed"]
    assert isinstance(missed, pd.DataFrame) and (missed["target_predicted"] < 0.5).all() and len(missed)


def test_predictions_that_a_colleague_shares_are_blended_and_train_nothing(tabular: Path) -> None:
    run_chain(tabular)
    mine = tabular.parent / "mine"
    mine.mkdir()
    shutil.copy(tabular / "solution.csv", mine)
    for name in ("competition", "pipelines", "inputs"):
        shutil.copytree(tabular / name, mine / name)
    download(Context(mine))
    split(Context(mine))
    for name in PIPELINES:
        (mine / "artifacts" / name).mkdir()
        for file in ("oof.parquet", "test.parquet", "manifest.json"):
            shutil.copy(tabular / "artifacts" / name / file, mine / "artifacts" / name / file)
        train(Context(mine), name)
        predict(Context(mine), name)
    assert ensemble(Context(mine)).score == outfold.open(tabular).manifest().score
    assert not list(mine.glob("artifacts/*/folds")), "nothing was trained"


def test_the_architecture_page_names_files_that_exist() -> None:
    text = (REPO / "docs" / "architecture.md").read_text(encoding="utf-8")
    package = REPO / "src" / "outfold"
    names = set(re.findall(r"`([\w/]+(?:\.py|\.json|/))`", text))
    assert len(names) > 40
    missing = [name for name in names if not (package / name).exists() and not list(package.rglob(name))]
    assert not [name for name in missing if not (REPO / name).exists() and name != "artifacts/"]
