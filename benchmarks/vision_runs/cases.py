"""The two cases, and their data as plain folders that every runner reads: train/CLASS/*.jpg and test/CLASS/*.jpg."""

from __future__ import annotations

import tarfile
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Case:
    """What is trained, on what; the same for all runners."""

    name: str
    model: str
    size: int
    batch: int
    frozen_epochs: int
    epochs: int
    lr: float
    per_class: int
    """Training images a class."""
    test_per_class: int
    weights: str | None = None
    """File of weights; None: random weights."""
    mean: float | None = None
    """Mean and standard deviation that the weights were trained with; None: ImageNet's."""
    tta: int = 4

    def to_dict(self) -> dict:
        return asdict(self)


CASES = {
    "cifar10": Case("cifar10", "resnet18", 64, 64, 0, 3, 3e-3, 1000, 200),
    "dogs-vs-cats": Case(
        "dogs-vs-cats", "mobilenetv2_100", 160, 32, 1, 2, 2e-3, 400, 200, "weights/mobilenetv2_100.safetensors", 0.5
    ),
}


def prepare(case: Case, source: Path, folder: Path) -> Path:
    """Lay the case's images out under ``folder``; does nothing where they are already there.

    Args:
        source: the folder of real data, with cifar10/cifar10.tar.gz and dogs-vs-cats/train.
    """
    root = folder / case.name
    if (root / "done").exists():
        return root
    if case.name == "cifar10":
        with tarfile.open(source / "cifar10" / "cifar10.tar.gz") as archive:
            _cifar(archive, case, root)
    else:
        _dogs(source / "dogs-vs-cats" / "train", case, root)
    (root / "done").touch()
    return root


def _cifar(archive: tarfile.TarFile, case: Case, root: Path) -> None:
    limits = {"train": case.per_class, "test": case.test_per_class}
    taken: dict[tuple[str, str], int] = {}
    for member in archive:
        parts = Path(member.name).parts
        if not member.isfile() or len(parts) < 3:
            continue
        part, label = parts[-3], parts[-2]
        if part not in limits or taken.get((part, label), 0) >= limits[part]:
            continue
        taken[part, label] = taken.get((part, label), 0) + 1
        file = archive.extractfile(member)
        assert file is not None
        _write(root / part / label / parts[-1], file.read())


def _dogs(source: Path, case: Case, root: Path) -> None:
    for label in ("cat", "dog"):
        for i, path in enumerate(sorted((source / label).iterdir())[: case.per_class + case.test_per_class]):
            _write(root / ("train" if i < case.per_class else "test") / label / path.name, path.read_bytes())


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
