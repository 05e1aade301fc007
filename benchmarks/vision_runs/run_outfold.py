"""The case in Outfold: the YAML below is the user's code; training is one fold, whose scored rows are the test images.

Usage: python run_outfold.py CASE_JSON DATA_FOLDER SOURCE_FOLDER SEED
"""

import csv
import json
import sys
import tempfile
from pathlib import Path

from measured import Clock

from outfold.threads import pin_threads

case, data, source, seed = json.loads(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
pin_threads()
clock = Clock()

COMPETITION = """\
host: folder
slug: benchmark
id: id
target: label
metric: accuracy
columns: {image: path}
folds: {kind: column, column: fold}
"""
PIPELINE = """\
learner: image
model: MODEL
weights: WEIGHTS
seed: SEED
size: SIZE
augment: side_on
batch_size: BATCH
phases:
PHASES
tta: TTA
"""
FROZEN = "  - {train: head, epochs: FROZEN, lr: LR}\n  - {train: all, epochs: EPOCHS, lr: [LOW, LR]}"
WHOLE = "  - {train: all, epochs: EPOCHS, lr: LR}"


def pipeline() -> str:
    """The YAML of the case."""
    text = PIPELINE.replace("PHASES", FROZEN if case["frozen_epochs"] else WHOLE)
    weights = str((source / case["weights"]).resolve()) if case["weights"] else "none"
    values = {"MODEL": case["model"], "WEIGHTS": weights, "SEED": seed, "SIZE": case["size"], "BATCH": case["batch"]}
    values["LOW"] = case["lr"] / 10
    values |= {"FROZEN": case["frozen_epochs"], "EPOCHS": case["epochs"], "LR": case["lr"], "TTA": case["tta"]}
    for key, value in values.items():
        text = text.replace(key, str(value))
    if case["weights"]:
        text += f"timm_args: {{pad_type: same}}\nmean: [{case['mean']}]\nstd: [{case['mean']}]\n"
    return text


def write_contest(root: Path) -> None:
    """The case's folders as a contest: the test images are the rows that the one fold scores."""
    for name in ("competition", "pipelines"):
        (root / name).mkdir()
    (root / "inputs").symlink_to(data.resolve())
    rows = [
        {"id": f"{part}-{path.parent.name}-{path.stem}", "label": path.parent.name, "path": path.relative_to(data)}
        | {"fold": 0 if part == "test" else -1}
        for part in ("train", "test")
        for path in sorted((data / part).glob("*/*"))
    ]
    tables = {"train.csv": rows, "test.csv": rows[:1], "sample_submission.csv": [{"id": rows[0]["id"], "label": "x"}]}
    for name, content in tables.items():
        with (data / name).open("w", newline="") as file:
            writer = csv.DictWriter(file, list(content[0]))
            writer.writeheader()
            writer.writerows(content)
    (root / "competition" / "competition.yaml").write_text(COMPETITION)
    (root / "pipelines" / "cnn.yaml").write_text(pipeline())


with tempfile.TemporaryDirectory() as folder:
    root = Path(folder)
    write_contest(root)
    from outfold.folds import make_folds
    from outfold.learners.registry import make_learner
    from outfold.progress import Reporter
    from outfold.runs.context import Context
    from outfold.store.fold_dir import Shelf

    context = Context(root, Reporter())
    with clock.measure("train"):
        contest = context.contest
        ids = contest.train.index
        folds, _ = make_folds(ids, kind="column", column=contest.fold_column(ids), y=contest.y, task=contest.task)
        learner = make_learner(contest, context.model_config("cnn"), "cnn", Reporter())
        shelf = Shelf.open(context.layout.fold("cnn", 0), "benchmark")
        learner.fit(0, folds.train(0), folds.valid(0), shelf)
    with clock.measure("tta"):
        frame = learner.predict("train", folds.valid(0), {0: shelf})
    outputs = frame.set_index("id")[contest.outputs]
    accuracy = contest.metric.score(contest.truth(outputs.index), outputs.to_numpy())
    clock.finish(accuracy=accuracy, images=len(folds.train(0)) * (case["frozen_epochs"] + case["epochs"]))
