"""Where and in which number format the arithmetic happens, and that it happens the same way twice."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from outfold.errors import ConfigError
from outfold.training.cpu_convolutions import CpuConvolutions

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
_NEVER = 2**31 - 1


@functools.cache
def keep_memory() -> bool:
    """Let what a step frees serve the next one, instead of giving it back to the system and fetching it again.

    glibc maps every block over 32 MB anew, and the kernel clears each of its pages: on a CPU that is up to half of the
    time that a mobile network takes to predict. The process stays as large as it once was.

    Returns:
        Whether the C library is one that knows this (glibc).
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(_M_MMAP_MAX, 0) and mallopt(_M_TRIM_THRESHOLD, _NEVER))


SAFE_BF16_PIXELS = 32
"""On a CPU, bf16 needs images of at least this side. On smaller ones, networks that halve the image five times come to
a strided 3x3 convolution of one pixel, whose bf16 weight gradient reads unwritten memory (oneDNN, torch 2.15)."""


def pick_device(name: str, where: str) -> torch.device:
    """``auto`` is the first GPU there is, else the CPU.

    Raises:
        ConfigError: no such device here.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", 0)
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ConfigError(f"{where}: device: '{name}' is no device; auto, cpu, cuda, cuda:1, mps") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(f"{where}: device: {name}; this machine has {torch.cuda.device_count()} CUDA GPUs")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ConfigError(f"{where}: device: mps; this machine has none")
    return device


def every_gpu() -> list[str]:
    """The CUDA GPUs of this machine."""
    return [f"cuda:{number}" for number in range(torch.cuda.device_count())]


@dataclass(frozen=True)
class Precision:
    """The format of the forward pass; weights and the loss are float32 always."""

    name: Literal["fp32", "bf16", "fp16"]
    device: torch.device

    def autocast(self) -> Any:
        """The context for a forward pass."""
        dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(self.name)
        return torch.autocast(self.device.type, dtype=dtype, enabled=dtype is not None)

    def scaler(self) -> torch.amp.GradScaler:
        """Scales fp16 losses so that small gradients survive; does nothing for the other formats."""
        return torch.amp.GradScaler(self.device.type, enabled=self.name == "fp16")


def pick_precision(name: str, device: torch.device, size: int | None, where: str) -> Precision:
    """``auto`` is bf16 where the device is fast at it, else fp16 on a GPU, else fp32.

    Args:
        size: pixels a side of the smallest images: see :data:`SAFE_BF16_PIXELS`; None without images.

    Raises:
        ConfigError: fp16 without a CUDA GPU, or bf16 for tiny images on a CPU.
    """
    small = device.type == "cpu" and size is not None and size < SAFE_BF16_PIXELS
    if name == "bf16" and small:
        raise ConfigError(
            f"{where}: precision: bf16 on a CPU needs a size: of {SAFE_BF16_PIXELS} or more; it is {size}"
        )
    if name == "fp16" and device.type != "cuda":
        raise ConfigError(f"{where}: precision: fp16 needs a CUDA GPU; this runs on {device.type}")
    if name == "auto":
        if device.type == "cuda":
            # Ampere and later; before it bf16 is emulated, and slow
            name = "bf16" if torch.cuda.get_device_capability(device)[0] >= 8 else "fp16"
        else:
            name = "bf16" if device.type == "cpu" and not small and cpu_has_bf16() else "fp32"
    assert name in ("fp32", "bf16", "fp16")
    return Precision(name, device)  # type: ignore[arg-type]


def cpu_has_bf16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this CPU multiplies bf16 in hardware (AVX-512 BF16, AMX); without it autocast is slower than float32."""
    try:
        flags = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


@contextlib.contextmanager
def reproducible(device: torch.device, *, images: bool = True) -> Iterator[None]:
    """The same numbers each time on the same machine, and the caller's random state and settings left as they were.

    On a CPU, memory is kept between steps, and convolutions take the faster ways of
    :mod:`outfold.training.cpu_convolutions`, which cost every other operation a little: without ``images`` they
    stay as they are.
    """
    # cuBLAS reads this when it starts
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    benchmark, fill = torch.backends.cudnn.benchmark, torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    gpus = [device] if device.type == "cuda" else []
    faster: Any = contextlib.nullcontext()
    if device.type == "cpu":
        keep_memory()
        faster = CpuConvolutions() if images else faster
    with warnings.catch_warnings(), torch.random.fork_rng(devices=gpus), faster:
        # what has no reproducible form runs as it is rather than not at all
        warnings.filterwarnings("ignore", message=".*does not have a deterministic implementation.*")
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.backends.cudnn.benchmark = False
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(before[0], warn_only=before[1])
            torch.backends.cudnn.benchmark = benchmark
            torch.utils.deterministic.fill_uninitialized_memory = fill  # type: ignore[attr-defined]
