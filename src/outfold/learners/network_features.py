"""What another pipeline's trained networks see in a contest's images, as columns of a table: for each fold its own.

The network of fold k has not seen the labels of the rows that fold k scores, so what it says of them is honest. It has
seen those of the rows that it was trained on, and what it says of these is too good.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from outfold.config.image_features import PipelineBackbone
from outfold.config.load import load_pipeline
from outfold.config.pipeline import ImagePipeline
from outfold.contest import Contest
from outfold.data.activation_cache import open_activations
from outfold.errors import ConfigError, MismatchError, nearest
from outfold.learners.image import ImageLearner
from outfold.learners.image_voters import MODEL
from outfold.learners.learner import Part
from outfold.progress import Reporter
from outfold.store.fingerprint import file_sha256
from outfold.store.layout import Layout
from outfold.store.shelf import Shelf
from outfold.training.activations import activations, backbone_hash
from outfold.training.checkpoint import load_member, weights_file
from outfold.training.device import reproducible
from outfold.training.models import build_model
from outfold.training.order import even_batches

_BATCH = 64


def network_config(layout: Layout, backbone: PipelineBackbone, where: str) -> ImagePipeline:
    """The configuration of the pipeline that has the network.

    Raises:
        ConfigError: there is no such file, or the pipeline has no network.
    """
    config = load_pipeline(layout.pipeline_config(backbone.pipeline))
    if not isinstance(config, ImagePipeline):
        raise ConfigError(
            f"{where}: image_features.backbone: {backbone.pipeline} (learner: {config.learner}) has no network",
            remedy="Name a pipeline with learner: image.",
        )
    return config


def network_hash(layout: Layout, backbone: PipelineBackbone, fold: int, where: str) -> str:
    """SHA-256 (hex) of the weights of one fold's network.

    Raises:
        MismatchError: they are not there.
        ConfigError: it has no such member.
    """
    shelf = Shelf(layout.fold(backbone.pipeline, fold))
    return file_sha256(shelf.path(weights_file(_member(shelf, backbone, where)["name"])))


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
    member = _member(shelf, backbone, where)
    mean, std = (json.loads(shelf.path(MODEL).read_text(encoding="utf-8"))[key] for key in ("mean", "std"))
    config = network_config(contest.layout, backbone, where)
    learner = ImageLearner(contest, config, backbone.pipeline, reporter)
    source = learner.source(part, member["size"], mean, std)
    with reproducible(learner.device):
        model = build_model(learner.spec(member["size"]), "none", contest.root)
        model.load_state_dict(load_member(shelf, member["name"]))
        key = {
            "weights": backbone_hash(model),
            "model": [config.model, config.timm_args],
            "normalisation": [mean, std],
            "images": learner.images.chosen(part, member["size"]).name(),
        }
        name = f"network-{sha256(json.dumps(key, sort_keys=True, default=str).encode()).hexdigest()[:24]}"
        model = model.to(learner.device).eval()

        def compute() -> Iterator[NDArray[np.float32]]:
            with reporter.bar(f"{backbone.pipeline} fold {fold} on {part} images", len(ids), "images") as bar:
                for rows, pixels in source.batches(even_batches(np.arange(len(ids)), _BATCH)):
                    with torch.inference_mode():
                        values = activations(model, source.normalised(pixels)).flatten(1)
                    yield values.float().cpu().numpy()
                    bar.advance(len(rows))

        found = open_activations(contest.layout.cache, name, len(ids), compute())
    return pd.DataFrame(found, index=ids, columns=[f"{backbone.pipeline}_{n}" for n in range(found.shape[1])])


def _member(shelf: Shelf, backbone: PipelineBackbone, where: str) -> dict[str, str | int]:
    """Name and size of the member that is asked for."""
    try:
        members = json.loads(shelf.path(MODEL).read_text(encoding="utf-8"))["members"]
    except FileNotFoundError:
        raise MismatchError(
            f"{where}: image_features.backbone: the network of {backbone.pipeline} is not in {shelf.folder}",
            remedy=f"Remove {shelf.folder.parent.parent} and run `outfold train {backbone.pipeline}`.",
        ) from None
    by_name = {member["name"]: member for member in members}
    wanted = backbone.member or members[-1]["name"]
    if wanted not in by_name:
        hint = nearest(wanted, list(by_name)) or f"it has {', '.join(by_name)}"
        raise ConfigError(f"{where}: image_features.backbone: {backbone.pipeline} has no member '{wanted}'; {hint}")
    return dict(by_name[wanted])
