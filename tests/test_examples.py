"""Every example runs, on a small sample in the contest's own file layout, from its files to a scored submission."""

from __future__ import annotations

import os
import re
import runpy
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from conftest import REPO
from ruamel.yaml import YAML
from table_samples import house_prices, playground, rossmann, titanic

from outfold.config.load import load_competition, load_pipeline
from outfold.config.pipeline import ImagePipeline
from outfold.contest_files import load_contest
from outfold.runs.context import Context
from outfold.runs.image_checks import check_images, move_aside
from outfold.stages.download import download
from outfold.stages.ensemble import ensemble
from outfold.stages.predict import predict
from outfold.stages.split import split
from outfold.stages.submit import submit
from outfold.stages.train import train
from outfold.training.layer_groups import layer_groups, learning_groups, spread_lr

EXAMPLES = REPO / "examples"
NAMES = sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir())
REAL = Path(os.environ["OUTFOLD_TEST_DATA"]) if os.environ.get("OUTFOLD_TEST_DATA") else None
CIFAR = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SPECIES = ("Black-grass", "Charlock", "Cleavers", "Common Chickweed", "Fat Hen")
TAGS = ("agriculture", "clear", "cloudy", "haze", "primary", "road", "water")


# ---- a small sample of each contest, as it lies on disk after the download


def coloured(kind: int, kinds: int, seed: int, side: int = 40) -> np.ndarray:
    """A noisy picture whose hue tells its kind: what any model can learn."""
    noise = np.random.default_rng(seed).integers(-30, 30, (side, side + seed % 7, 3))
    hue = np.full((1, 1, 3), (180 * kind // kinds, 200, 180), dtype=np.uint8)
    return np.clip(cv2.cvtColor(hue, cv2.COLOR_HSV2BGR) + noise, 0, 255).astype(np.uint8)


def put(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)


def write(root: Path, sample: str, table: pd.DataFrame, truth: pd.DataFrame) -> None:
    """The sample submission, and the truth that the host keeps."""
    table.to_csv(root / "inputs" / sample, index=False)
    truth.assign(Usage=np.where(np.arange(len(truth)) % 2, "Public", "Private")).to_csv(
        root / "solution.csv", index=False
    )


def real_pets() -> Iterator[tuple[int, np.ndarray]]:
    """Photos of a cat and a dog in turn, from real data where there is some, small."""
    for number in range(40):
        kind = number % 2
        if REAL is None or not (REAL / "dogs-vs-cats").is_dir():
            yield kind, coloured(kind, 2, number)
            continue
        paths = sorted((REAL / "dogs-vs-cats" / "train" / ("cat", "dog")[kind]).glob("*.jpg"))
        yield kind, cv2.resize(cv2.imread(str(paths[number])), None, fx=0.25, fy=0.25)


def dogs_vs_cats(root: Path) -> None:
    truth = []
    for number, (kind, pixels) in enumerate(real_pets()):
        if number < 28:
            put(root / "inputs" / "train" / f"{('cat', 'dog')[kind]}.{number // 2}.jpg", pixels)
        else:
            put(root / "inputs" / "test" / f"{number - 27}.jpg", pixels)
            truth.append((number - 27, kind))
    table = pd.DataFrame(truth, columns=["id", "label"])
    named = table.assign(label=np.where(table["label"] == 1, "dog", "cat"))
    write(root, "sample_submission.csv", table.assign(label=0.5), named)


def dog_breeds(root: Path) -> None:
    breeds = [f"breed_{n:03d}" for n in range(120)]
    ids = [f"{n * 2654435761 % 2**32:08x}" for n in range(300)]
    for number, name in enumerate(ids):
        folder = "train" if number < 240 else "test"
        put(root / "inputs" / folder / f"{name}.jpg", coloured(number % 120, 120, number, side=24))
    table = pd.DataFrame({"id": ids, "breed": [breeds[n % 120] for n in range(300)]})
    table[:240].to_csv(root / "inputs" / "labels.csv", index=False)
    sample = pd.concat([table.loc[240:, ["id"]], pd.DataFrame(1 / 120, index=range(240, 300), columns=breeds)], axis=1)
    write(root, "sample_submission.csv", sample, table[240:])


def planet(root: Path) -> None:
    rows = []
    for number in range(48):
        tags = {TAGS[number % 4], *TAGS[4 : 5 + number % 3]}
        name = f"train_{number}" if number < 36 else f"test_{number - 36}" if number < 44 else f"file_{number - 44}"
        folder = "train-jpg" if number < 36 else "test-jpg" if number < 44 else "test-jpg/test-jpg-additional"
        put(root / "inputs" / folder / f"{name}.jpg", coloured(number % 4, 4, number))
        rows.append((name, " ".join(sorted(tags))))
    table = pd.DataFrame(rows, columns=["image_name", "tags"])
    table[:36].to_csv(root / "inputs" / "train_v2.csv", index=False)
    write(root, "sample_submission_v2.csv", table[36:].assign(tags="primary clear agriculture road water"), table[36:])


def plant_seedlings(root: Path) -> None:
    rows = []
    for number in range(50):
        kind, name = number % 5, f"{number * 40503 % 2**32:09x}.png"
        folder = f"train/{SPECIES[kind]}" if number < 40 else "test"
        put(root / "inputs" / folder / name, coloured(kind, 5, number))
        rows.append((name, SPECIES[kind]))
    table = pd.DataFrame(rows[40:], columns=["file", "species"])
    write(root, "sample_submission.csv", table.assign(species="Sugar beet"), table)


def cifar_images(each: int) -> dict[str, list[np.ndarray]]:
    """A few images of each class, from real data where there is some."""
    found: dict[str, list[np.ndarray]] = {name: [] for name in CIFAR}
    archive = REAL / "cifar10" / "cifar10.tar.gz" if REAL is not None else None
    if archive is None or not archive.exists():
        return {name: [coloured(n, 10, 10 * n + k, side=32) for k in range(each)] for n, name in enumerate(CIFAR)}
    with tarfile.open(archive, "r|gz") as files:
        for member in files:
            kind = found.get(member.name.split("/")[-2]) if member.isfile() else None
            if kind is not None and len(kind) < each:
                pixels = files.extractfile(member)
                assert pixels is not None
                kind.append(cv2.imdecode(np.frombuffer(pixels.read(), np.uint8), cv2.IMREAD_COLOR))
            if all(len(images) == each for images in found.values()):
                break
    return found


def cifar10(root: Path) -> None:
    rows = [
        (name, image)
        for images in zip(*cifar_images(8).values(), strict=True)
        for name, image in zip(CIFAR, images, strict=True)
    ]
    train_rows, test_rows = rows[:60], rows[60:]
    for folder, part in (("train", train_rows), ("test", test_rows)):
        for number, (_, image) in enumerate(part, start=1):
            put(root / "inputs" / folder / f"{number}.png", image)
    labels = pd.DataFrame({"id": range(1, 61), "label": [name for name, _ in train_rows]})
    labels.to_csv(root / "inputs" / "trainLabels.csv", index=False)
    truth = pd.DataFrame({"id": range(1, 21), "label": [name for name, _ in test_rows]})
    write(root, "sampleSubmission.csv", truth.assign(label="cat"), truth)


def spiders_vs_scorpions(root: Path) -> None:
    """Scraped photos with junk among them; the example's own script makes the rest."""
    train = root / "inputs" / "train"
    for number in range(48):
        kind = ("scorpion", "spider")[number % 2]
        put(train / kind / f"{number:03d}.jpg", coloured(number % 2, 3, number))
    (train / "spider" / "500.jpg").write_text("<html>404</html>")
    (train / "spider" / "501.jpg").write_bytes((train / "spider" / "001.jpg").read_bytes()[:300])
    put(train / "scorpion" / "502.png", np.full((50, 50, 3), 255, dtype=np.uint8))
    put(train / "scorpion" / "503.png", coloured(0, 3, 7)[:6, :6])
    hold_out = runpy.run_path(str(EXAMPLES / "spiders-vs-scorpions" / "hold_out.py"))["hold_out"]
    hold_out(root)
    with pytest.raises(SystemExit, match="held out before"):
        hold_out(root)
    move_aside(Context(root), check_images(Context(root)))
    assert {"spider/500.jpg", "spider/501.jpg", "scorpion/503.png"} <= {
        path.relative_to(root / "inputs_junk" / "train").as_posix() for path in (root / "inputs_junk").rglob("*.*")
    }


def galaxy_zoo(root: Path) -> None:
    """Shares of answers that depend on the colour."""
    answers = list(load_competition(EXAMPLES / "galaxy-zoo" / "competition" / "competition.yaml").target)
    rng, rows = np.random.default_rng(0), []
    each = rng.random((4, len(answers)))
    for number in range(40):
        name, folder = 100008 + 15 * number, "images_training_rev1" if number < 30 else "images_test_rev1"
        put(root / "inputs" / folder / f"{name}.jpg", coloured(number % 4, 4, number))
        rows.append((name, *np.round(each[number % 4], 6)))
    table = pd.DataFrame(rows, columns=["GalaxyID", *answers])
    table[:30].to_csv(root / "inputs" / "training_solutions_rev1.csv", index=False)
    write(root, "all_zeros_benchmark.csv", table[30:].assign(**dict.fromkeys(answers, 0)), table[30:])


def aptos2019(root: Path) -> None:
    """Grades that rise with the colour."""
    rows = []
    for number in range(60):
        name, folder = f"{7919 * (number + 1):012x}", "train_images" if number < 45 else "test_images"
        put(root / "inputs" / folder / f"{name}.png", coloured(number % 5, 8, number))
        rows.append((name, number % 5))
    table = pd.DataFrame(rows, columns=["id_code", "diagnosis"])
    table[:45].to_csv(root / "inputs" / "train.csv", index=False)
    table.loc[45:, ["id_code"]].to_csv(root / "inputs" / "test.csv", index=False)
    write(root, "sample_submission.csv", table[45:].assign(diagnosis=0), table[45:])


def paddy(root: Path) -> None:
    """Diseases by the colour; varieties and ages that nobody can see."""
    rows, diseases = [], ("blast", "hispa", "normal")
    for number in range(48):
        name, label = f"{100330 + number}.jpg", diseases[number % 3]
        put(
            root / "inputs" / (f"train_images/{label}" if number < 36 else "test_images") / name,
            coloured(number % 3, 3, number),
        )
        rows.append((name, label, ("ADT45", "Ponni")[number // 3 % 2], 45 + number % 7))
    table = pd.DataFrame(rows, columns=["image_id", "label", "variety", "age"])
    table[:36].to_csv(root / "inputs" / "train.csv", index=False)
    table = table.loc[36:, ["image_id", "label"]]
    write(root, "sample_submission.csv", table.assign(label=""), table)


SAMPLES: dict[str, Callable[[Path], None]] = {
    "paddy": paddy,
    "aptos2019": aptos2019,
    "dogs-vs-cats": dogs_vs_cats,
    "dog-breeds": dog_breeds,
    "planet": planet,
    "plant-seedlings": plant_seedlings,
    "cifar10": cifar10,
    "galaxy-zoo": galaxy_zoo,
    "spiders-vs-scorpions": spiders_vs_scorpions,
    "titanic": titanic,
    "house-prices": house_prices,
    "playground": playground,
    "rossmann": rossmann,
}


# ---- the example as it stands, made small


def edit(path: Path, **keys: Any) -> None:
    yaml = YAML()
    content = yaml.load(path)
    content.update(keys)
    for name in [name for name, value in content.items() if value is None]:
        del content[name]
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(content, file)


def shorter(phase: dict[str, Any], full: int) -> dict[str, Any]:
    """The phase with all that it asks for, on tiny images, which grow, for two cycles or epochs at most."""
    short = {key: value for key, value in phase.items() if key not in ("cycle_len", "cycle_mult", "warmup")}
    for length in ("epochs", "cycles"):
        if length in short:
            short[length] = min(2, short[length])
    if "size" in short:
        short["size"] = 16 if short["size"] == full else 12
    return short


def copy(name: str, root: Path) -> Path:
    """The example: its own host and folds, models and phases made small, and all else as it stands."""
    shutil.copytree(EXAMPLES / name, root, ignore=shutil.ignore_patterns("inputs", "artifacts", "submissions"))
    contest = root / "competition" / "competition.yaml"
    folds = dict(YAML(typ="safe").load(contest)["folds"])
    edit(
        contest,
        host="folder",
        solution="solution.csv",
        folds=folds if folds["kind"] == "holdout" else {**folds, "n": 2},
    )
    small = {"model": "resnet10t", "timm_args": {"channels": [8, 8, 16, 16]}, "weights": "none", "size": 16}
    for path in (root / "pipelines").glob("*.yaml"):
        config = YAML(typ="safe").load(path)
        if config.get("model") == "realmlp":
            path.unlink()  # its library takes 7 s to import; it has tests of its own
            continue
        if config["learner"] == "image":
            phases = [shorter(phase, config["size"]) for phase in config["phases"]]
            tta = 1 if isinstance(config["tta"], int) else config["tta"]
            edit(path, **small, batch_size=16, phases=phases, device="cpu", tta=tta)
            continue
        if "image_features" in config:
            features = dict(config["image_features"])
            if "model" in features.get("backbone", {}):
                features["backbone"] = small
            edit(path, image_features=features)
        edit(path, **small_table(config))
    return root


def small_table(config: dict[str, Any]) -> dict[str, Any]:
    """What makes a learner of tables quick, by its learner."""
    if config["learner"] == "gbdt":
        leaves = {"min_data_in_leaf": 2} if config.get("library", "lightgbm") == "lightgbm" else {}
        params = {"num_leaves": 3, "learning_rate": 0.3, **leaves}
        seeds = min(2, config.get("seeds", 1))
        stops = dict.fromkeys(("inner_fraction", "refit", "stop_by"))
        return {"rounds": 5, "early_stopping": 0, "params": params, "shap": False, "seeds": seeds, **stops}
    if config["learner"] == "tabular":
        network = {
            "embeddings": {"layers": [16], "dropouts": [0.0]},
            "tabm": {"params": {"k": 4, "d_block": 16, "n_blocks": 1, "n_bins": 4, "d_embedding": 2}},
        }
        phases = [{"epochs": 4, "lr": 1e-2}]
        return {**network[config.get("model", "embeddings")], "batch_size": 32, "phases": phases, "device": "cpu"}
    if config["learner"] == "sklearn":
        return {"params": {**config["params"], **({"n_estimators": 10} if "n_estimators" in config["params"] else {})}}
    return {key: config[key][-1:] for key in ("C", "alpha") if key in config}


def test_every_example_has_a_sample_and_is_listed() -> None:
    assert set(SAMPLES) == set(NAMES)
    listed = re.findall(r"^\| \[([\w-]+)\]", (EXAMPLES / "README.md").read_text(), flags=re.M)
    assert sorted(listed) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_valid_as_shipped_and_says_how_to_run_it(name: str) -> None:
    folder = EXAMPLES / name
    config = load_competition(folder / "competition" / "competition.yaml")
    learners = {load_pipeline(path).learner for path in (folder / "pipelines").glob("*.yaml")}
    assert "gbdt" in learners and len(learners) > 1
    readme = (folder / "README.md").read_text()
    assert f"make ROOT=examples/{name} " in readme and "predict submit" in readme
    assert config.host == "folder" or f"https://www.kaggle.com/c/{config.slug}" in readme


@pytest.mark.parametrize("name", NAMES)
def test_the_rates_of_a_shipped_recipe_fit_the_layer_groups_of_its_model(name: str) -> None:
    import timm
    import torch

    for path in (EXAMPLES / name / "pipelines").glob("*.yaml"):
        config = load_pipeline(path)
        if not isinstance(config, ImagePipeline):
            continue
        with torch.device("meta"):
            groups = len(layer_groups(timm.create_model(config.model)))
        for phase in config.phases:
            assert 1 <= learning_groups(phase.train, groups) <= groups
            if phase.lr != "find":
                assert len(spread_lr(phase.lr, phase.lr_ratio, groups, str(path))) == groups


LONGEST = ("dog-breeds", "spiders-vs-scorpions")
"""Examples that run in the longer suite: they are networks on photographs, as plant-seedlings and cifar10 are."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in LONGEST else name for name in NAMES]
)
def test_an_example_runs_from_its_files_to_a_scored_submission(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTFOLD_THREADS", "1")
    root = copy(name, tmp_path / name)
    SAMPLES[name](root)
    for stage in (download, split):
        stage(Context(root))
    context = Context(root)
    for pipeline in context.layout.pipeline_names():
        train(context, pipeline)
        predict(context, pipeline)
    ensemble(context)
    sent = submit(context)
    assert sent is not None and sent.public is not None and sent.private is not None

    contest = load_contest(root)
    sample = pd.read_csv(root / "inputs" / contest.config.sample_submission, dtype=str)
    file = pd.read_csv(next((root / "submissions").glob("blend-*.csv")), dtype=str)
    assert list(file.columns) == list(sample.columns)
    assert file[contest.id_column].tolist() == sample[contest.id_column].tolist()
    assert not file.isna().any().any()
    if contest.config.submission.clip:
        values = file.drop(columns=contest.id_column).astype(float).to_numpy()
        assert values.min() >= contest.config.submission.clip and values.max() <= 1 - contest.config.submission.clip
    if name not in ("dogs-vs-cats", "cifar10"):
        # the classes differ in hue, or as the table says: whatever mixes rows up on the way scores as bad as a constant
        assert better(contest.metric.greater_is_better, sent.private, CONSTANT[name])


CONSTANT = {
    "paddy": 0.4,
    "aptos2019": 0.3,
    "dog-breeds": np.log(120),
    "galaxy-zoo": 0.25,
    "planet": 0.78,
    "plant-seedlings": 0.3,
    "spiders-vs-scorpions": 0.7,
    "titanic": 0.62,
    "house-prices": 0.38,
    "playground": 0.5,
    "rossmann": 0.45,
}
"""What a file of one answer scores, or a bit more."""


def better(greater_is_better: bool, score: float, than: float) -> bool:
    return score > than if greater_is_better else score < than
