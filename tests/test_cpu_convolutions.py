"""What the CPU computes another way is the same, and is computed that way; memory stays; norms fold away."""

from __future__ import annotations

from typing import Any

import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from outfold.training import cpu_convolutions
from outfold.training.cpu_convolutions import CpuConvolutions, conv2d
from outfold.training.device import keep_memory, reproducible
from outfold.training.fuse_conv_bn import folded

pytestmark = pytest.mark.usefixtures("one_thread")


def results(function: Any, images: Tensor, weight: Tensor, bias: Tensor | None, *how: Any) -> list[Tensor]:
    """The outputs and the gradients of all that goes in."""
    leaves = [one.clone().requires_grad_() for one in (images, weight, bias) if one is not None]
    outputs = function(*leaves, *([None] if bias is None else []), *how)
    gradients = torch.autograd.grad(outputs.float().square().sum(), leaves)
    return [outputs, *gradients]


@settings(max_examples=40, deadline=None)
@given(
    size=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    kernel=st.sampled_from([(3, 3), (2, 3), (5, 5), (1, 3)]),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    biased=st.booleans(),
)
def test_a_small_map_as_a_matrix_product_is_the_convolution(
    size: tuple[int, int], kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int], biased: bool
) -> None:
    if any(s + 2 * p < k for s, p, k in zip(size, padding, kernel, strict=True)):
        return
    torch.manual_seed(0)
    images, weight = torch.randn(2, 4, *size).double(), torch.randn(5, 4, *kernel).double()
    bias = torch.randn(5).double() if biased else None
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(cpu_convolutions, "MANY_CHANNELS", 1)
        ours = results(conv2d, images, weight, bias, stride, padding)
    for one, wanted in zip(ours, results(torch.conv2d, images, weight, bias, stride, padding), strict=True):
        torch.testing.assert_close(one, wanted)


def grad_name(outputs: Tensor) -> str:
    return type(outputs.grad_fn).__name__


def test_only_many_channels_on_a_small_map_are_a_matrix_product() -> None:
    def made(channels: int, size: int, kernel: int = 3, groups: int = 1) -> str:
        layer = nn.Conv2d(channels, channels, kernel, padding=kernel // 2, groups=groups, bias=False)
        with CpuConvolutions():
            return grad_name(layer(torch.randn(1, channels, size, size)))

    assert "Patches" in made(256, 4)
    assert "Patches" not in made(256, 5), "a larger map"
    assert "Patches" not in made(128, 4), "fewer channels"
    assert "Patches" not in made(256, 4, kernel=1), "is a matrix product already"
    assert "Patches" not in made(256, 4, groups=256)
    assert "Patches" not in grad_name(nn.Conv2d(256, 256, 3)(torch.randn(1, 256, 4, 4))), "outside"


def test_a_strided_depthwise_convolution_in_bf16_has_the_gradient_of_float32() -> None:
    torch.manual_seed(0)
    images, weight = torch.randn(2, 8, 9, 9), torch.randn(8, 1, 3, 3)
    exact = results(torch.conv2d, images, weight, None, 2, 0, 1, 8)
    with torch.autocast("cpu", torch.bfloat16):
        ours = results(conv2d, images, weight, None, 2, 0, 1, 8)
        plain = results(torch.conv2d, images, weight, None, 2, 0, 1, 8)
    assert ours[0].dtype == plain[0].dtype == torch.bfloat16
    for one, other, wanted in zip(ours[1:], plain[1:], exact[1:], strict=True):
        assert (one - wanted).abs().max() <= (other - wanted).abs().max()
        torch.testing.assert_close(one, wanted, rtol=0.05, atol=0.05)


@pytest.mark.parametrize("name", ["resnet18", "mobilenetv2_100"])
def test_a_network_learns_the_same_in_bf16(name: str) -> None:
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=3).to(memory_format=torch.channels_last)
    model.eval()  # norms of so few images would magnify rounding
    images, classes = torch.randn(16, 3, 64, 64), torch.arange(16) % 3

    def gradients(bf16: bool = True) -> Tensor:
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            outputs = model(images)
        nn.functional.cross_entropy(outputs.float(), classes).backward()
        return torch.cat([one.grad.flatten() for one in model.parameters() if one.grad is not None])

    exact, plain = gradients(bf16=False), gradients()
    with reproducible(torch.device("cpu")):
        ours, again = gradients(), gradients()
    assert torch.equal(ours, again)
    assert not torch.equal(ours, plain), "nothing was computed another way"
    near = [float(nn.functional.cosine_similarity(one, exact, dim=0)) for one in (ours, plain)]
    assert near[0] > near[1] - 0.02, "as near to float32 as bf16 is by itself"


def test_folding_leaves_the_predictions_and_no_norm() -> None:
    torch.manual_seed(0)
    for name in ("resnet10t", "mobilenetv3_small_050", "densenet121"):
        model = timm.create_model(name, num_classes=3).train()
        with torch.no_grad():
            model(torch.randn(8, 3, 64, 64))
        model.eval()
        images = torch.randn(3, 3, 64, 64)
        with torch.inference_mode():
            wanted = model(images)
            ready = folded(model, images[:1])
            torch.testing.assert_close(ready(images), wanted, rtol=1e-3, atol=1e-4)
        left = sum(isinstance(layer, nn.BatchNorm2d) for layer in ready.modules())
        # a densenet's norms stand before the convolutions; every second one follows a convolution alone
        assert (left == 0) if name != "densenet121" else (0 < left < 121)


class Twice(nn.Module):
    """A convolution whose outputs serve a norm and something else, and one that serves two norms."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 1)
        self.norm, self.other = nn.BatchNorm2d(4), nn.BatchNorm2d(4)

    def forward(self, images: Tensor) -> Tensor:
        seen = self.first(images)
        features = self.norm(seen) + seen
        return self.other(self.second(features)) + self.norm(self.second(features * 2))


def test_a_convolution_that_serves_more_than_one_norm_stays_as_it_is() -> None:
    torch.manual_seed(0)
    model = Twice()
    model(torch.randn(8, 3, 6, 6))
    model.eval()
    images = torch.randn(2, 3, 6, 6)
    wanted = model(images)
    ready = folded(model, images)
    assert sum(isinstance(layer, nn.BatchNorm2d) for layer in ready.modules()) == 2
    torch.testing.assert_close(ready(images), wanted)


def test_memory_is_kept_where_the_c_library_is_glibc() -> None:
    import platform

    assert keep_memory() is (platform.libc_ver()[0] == "glibc")
