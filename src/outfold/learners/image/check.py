"""Keys of an image pipeline that must fit each other and its images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from outfold.config.image import ImagePipeline
from outfold.data.images.augment import Augmentation
from outfold.errors import ConfigError
from outfold.learners.image.data import ContestImages
from outfold.learners.image.inference import Looks
from outfold.training.activations import check_cut
from outfold.training.heads import map_warning
from outfold.training.models import ModelSpec, build_model, check_drop_path, check_sizes
from outfold.training.recipe import check_recipe


def check_channels(config: ImagePipeline, where: str) -> None:
    """Raises ConfigError for numbers that are said a channel, and are not as many."""
    for key in ("mean", "std"):
        given = getattr(config, key)
        if given is not None and len(given) not in (1, config.channels):
            raise ConfigError(f"{where}: {key}: has {len(given)} numbers; channels: {config.channels}")
    if len(config.value_ranges) not in (0, 1, config.channels):
        raise ConfigError(f"{where}: value_range: has {len(config.value_ranges)} pairs; channels: {config.channels}")


def check_network(
    config: ImagePipeline, images: ContestImages, sizes: Sequence[int], spec: ModelSpec, root: Path
) -> list[str]:
    """Build the network and try it on the recipe.

    Args:
        sizes: of all phases, from small to large.
        root: the contest's folder, which files of weights are relative to.

    Returns:
        warnings.

    Raises:
        ConfigError: a model that is not there, cannot take such images, or does not fit the recipe.
    """
    model = build_model(spec, config.weights, root)
    check_drop_path(model, spec)
    looks = Looks.of(config, spec.where)
    seen = [shape for size in sizes for shape in images.seen(size)]
    check_sizes(model, spec, sorted({shape for own in seen for shape in looks.shapes(own)}))
    if any(phase.precompute for phase in config.phases):
        check_cut(model, config.channels, sizes[0], spec.where)
    check_recipe(model, config.phases, spec.where)
    warning = map_warning(model, config.channels, seen)
    return [] if warning is None else [f"{spec.where}: {warning}"]


def check_augmentation(config: ImagePipeline, images: ContestImages, where: str) -> None:
    """Raises ConfigError for transforms of decoded images that cannot be applied to these, in any phase."""
    asked = [(config.augment, config.size, where)]
    for number, phase in enumerate(config.phases):
        augment = config.augment if phase.augment is None else phase.augment
        asked.append((augment, phase.size or config.size, f"{where}: phases[{number}]"))
    for augment, size, place in asked:
        pixels = Augmentation.of(augment, 1.0, place).pixels
        if pixels is not None:
            for shape in images.seen(size):
                pixels.check(images.kept(shape), config.channels)
