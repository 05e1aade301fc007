"""Any albumentations pipeline, on the decoded uint8 images: seeded a row at a time, by threads that share nothing."""

from __future__ import annotations

import os
import queue
import random
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outfold.config.image import Transform
from outfold.data.images.decode import to_shape
from outfold.errors import ConfigError, nearest
from outfold.randomness import derive_seed

_ALWAYS = 1e9
"""A strength at which every transform is applied that is ever applied."""


class PixelTransforms:
    """A pipeline of albumentations as YAML describes it.

    Args:
        transforms: names, or names with their arguments, in order.
        where: the file and key, for messages.

    Raises:
        ConfigError: a transform or an argument that does not exist.
    """

    def __init__(self, transforms: Sequence[Transform], where: str) -> None:
        self.transforms, self.where = transforms, where
        # a pipeline carries the random state of the image at hand: each thread takes one that no other is using
        self._free: queue.SimpleQueue[_Pipeline] = queue.SimpleQueue()
        with warnings.catch_warnings():
            # albumentations warns of an argument that it does not know, and goes on without it
            warnings.simplefilter("error", UserWarning)
            self._free.put(_Pipeline(transforms, where))

    def __call__(
        self, images: NDArray[np.uint8], rows: NDArray[np.integer], seed: int, strength: float, out: NDArray[np.uint8]
    ) -> None:
        """Transform a batch. What happens to a row depends on ``seed`` and its own number alone.

        Args:
            images: (n, height, width, channels).
            rows: (n,) the rows' positions in the contest's table.
            strength: the factor on the probability of each transform of the list, which 1 bounds.
            out: takes the images, in the same shape; an image that was made larger or smaller is brought back to it.
        """
        try:
            pipeline = self._free.get_nowait()
        except queue.Empty:
            pipeline = _Pipeline(self.transforms, self.where)
        try:
            for i, row in enumerate(rows):
                pipeline.seed(derive_seed(seed, "pixels", int(row)))
                out[i] = self._fitted(pipeline(images[i], strength), images[i])
        finally:
            self._free.put(pipeline)

    def _fitted(self, changed: Any, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        height, width, channels = image.shape
        if not isinstance(changed, np.ndarray) or changed.dtype != np.uint8 or changed.size % channels:
            given = changed.dtype if isinstance(changed, np.ndarray) else type(changed).__name__
            raise ConfigError(
                f"{self.where}: the pipeline gives {given}; expected uint8 images",
                remedy="Leave out Normalize and ToTensorV2: images are normalised after it, on the device.",
            )
        if changed.shape == image.shape:
            return changed
        changed = np.ascontiguousarray(changed).reshape(*changed.shape[:2], -1)
        if changed.shape[2] != channels:
            raise ConfigError(f"{self.where}: the pipeline gives {changed.shape[2]} channels; expected {channels}")
        return to_shape(changed, (height, width), "crop")

    def check(self, shape: tuple[int, int], channels: int) -> None:
        """Try every transform on an image of this form.

        Raises:
            ConfigError: one of them fails, or the result is no image.
        """
        image = np.random.default_rng(0).integers(0, 255, (1, *shape, channels), dtype=np.uint8)
        try:
            self(image, np.array([0]), 0, _ALWAYS, np.empty_like(image))
        except ConfigError:
            raise
        except Exception as error:
            told = " ".join(str(error).split())[:300] or type(error).__name__
            raise ConfigError(
                f"{self.where}: fails on an image of {shape[0]} x {shape[1]} pixels and {channels} channels: {told}"
            ) from None


class _Pipeline:
    """One albumentations Compose; not to be shared by threads."""

    def __init__(self, transforms: Sequence[Transform], where: str) -> None:
        os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it would ask the network for a newer version
        import albumentations
        import cv2

        cv2.setNumThreads(0)  # our threads are one a batch; OpenCV's own would fight them
        self.compose = albumentations.Compose(_build(transforms, where))
        self.shares = [float(transform.p) for transform in self.compose.transforms]

    def seed(self, seed: int) -> None:
        # one generator for all: set_random_seed would give each transform its own of the same seed, and a flip to the
        # left would come always and only with a flip upside down
        self.compose.set_random_state(np.random.default_rng(seed), random.Random(seed))

    def __call__(self, image: NDArray[np.uint8], strength: float) -> Any:
        for transform, share in zip(self.compose.transforms, self.shares, strict=True):
            transform.p = min(1.0, share * strength)
        return self.compose(image=image)["image"]


def _known() -> dict[str, type]:
    import albumentations

    kinds = (albumentations.BasicTransform, albumentations.BaseCompose)
    found = {name: getattr(albumentations, name) for name in dir(albumentations)}
    return {name: kind for name, kind in found.items() if isinstance(kind, type) and issubclass(kind, kinds)}


def _build(transforms: Sequence[Transform], where: str) -> list[Any]:
    if not transforms:
        raise ConfigError(f"{where}: the list of transforms is empty", remedy="`augment: none` changes nothing.")
    return [_build_one(transform, f"{where}[{number}]") for number, transform in enumerate(transforms)]


def _build_one(transform: Any, where: str) -> Any:
    if isinstance(transform, str):
        transform = {transform: None}
    if not isinstance(transform, dict) or len(transform) != 1:
        raise ConfigError(f"{where}: expected one transform, as `HorizontalFlip` or `{{HorizontalFlip: {{p: 0.5}}}}`")
    ((name, given),) = transform.items()
    known = _known()
    if name not in known:
        hint = nearest(str(name), list(known))
        raise ConfigError(f"{where}: '{name}' is not a transform of albumentations" + (f"; {hint}" if hint else ""))
    arguments = dict(given or {})
    if issubclass(known[name], _composition()):
        arguments["transforms"] = _build(arguments.get("transforms", []), f"{where}.{name}.transforms")
    try:
        return known[name](**arguments)
    except Exception as error:
        told = " ".join(str(error).split()).partition(" For further information")[0][:300]
        raise ConfigError(f"{where}: {name} refuses {arguments}: {told}") from None


def _composition() -> type:
    import albumentations

    return albumentations.BaseCompose
