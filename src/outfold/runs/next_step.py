"""Suggestion of the next command, printed at the end of every command."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from outfold.errors import OutfoldError
from outfold.progress import Reporter
from outfold.store.input_hashes import known_data
from outfold.store.paths import BLEND, Layout, command
from outfold.store.stamps import is_unchanged


def tell_next(root: Path, reporter: Reporter, done: str, names: Sequence[str] = ()) -> None:
    """Print the next step of a contest folder.

    Args:
        done: the command that has just ended well.
        names: the pipelines that it was asked for.
    """
    reporter.note(f"next: {next_step(Layout(root), done, names)}")


def next_step(layout: Layout, done: str, names: Sequence[str] = ()) -> str:
    """The next command with a short explanation."""
    if not layout.competition.exists():
        return f"write {layout.competition}, or copy a folder of examples/"
    if done in ("demo", "doctor", "config", "schema") and not layout.data_manifest.exists():
        return _download(layout)
    if done in ("download", "columns"):
        return _run(layout, "check", "goes through every later stage without training")
    if done in ("show", "summary", "lr-find") and layout.folds.exists():
        return _run(layout, "train", "trains it on every fold", names)
    if done == "lr-find":
        return f"set `lr:` in {layout.pipeline_config(names[0])}"
    if done == "tune":
        return _run(layout, "train", "trains the new pipeline on every fold", names)
    if not layout.folds.exists():
        return _run(layout, "split", "assigns every row to a fold")
    return _chain(layout, done)


def _download(layout: Layout) -> str:
    """The way to the data: what the host lacks first; no download where a person has put the files there."""
    from outfold.config.load import load_competition
    from outfold.hosts.registry import get_host

    download = _run(layout, "download", "brings the files")
    try:
        config = load_competition(layout.competition)
        missing = get_host(config, layout.root, layout.inputs).missing()
    except OutfoldError:
        return f"correct {layout.competition}, then {download}"
    if missing is None:
        return download
    files = (config.train, config.sample_submission)
    if config.host == "kaggle" and all((layout.inputs / file).exists() for file in files):
        return _run(layout, "check", "goes through every later stage without training")
    return f"{missing}, then {download}"


def _chain(layout: Layout, done: str) -> str:
    """The first stage that must be run, by the stamps that `make` reads; after the last, what to look at."""
    data, same = known_data(layout.root / "inputs", layout.data_manifest)

    def is_current(stage: str, name: str = "") -> bool:
        return same and is_unchanged(layout.root, stage, name, data=data)

    pipelines = layout.pipeline_names()
    if done not in ("ensemble", "submit", "report"):
        if not is_current("split"):
            return _run(layout, "split", "assigns every row to a fold")
        untrained = [name for name in pipelines if not is_current("train", name)]
        if untrained:
            return _run(layout, "train", "trains on every fold", _unless_all(untrained, pipelines))
        unpredicted = [name for name in pipelines if not is_current("predict", name)]
        if unpredicted:
            return _run(layout, "predict", "predicts the test set", _unless_all(unpredicted, pipelines))
        if not is_current("ensemble"):
            return _run(layout, "ensemble", "blends the pipelines, and scores the blend honestly")
    if not layout.manifest(BLEND).exists():
        return _run(layout, "ensemble", "blends the pipelines, and scores the blend honestly")
    if done == "report" and layout.ledger.exists():
        return f"edit or add a file in {layout.root / 'pipelines'} and run the chain again"
    if layout.ledger.exists() and (done == "submit" or is_current("submit")):
        return _run(layout, "report", "shows scores, weights and the worst rows")
    return _run(layout, "submit", "checks and sends the file")


def _unless_all(names: Sequence[str], pipelines: Sequence[str], most: int = 5) -> Sequence[str]:
    """``names``; nothing where the command without names means the same, or the list would be long."""
    return names if len(names) < len(pipelines) and len(names) <= most else ()


def _run(layout: Layout, stage: str, why: str, names: Sequence[str] = ()) -> str:
    return f"`{command(layout.root, stage, *names)}` {why}"
