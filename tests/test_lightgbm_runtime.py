"""LightGBM on a machine without OpenMP: it starts on the copy that a dependency carries, or says what to install."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="LightGBM's wheels for other systems differ")

# A stand-in for the loader of a bare machine: LightGBM's library is refused until one named libgomp.so.1 is loaded.
BARE = """
import ctypes, importlib.machinery, sys
real, loaded = ctypes.CDLL, []
class Loader(real):
    def __init__(self, name, *args, **keys):
        if "lib_lightgbm" in str(name) and not any("libgomp.so.1" in str(path) for path in loaded):
            raise OSError("libgomp.so.1: cannot open shared object file: No such file or directory")
        loaded.append(str(name))
        super().__init__(name, *args, **keys)
ctypes.CDLL = Loader
cdll = ctypes.LibraryLoader(Loader)
ctypes.cdll = cdll
from outfold.learners.gbdt import runtime as lightgbm_runtime
"""
TRAIN = """
lightgbm = lightgbm_runtime.load_lightgbm()
import numpy as np
data = lightgbm.Dataset(np.arange(200.0)[:, None], np.arange(200.0))
print(lightgbm.train({"verbosity": -1, "num_threads": 1}, data, 3).num_trees(), "torch" in sys.modules)
print([path for path in loaded if "libgomp" in path])
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", BARE + code], capture_output=True, text=True, timeout=60, check=False)


def carried() -> list[Path]:
    from outfold.learners.gbdt.runtime import _carried

    return list(_carried())


@pytest.mark.skipif(not carried(), reason="no dependency carries OpenMP here")
def test_it_starts_on_the_runtime_that_a_dependency_carries() -> None:
    done = run(TRAIN)
    assert done.stdout.startswith("3 False"), done.stderr
    assert "libgomp" in done.stdout


@pytest.mark.skipif(not any("-" in path.name for path in carried()), reason="no dependency carries a renamed OpenMP")
def test_a_runtime_that_a_wheel_renamed_serves_under_its_first_name() -> None:
    renamed = (
        "lightgbm_runtime._carried = lambda real=lightgbm_runtime._carried: [p for p in real() if '-' in p.name]\n"
    )
    done = run(renamed + TRAIN)
    assert done.stdout.startswith("3 False"), done.stderr


def test_where_nothing_carries_it_the_package_to_install_is_named() -> None:
    done = run("lightgbm_runtime._carried = list\nlightgbm_runtime.load_lightgbm()")
    assert done.returncode == 1
    assert "OutfoldError: LightGBM cannot start: libgomp.so.1" in done.stderr
    assert "apt-get install libgomp1" in done.stderr
