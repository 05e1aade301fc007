"""Augmentation: parameters drawn a row at a time, applied to the whole batch on the device in one resampling.

The presets are fast.ai 0.7's: basic = rotation of up to 10 degrees (three rows in four), zoom up to 1.1 with the crop
anywhere in what the zoom left over, brightness and contrast of .05; side_on = basic and left-right flips; top_down =
basic and the 8 symmetries of the square. crop is Inception's (Szegedy et al. 2015, torchvision's RandomResizedCrop):
a part of the image, .35 to 1 of its area and 3/4 to 4/3 in aspect, anywhere in it, and left-right flips.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from outfold.config.image import Albumentations, Augment, Preset
from outfold.data.images.pixel_transforms import PixelTransforms
from outfold.randomness import row_uniforms

if TYPE_CHECKING:
    import torch

_DRAWS = 9


@dataclass(frozen=True)
class Augmentation:
    """A preset at a strength. Strength scales every magnitude; at 0 nothing is changed, nor flipped.

    ``erase`` is the share of rows of which a rectangle is erased, whatever the strength: see
    :mod:`outfold.data.images.erasing`. ``pixels`` come before the preset: see
    :mod:`outfold.data.images.pixel_transforms`.
    """

    preset: Preset = "none"
    strength: float = 1.0
    degrees: float = 10.0
    rotate_share: float = 0.75
    max_zoom: float = 1.1
    lighting: float = 0.05
    crop_area: float = 0.35
    crop_aspect: float = 4 / 3
    erase: float = 0.0
    pixels: PixelTransforms | None = None

    @classmethod
    def of(cls, augment: Augment, strength: float, where: str, erase: float = 0.0) -> Augmentation:
        """What ``augment:`` asks for.

        Raises:
            ConfigError: albumentations has no such transform or argument.
        """
        if isinstance(augment, str):
            return cls(augment, strength, erase=erase)
        given = augment if isinstance(augment, Albumentations) else Albumentations(albumentations=augment)
        pixels = PixelTransforms(given.albumentations, f"{where}: augment")
        return cls(given.preset, strength, erase=erase, pixels=pixels)

    @property
    def is_none(self) -> bool:
        return not self.moves and not self.erase and not self.touches

    @property
    def touches(self) -> bool:
        """Whether albumentations change the decoded images, before they go to the device."""
        return self.pixels is not None and self.strength != 0

    @property
    def moves(self) -> bool:
        """Whether pixels are resampled and relit; erasing is apart from it."""
        return self.preset != "none" and self.strength != 0

    def draw(self, seed: int, rows: NDArray[np.integer], *, square: bool = True) -> Draw:
        """The parameters of these rows: each row's depend on ``seed`` and its own number alone.

        Args:
            rows: (n,) the rows' positions in the contest's table.
            square: whether the images are; else top_down has the 4 symmetries of the rectangle.
        """
        u = row_uniforms(seed, rows, _DRAWS)
        if self.preset == "crop":
            return self._crop(u)
        signed = 2 * u - 1
        angle = np.deg2rad(self.degrees * self.strength) * signed[:, 1] * (u[:, 0] < self.rotate_share)
        zoom = 1 + (self.max_zoom - 1) * self.strength * u[:, 2]
        # after a zoom the picture is larger than the frame by (zoom - 1): the crop lies anywhere in it
        spare = 1 - 1 / zoom
        shift = np.stack([spare * signed[:, 3], spare * signed[:, 4]], axis=1)
        turns, mirror = np.zeros(len(u), np.int64), np.zeros(len(u), bool)
        if self.preset in ("side_on", "top_down"):
            mirror = u[:, 5] < 0.5
        if self.preset == "top_down":
            turns = np.floor(4 * u[:, 6]).astype(np.int64)
            turns = turns if square else 2 * (turns % 2)
        light = self.lighting * self.strength
        contrast = light * signed[:, 8]
        gain = np.where(contrast < 0, 1 / (1 - contrast), 1 + contrast)
        return Draw(_matrices(angle, zoom, shift, turns, mirror), light * signed[:, 7], gain)

    def _crop(self, u: NDArray[np.float64]) -> Draw:
        smallest = max(1 - (1 - self.crop_area) * self.strength, 0.05)
        area = smallest + (1 - smallest) * u[:, 0]
        # the aspect that is drawn fits into the square with this area: nothing is drawn again, as torchvision must
        widest = np.minimum(np.log(self.crop_aspect) * self.strength, -np.log(area))
        aspect = np.exp(widest * (2 * u[:, 1] - 1))
        width, height = np.sqrt(area * aspect), np.sqrt(area / aspect)
        theta = np.zeros((len(u), 2, 3))
        theta[:, 0, 0] = width * np.where(u[:, 5] < 0.5, -1.0, 1.0)
        theta[:, 1, 1] = height
        theta[:, 0, 2], theta[:, 1, 2] = (1 - width) * (2 * u[:, 3] - 1), (1 - height) * (2 * u[:, 4] - 1)
        return Draw(theta, np.zeros(len(u)), np.ones(len(u)))


@dataclass(frozen=True)
class Draw:
    """What happens to each row.

    Attributes:
        theta: (n, 2, 3) maps output to input coordinates, both in [-1, 1]; the angles in it are those of a square.
        brightness: (n,) added, in units of the full range.
        contrast: (n,) factor about the image's own mean.
    """

    theta: NDArray[np.float64]
    brightness: NDArray[np.float64]
    contrast: NDArray[np.float64]


def _matrices(
    angle: NDArray[np.float64],
    zoom: NDArray[np.float64],
    shift: NDArray[np.float64],
    turns: NDArray[np.int64],
    mirror: NDArray[np.bool_],
) -> NDArray[np.float64]:
    # quarter turns come from a table, for cos(90 degrees) is not quite 0 in floating point
    cos = np.cos(angle) * _COS[turns] - np.sin(angle) * _SIN[turns]
    sin = np.sin(angle) * _COS[turns] + np.cos(angle) * _SIN[turns]
    flip = np.where(mirror, -1.0, 1.0)
    theta = np.empty((len(angle), 2, 3))
    theta[:, 0, 0], theta[:, 0, 1] = cos / zoom * flip, -sin / zoom
    theta[:, 1, 0], theta[:, 1, 1] = sin / zoom * flip, cos / zoom
    theta[:, :, 2] = shift
    return theta


def _turning(theta: NDArray[np.float64], height: int, width: int) -> NDArray[np.float64]:
    """The same turn of an image that is no square: in pixels, where an angle is an angle."""
    if height == width:
        return theta
    turned = theta.copy()
    turned[:, 0, 1] *= height / width
    turned[:, 1, 0] *= width / height
    return turned


_COS, _SIN = np.array([1.0, 0.0, -1.0, 0.0]), np.array([0.0, 1.0, 0.0, -1.0])


def apply(images: torch.Tensor, draw: Draw, shape: tuple[int, int] | None = None) -> torch.Tensor:
    """Resample and relight a batch on the device that it is on.

    Args:
        images: (n, channels, height, width) floats in [0, 1].
        shape: height and width of what comes out; None: those of the images.

    Returns:
        (n, channels, *shape) in [0, 1]; what lies outside of the picture is its reflection.
    """
    import torch
    from torch.nn import functional

    def column(values: NDArray[np.float64]) -> torch.Tensor:
        return torch.from_numpy(values).to(images.device, images.dtype, non_blocking=True)

    out = [*images.shape[:2], *(images.shape[2:] if shape is None else shape)]
    grid = functional.affine_grid(column(_turning(draw.theta, *images.shape[2:])), out, align_corners=False)
    images = functional.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    gain = column(draw.contrast)[:, None, None, None]
    offset = column(draw.brightness)[:, None, None, None]
    return ((images - mean) * gain + mean + offset).clamp_(0, 1)
