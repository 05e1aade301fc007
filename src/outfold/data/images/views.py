"""Fixed views of an image that vote at test time: mirrored, turned, cropped, scaled."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from outfold.config.image import ViewSet
from outfold.data.images.cache import MARGIN

if TYPE_CHECKING:
    import torch

_CORNERS = ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0))


@dataclass(frozen=True)
class View:
    """One way to look at an image.

    Attributes:
        crop: None for the whole image; else where a crop of 1 / :data:`MARGIN` of its side lies, from top (0) to
            bottom (1) and from left to right.
        scale: of the image size that the network was trained at.
        turns: quarter turns.
        mirror: left for right, before the turns.
    """

    crop: tuple[float, float] | None = None
    scale: float = 1.0
    turns: int = 0
    mirror: bool = False

    def size(self, size: int) -> int:
        """The pixels a side that the network is shown, where it was trained at ``size``."""
        return round(size * self.scale)

    def of(self, images: torch.Tensor, seen: tuple[int, int]) -> torch.Tensor:
        """The view of a batch.

        Args:
            images: (n, channels, height, width), whole, with or without a margin.
            seen: the height and width at which the network was trained on such images.

        Returns:
            (n, channels, h, w), where h and w are :meth:`size` of these, after an odd number of turns the other way.
        """
        if self.crop is not None:
            high, wide = (round(side / MARGIN) for side in images.shape[2:])
            top = round((images.shape[2] - high) * self.crop[0])
            left = round((images.shape[3] - wide) * self.crop[1])
            images = images[..., top : top + high, left : left + wide]
        images = resized(images, (self.size(seen[0]), self.size(seen[1])))
        if self.mirror:
            images = images.flip(3)
        return images.rot90(self.turns, (2, 3)) if self.turns else images


def resized(images: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    """Images (n, channels, height, width) in another shape, without aliasing; as they are where they have it."""
    from torch.nn import functional

    if tuple(images.shape[2:]) == shape:
        return images
    return functional.interpolate(images, shape, mode="bilinear", antialias=True, align_corners=False)


def views(names: Sequence[ViewSet], scales: Sequence[float]) -> list[View]:
    """Every combination of what is named, the original (or what comes nearest to it) first.

    ``flips`` are 2, ``dihedral`` 8 (the symmetries of the square), ``crops`` 5 (the centre and four corners of an image
    with a margin; with flips, Krizhevsky et al. 2012), ``scales`` as many as ``scales`` has.
    """
    crops = [None, (0.5, 0.5), *_CORNERS]
    crops = crops[1:] if "crops" in names else crops[:1]
    sizes = sorted(scales, key=lambda scale: abs(scale - 1)) if "scales" in names else [1.0]
    mirrors = [False, True] if {"flips", "dihedral"} & set(names) else [False]
    turns = range(4) if "dihedral" in names else range(1)
    return [View(*one) for one in itertools.product(crops, sizes, turns, mirrors)]


def needs_margin(looks: Sequence[View]) -> bool:
    """Whether these views show more than images without a margin hold."""
    return any(view.crop is not None or view.scale > 1 for view in looks)
