"""check, for contests of images: look at every file, tell what is junk or there twice, and move junk aside if asked."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from outfold.contest import Contest
from outfold.data.images.audit import COLUMNS, CONTRADICTIONS, JUNK, find, spare_copies
from outfold.data.images.files import files_below, is_image
from outfold.data.images.inspect import Looks, look_at
from outfold.errors import ConfigError, some
from outfold.runs.context import Context
from outfold.store.atomic import write_text

JUNK_FOLDER = "inputs_junk"
MOST_BARS = 60


def check_images(context: Context) -> pd.DataFrame:
    """Look at every image of the contest; write ``artifacts/check/findings.csv`` and two pictures; print a summary.

    Returns:
        the findings, as :func:`outfold.data.images.audit.find` gives them, with files relative to inputs/.
    """
    contest, reporter = context.contest, context.reporter
    images = _images(contest, context)
    looks = look_at([Path(file) for file in images["file"]], reporter)
    found = pd.concat([_stray(contest), find(images, looks)], ignore_index=True)
    inputs = f"{context.layout.inputs.absolute()}{os.sep}"
    found["file"] = found["file"].str.removeprefix(inputs)
    folder = context.layout.artifacts / "check"
    write_text(folder / "findings.csv", found.to_csv(index=False))
    _draw_sizes(folder / "sizes.png", images, looks)
    _draw_classes(folder / "classes.png", contest)
    _tell(context, found, looks, folder)
    return found


def move_aside(context: Context, found: pd.DataFrame) -> list[str]:
    """Move training images that are junk or spare copies, and files that are no images by their names, from inputs/ to
    inputs_junk/, and say how to undo it.

    Test images stay, since each needs a prediction; so do near duplicates and copies whose labels differ, since a
    person must judge them.

    Returns:
        the files moved, relative to inputs/.

    Raises:
        ConfigError: the host would bring the files back, or rows of a table would lose their images.
    """
    config, reporter = context.competition, context.reporter
    if config.host != "folder":
        raise ConfigError(
            f"{context.layout.competition}: check --fix moves files, and `outfold download` (host: {config.host}) "
            "would bring them back",
            remedy="Say `on_bad_image: drop` to leave unreadable images out, or `host: folder` once they are there.",
        )
    if not (context.layout.inputs / config.train).is_dir() and config.on_bad_image == "error":
        raise ConfigError(
            f"{context.layout.competition}: check --fix would leave rows of {config.train} without their images",
            remedy="Say `on_bad_image: drop`, so that such rows are left out.",
        )
    strange = found["finding"] == "not an image"
    junk = found["finding"].isin(JUNK) & ((found["part"] == "train") | strange) & (found["detail"] != "no such file")
    files = found.loc[junk | spare_copies(found), "file"].drop_duplicates().tolist()
    for file in files:
        target = _free(context.root / JUNK_FOLDER / file)
        target.parent.mkdir(parents=True, exist_ok=True)
        (context.layout.inputs / file).rename(target)
    left = int((found["finding"].isin(JUNK) & (found["part"] == "test") & ~strange).sum())
    if left:
        reporter.note(f"{left} test images are junk and stay where they are: each needs a prediction")
    if files:
        reporter.note(f"moved {len(files)} files to {context.root / JUNK_FOLDER}: {some(files)}")
        reporter.note(f"  To undo: cp -R {context.root / JUNK_FOLDER}/. {context.layout.inputs}/")
    else:
        reporter.note("check --fix: nothing to move")
    return files


def _free(path: Path) -> Path:
    """The path, or one beside it where something lies there from an earlier time."""
    number = 1
    target = path
    while target.exists():
        number += 1
        target = path.with_name(f"{path.stem}.{number}{path.suffix}")
    return target


def _images(contest: Contest, context: Context) -> pd.DataFrame:
    """Every image file once: part, id, label, fold, absolute path."""
    train, test = contest.image_paths["train"], contest.image_paths["test"]
    labels = contest.train[contest.targets].loc[train.index].astype(str).agg(" ".join, axis=1)
    rows = pd.concat(
        [
            pd.DataFrame({"part": "train", "id": train.index, "label": labels.to_numpy(), "file": train.to_numpy()}),
            pd.DataFrame({"part": "test", "id": test.index, "label": None, "file": test.to_numpy()}),
        ],
        ignore_index=True,
    )
    rows["fold"] = pd.array([pd.NA] * len(rows), dtype="Int64")
    if context.layout.folds.exists():
        # of repeated folds the first repeat speaks for all
        folds = context.folds.frame.drop_duplicates("id").set_index("id")["fold"]
        mine = rows["part"] == "train"
        rows.loc[mine, "fold"] = rows.loc[mine, "id"].map(folds).astype("Int64")
    return rows.drop_duplicates("file", ignore_index=True)


def _stray(contest: Contest) -> pd.DataFrame:
    """Files in the folders of training and test images that are no images by their names; hidden ones are nobody's."""
    tables = []
    for part, folder in (("train", contest.config.train), ("test", contest.config.test)):
        root = contest.layout.inputs / folder if folder else None
        names = sorted(name for name in files_below(root.absolute()) if not is_image(name)) if root else []
        ids = [Path(name).name for name in names]
        tables.append(pd.DataFrame({"part": part, "id": ids, "file": names}, columns=COLUMNS, dtype=object))
    table = pd.concat(tables, ignore_index=True).drop_duplicates("file", ignore_index=True)
    return table.assign(finding="not an image", detail="by its name")


def _tell(context: Context, found: pd.DataFrame, looks: Looks, folder: Path) -> None:
    reporter, good = context.reporter, looks.readable
    sizes = Counter(zip(looks.widths[good].tolist(), looks.heights[good].tolist(), strict=True))
    usual = ", ".join(f"{width} x {height} ({count:,})" for (width, height), count in sizes.most_common(3))
    rows = [["images", f"{len(good):,}", usual + (f" and {len(sizes) - 3:,} more sizes" if len(sizes) > 3 else "")]]
    for kind in dict.fromkeys(found["finding"]):
        mine = found[found["finding"] == kind]
        detail = some(mine["file"], limit=3)
        if kind.endswith("duplicate"):
            groups = mine.drop_duplicates("group")
            flags = [(flag, int(groups["detail"].str.contains(flag).sum())) for flag in CONTRADICTIONS]
            many = f"{len(groups):,} group{'s' * (len(groups) > 1)}"
            said = ", ".join([many, *(f"{count:,} {flag}" for flag, count in flags if count)])
            detail = f"{said}: {detail}"
        rows.append([kind, f"{len(mine):,}", detail])
    reporter.table("images", ["", "files", ""], rows)
    if len(found):
        reporter.warn(f"{len(found):,} findings, each with its id, are in {folder / 'findings.csv'}")
    reporter.note(f"sizes and classes as pictures: {folder / 'sizes.png'}, {folder / 'classes.png'}")


def _draw_sizes(path: Path, images: pd.DataFrame, looks: Looks) -> None:
    from outfold.plots import COLOURS, drawing, new_figure, save

    with drawing():
        figure = new_figure(6.0, 5.0)
        axes = figure.subplots()
        for colour, part in zip(COLOURS, ("train", "test"), strict=False):
            mine = (images["part"] == part).to_numpy() & looks.readable
            axes.scatter(looks.widths[mine], looks.heights[mine], s=8, alpha=0.4, color=colour, label=part)
        axes.set_xlabel("width in pixels")
        axes.set_ylabel("height in pixels")
        axes.set_title("Sizes of the images")
        axes.legend()
        save(figure, path)


def _draw_classes(path: Path, contest: Contest) -> None:
    """Training rows a class or a label, the most frequent first (of several targets, the leading one); of numbers, a
    histogram each."""
    from outfold.plain_text import label
    from outfold.plots import bars, drawing, new_figure, save

    contest = contest.leading
    if contest.classes is None:
        with drawing():
            figure = new_figure(4.0 * len(contest.targets) + 1.0, 3.5)
            for axes, target in zip(
                figure.subplots(1, len(contest.targets), squeeze=False)[0], contest.targets, strict=True
            ):
                axes.hist(contest.train[target], bins=50)
                axes.set_title(label(target))
            save(figure, path)
        return
    counts = contest.y.sum(0) if contest.y.ndim == 2 else np.bincount(contest.y, minlength=len(contest.classes))
    order = np.argsort(-counts, kind="stable")[:MOST_BARS]
    more = f", the {len(order)} most frequent of {len(counts)}" if len(counts) > len(order) else ""
    values = {str(contest.classes[place]): float(counts[place]) for place in order}
    bars(path, values, title=f"Images a class{more}", xlabel="training images")
