"""A contest's images through a network that is not trained: what its head would see, as columns of a table."""

from __future__ import annotations

import pandas as pd
import torch

from outfold.config.image_features import Backbone
from outfold.contest import Contest
from outfold.data.images.batches import ImageSource
from outfold.data.images.cache import ImageSet, open_cache
from outfold.learners.learner import Part
from outfold.learners.pooled import pooled
from outfold.progress import Reporter
from outfold.training.device import pick_device, reproducible
from outfold.training.models import ModelSpec, build_model, check_sizes, normalisation

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
