"""doctor: what this machine has, in one table."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
from pathlib import Path

import outfold
from outfold.config.load import load_competition
from outfold.errors import OutfoldError
from outfold.hosts.registry import get_host
from outfold.progress import Reporter
from outfold.store.paths import Layout
from outfold.threads import cores, thread_count

PACKAGES = ("torch", "timm", "lightgbm", "scikit-learn", "numpy", "pandas", "opencv-python-headless", "kaggle")


def doctor(root: Path, reporter: Reporter) -> None:
    """Print versions, devices, cores, memory, disk, and whether the contest's host can be reached with what is here."""
    import psutil

    memory, disk = psutil.virtual_memory(), shutil.disk_usage(root)
    rows = [["outfold", outfold.__version__], ["python", platform.python_version()]]
    rows += [[name, _version(name)] for name in PACKAGES]
    rows += [["system", platform.platform(aliased=True, terse=True)]]
    rows += _devices()
    rows += [
        ["cores", f"{cores()} ({thread_count()} threads a process)"],
        ["memory", f"{memory.available / 1e9:.1f} of {memory.total / 1e9:.1f} GB free"],
        ["disk", f"{disk.free / 1e9:.1f} of {disk.total / 1e9:.1f} GB free"],
    ]
    reporter.table("", ["", "found"], rows)
    for line in _host(root):
        reporter.note(line)


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _devices() -> list[list[str]]:
    try:
        import torch
    except ImportError as error:
        return [["device", f"torch does not load: {error}"]]
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
        return [["device", f"cuda:{i} {p.name}, {p.total_memory / 1e9:.0f} GB"] for i, p in enumerate(names)]
    if torch.backends.mps.is_available():
        return [["device", "mps"]]
    return [["device", "cpu (no GPU found)"]]


def _host(root: Path) -> list[str]:
    layout = Layout(root)
    if not layout.competition.exists():
        return [f"{layout.competition}: no contest here"]
    try:
        config = load_competition(layout.competition)
        return [f"host {config.host}, contest {config.slug}", *get_host(config, root, layout.inputs).describe()]
    except OutfoldError as error:
        return [f"host: {error}"]
