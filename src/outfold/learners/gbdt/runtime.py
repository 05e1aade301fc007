"""Import LightGBM also where the system has no OpenMP runtime, by way of the one that torch carries.

LightGBM's wheel for Linux links to ``libgomp.so.1`` and does not bring it; a bare machine (Python, make and a C
library) lacks it. torch, on which we depend, does bring one. A library that is already loaded under the same SONAME
satisfies the link, so loading torch's copy first is enough, and costs nothing of torch's own import.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import logging
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from outfold.errors import OutfoldError

SONAME = "libgomp.so.1"
_log = logging.getLogger("outfold.lightgbm")


def load_lightgbm() -> ModuleType:
    """The ``lightgbm`` module; its messages go to the logger ``outfold.lightgbm``, not to the terminal.

    Raises:
        OutfoldError: its OpenMP runtime is missing and no dependency carries one, or LightGBM is not installed.
    """
    module = _imported()
    module.register_logger(_Quiet())
    return module


class _Quiet:
    """LightGBM's warnings (no further splits, ...) are details of one tree: kept for those who ask for them."""

    def info(self, text: str) -> None:
        _log.debug(text)

    def warning(self, text: str) -> None:
        _log.info(text)


def _imported() -> ModuleType:
    try:
        return importlib.import_module("lightgbm")
    except ModuleNotFoundError as error:
        if error.name != "lightgbm":
            raise
        raise OutfoldError("lightgbm is not installed", remedy="Run `pip install lightgbm`.") from None
    except OSError as error:
        if SONAME not in str(error) and "libomp" not in str(error):
            raise
        first = error
    for carried in _carried():
        try:
            _preload(carried)
            return _again()
        except OSError as error:
            _log.info("%s does not serve LightGBM: %s", carried, error)
    package = "`brew install libomp`" if sys.platform == "darwin" else "`apt-get install libgomp1` (or: `libgomp`)"
    raise OutfoldError(f"LightGBM cannot start: {first}", remedy=f"Install the OpenMP runtime: {package}.") from None


def _again() -> ModuleType:
    """Import once more; what the failed attempt left half-imported goes first."""
    for name in [name for name in sys.modules if name == "lightgbm" or name.startswith("lightgbm.")]:
        del sys.modules[name]
    return importlib.import_module("lightgbm")


def _carried() -> Iterator[Path]:
    """The OpenMP runtimes that dependencies carry: torch's, then those that wheels renamed (``libgomp-1a2b.so.1``)."""
    for package, folder in (("torch", "lib"), ("torch", "../torch.libs"), ("sklearn", "../scikit_learn.libs")):
        spec = importlib.util.find_spec(package)
        for place in (spec.submodule_search_locations or []) if spec is not None else []:
            yield from sorted((Path(place) / folder).glob("libgomp*.so*"), key=lambda path: (path.name != SONAME, path))


def _preload(library: Path) -> None:
    """Load a runtime for all, under the SONAME that LightGBM asks for.

    A wheel that renames its copy renames the SONAME too. The loader goes by that name, so a renamed library is loaded
    from a copy in which the name is put back; the longer name leaves room for the shorter one.
    """
    renamed = library.name.encode() + b"\0"
    content = library.read_bytes()
    if library.name == SONAME or renamed not in content:
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
        return
    with tempfile.TemporaryDirectory(prefix="outfold-") as folder:
        copy = Path(folder) / SONAME
        copy.write_bytes(content.replace(renamed, (SONAME.encode() + b"\0").ljust(len(renamed), b"\0")))
        ctypes.CDLL(str(copy), mode=ctypes.RTLD_GLOBAL)
