"""A training step and a prediction on the CPU, as oneDNN computes them and as Outfold does, interleaved.

    python benchmarks/cpu_convolutions.py

Prints Markdown: medians in milliseconds, and the ratio.
"""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable
from typing import Any

import timm
import torch
from torch import Tensor, nn

from outfold.threads import pin_threads
from outfold.training.cpu_convolutions import CpuConvolutions
from outfold.training.device import keep_memory, pick_precision
from outfold.training.fuse_conv_bn import folded

NETWORKS: list[tuple[str, int, int, dict[str, Any]]] = [
    ("resnet18", 64, 64, {}),
    ("resnet34", 128, 32, {}),
    ("mobilenetv2_100", 160, 32, {"pad_type": "same"}),
    ("efficientnet_b0", 160, 32, {}),
]
ROUNDS = 7


def step(model: nn.Module, images: Tensor, optimizer: torch.optim.Optimizer) -> None:
    """Forward, backward, update, in the precision that Outfold takes on this machine."""
    with pick_precision("auto", images.device, images.shape[-1], "benchmark").autocast():
        outputs = model(images)
    nn.functional.cross_entropy(outputs.float(), torch.arange(len(images)) % outputs.shape[1]).backward()
    optimizer.step()
    optimizer.zero_grad()


def predicted(model: nn.Module, images: Tensor) -> None:
    """Forward, in float32."""
    with torch.inference_mode():
        model(images)


def medians(plain: Callable[[], None], ours: Callable[[], None]) -> tuple[float, float]:
    """Milliseconds of each, run in turn."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(ROUNDS + 2):
        for kept, run, mode in ((times[0], plain, contextlib.nullcontext()), (times[1], ours, CpuConvolutions())):
            with mode:
                began = time.perf_counter()
                run()
            if number >= 2:
                kept.append(1000 * (time.perf_counter() - began))
    return statistics.median(times[0]), statistics.median(times[1])


def main() -> None:
    """Measure and print."""
    pin_threads()
    # both sides have it: what it is worth by itself shows in the whole of benchmarks/vision.py
    keep_memory()
    print(f"{torch.get_num_threads()} threads\n")
    print("| | step, oneDNN ms | ours ms | ratio | predict, oneDNN ms | ours, folded ms | ratio |")
    print("|---|---|---|---|---|---|---|")
    for name, size, batch, arguments in NETWORKS:
        torch.manual_seed(0)
        model = timm.create_model(name, num_classes=10, **arguments).to(memory_format=torch.channels_last).train()
        images = torch.randn(batch, 3, size, size).contiguous(memory_format=torch.channels_last)
        optimizer = torch.optim.AdamW(model.parameters(), 1e-3, fused=True)
        trained = medians(*[lambda: step(model, images, optimizer)] * 2)  # noqa: B023 - called at once
        model.eval()
        ready = folded(timm.create_model(name, num_classes=10, **arguments).eval(), images[:1])
        ready = ready.to(memory_format=torch.channels_last)
        told = medians(lambda: predicted(model, images), lambda: predicted(ready, images))  # noqa: B023
        cells = [f"{plain:.0f} | {ours:.0f} | {ours / plain:.2f}" for plain, ours in (trained, told)]
        print(f"| {name}, {size} px, {batch} images | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
