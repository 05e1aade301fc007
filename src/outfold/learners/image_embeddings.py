"""What another pipeline's trained networks see in a contest's images, as columns of a table: for each fold its own.

The network of fold k has not seen the labels of the rows that fold k scores, so what it says of them is honest. It has
seen those of the rows that it was trained on, and what it says of these is too good.
"""

from __future__ import annotations

import pandas as pd
import torch

from outfold.config.image import ImagePipeline
from outfold.config.image_features import Backbone, PipelineBackbone
from outfold.config.load import load_upstream
from outfold.contest import Contest
from outfold.contest_files import load_contest
from outfold.data.images.batches import ImageSource
from outfold.data.images.cache import ImageSet, open_cache
from outfold.errors import ConfigError, MismatchError, nearest
from outfold.learners.base import Part
from outfold.learners.image.learner import ImageLearner
from outfold.learners.image.pooling import pooled
from outfold.learners.neural.model_info import told_of
from outfold.progress import Reporter
from outfold.store.file_record import current_sha256
from outfold.store.fold_dir import Shelf
from outfold.store.paths import Layout
from outfold.training.checkpoint import load_member, weights_file
from outfold.training.device import pick_device, reproducible
from outfold.training.models import ModelSpec, build_model, check_sizes, normalisation


def network_config(layout: Layout, backbone: PipelineBackbone, where: str) -> ImagePipeline:
    """The configuration of the pipeline that has the network.

    Raises:
        ConfigError: there is no such file, or the pipeline has no network.
    """
    path = layout.pipeline_config(backbone.pipeline)
    return load_upstream(path, ImagePipeline, f"{where}: image_features.backbone", "network")


def network_hash(layout: Layout, backbone: PipelineBackbone, fold: int, where: str) -> str:
    """SHA-256 (hex) of the weights of one fold's network.

    Raises:
        MismatchError: they are not there.
        ConfigError: it has no such member.
    """
    shelf = Shelf(layout.fold(backbone.pipeline, fold))
    member, _ = _member(shelf, backbone, where)
    return str(current_sha256(shelf.checked(weights_file(member))))


def network_features(
    contest: Contest, part: Part, fold: int, backbone: PipelineBackbone, where: str, reporter: Reporter
) -> pd.DataFrame:
    """The activations before the head of one fold's network, for all images of a part: float32, without augmentation.

    They are computed once and kept in ``artifacts/cache``, known by the network's weights, the normalisation, and the
    images' files, in which form and order. An unreadable image counts as a grey one.

    Args:
        where: the pipeline's file that asks for them, for messages.

    Returns:
        a column an activation, called ``<pipeline>_<number>``, by id in the order of the part's table.

    Raises:
        MismatchError: the network is not there.
        ConfigError: it has no such member.
    """
    ids = (contest.train if part == "train" else contest.test).index
    shelf = Shelf(contest.layout.fold(backbone.pipeline, fold))
    member, size = _member(shelf, backbone, where)
    mean, std = (told_of(shelf)[key] for key in ("mean", "std"))
    config = network_config(contest.layout, backbone, where).for_fold(fold)
    if contest.config.task == "multitask":  # this may be one of its targets, and the network has them all
        contest = load_contest(contest.root, contest.config)
    learner = ImageLearner(contest, config, backbone.pipeline, reporter)
    source = learner.source(part, size, mean, std)
    with reproducible(learner.device):
        model = build_model(learner.spec(size), "none", contest.root)
        model.load_state_dict(load_member(shelf, member))
        made_of = {"model": [config.model, config.timm_args], "images": learner.images.cache(part, size).name}
        what = f"{backbone.pipeline} fold {fold} on {part} images"
        found = pooled(model.to(learner.device), source, made_of, contest.layout.cache, what, reporter)
    return pd.DataFrame(found, index=ids, columns=[f"{backbone.pipeline}_{n}" for n in range(found.shape[1])])


def _member(shelf: Shelf, backbone: PipelineBackbone, where: str) -> tuple[str, int]:
    """Name and image size of the member that is asked for."""
    try:
        members = told_of(shelf)["members"]
    except FileNotFoundError:
        raise MismatchError(
            f"{where}: image_features.backbone: the network of {backbone.pipeline} is not in {shelf.folder}",
            remedy=f"Remove {shelf.folder.parent.parent} and run `outfold train {backbone.pipeline}`.",
        ) from None
    sizes = {str(member["name"]): int(member["size"]) for member in members}
    wanted = backbone.member or list(sizes)[-1]
    if wanted not in sizes:
        hint = nearest(wanted, list(sizes)) or f"it has {', '.join(sizes)}"
        raise ConfigError(f"{where}: image_features.backbone: {backbone.pipeline} has no member '{wanted}'; {hint}")
    return wanted, sizes[wanted]


_SEED = 0


def backbone_features(contest: Contest, part: Part, backbone: Backbone, where: str, reporter: Reporter) -> pd.DataFrame:
    """The pooled activations of all images of a part, float32, in eval mode and without augmentation.

    They are computed once and kept in ``artifacts/cache``, known by the network's weights, the normalisation, and the
    images' files, in which form and order; pipelines share them. An unreadable image counts as a grey one.

    Args:
        where: the pipeline's file, for messages.

    Returns:
        a column an activation, called ``<model>_<number>``, by id in the order of the part's table.

    Raises:
        ConfigError: no such model or file of weights, no way to download them, or a size that the model cannot take.
        DataError: images that cannot be read (``on_bad_image: error``).
    """
    ids = (contest.train if part == "train" else contest.test).index
    images = ImageSet(part, contest.images(part, ids), backbone.size, backbone.resize, 3)
    cache = open_cache(contest.layout.cache, images, reporter, on_bad=contest.config.on_bad_image)
    device = pick_device("auto", where)
    with reproducible(device):
        # random weights, where asked for, are the same ones each time
        torch.manual_seed(_SEED)
        spec = ModelSpec(backbone.model, 1, 3, backbone.size, backbone.timm_args, where)
        model = build_model(spec, backbone.weights, contest.root)
        check_sizes(model, spec, [(backbone.size, backbone.size)])
        mean, std = normalisation(model, 3, backbone.mean, backbone.std)
        made_of = {"model": [backbone.model, backbone.timm_args], "images": cache.name}
        source = ImageSource(cache.pixels, mean, std, device, workers=1)
        what = f"{backbone.model} on {part} images"
        found = pooled(model.to(device), source, made_of, contest.layout.cache, what, reporter)
    return pd.DataFrame(found, index=ids, columns=[f"{backbone.model}_{n}" for n in range(found.shape[1])])
