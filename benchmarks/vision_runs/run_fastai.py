"""The case in fastai 2.8, as its documentation would write it.

Usage: python run_fastai.py CASE_JSON DATA_FOLDER SOURCE_FOLDER SEED
"""

import json
import sys
from pathlib import Path

import timm
from fastai.vision.all import (
    CategoryBlock,
    CrossEntropyLossFlat,
    DataBlock,
    GrandparentSplitter,
    ImageBlock,
    Learner,
    Normalize,
    Resize,
    accuracy,
    aug_transforms,
    get_image_files,
    imagenet_stats,
    parent_label,
    set_seed,
)
from measured import Clock

case, data, source, seed = json.loads(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
set_seed(seed, reproducible=False)
clock = Clock()
stats = imagenet_stats if case["mean"] is None else ([case["mean"]] * 3, [case["mean"]] * 3)

# --- the user's code begins
block = DataBlock(
    blocks=(ImageBlock, CategoryBlock),
    get_items=get_image_files,
    get_y=parent_label,
    splitter=GrandparentSplitter("train", "test"),
    item_tfms=Resize(case["size"]),
    batch_tfms=[*aug_transforms(max_warp=0.0, max_lighting=0.05), Normalize.from_stats(*stats)],
)
with clock.measure("train"):
    loaders = block.dataloaders(data, bs=case["batch"], num_workers=2)
    options = {}
    if case["weights"]:
        options = {"pretrained": True, "pad_type": "same"}
        options["pretrained_cfg_overlay"] = {"file": str(source / case["weights"])}
    model = timm.create_model(case["model"], num_classes=loaders.c, **options)
    head = model.get_classifier()
    inside = {id(p) for p in head.parameters()}
    body = [p for p in model.parameters() if id(p) not in inside]
    learn = Learner(
        loaders,
        model,
        loss_func=CrossEntropyLossFlat(),
        metrics=accuracy,
        splitter=lambda _: [body, list(head.parameters())],
    )
    if case["frozen_epochs"]:
        learn.freeze()
        learn.fit_one_cycle(case["frozen_epochs"], case["lr"])
        learn.unfreeze()
        learn.fit_one_cycle(case["epochs"], slice(case["lr"] / 10, case["lr"]))
    else:
        learn.fit_one_cycle(case["epochs"], case["lr"])
with clock.measure("tta"):
    predictions, targets = learn.tta(n=case["tta"])
# --- the user's code ends
rows = len(loaders.train_ds) * (case["frozen_epochs"] + case["epochs"])
clock.finish(accuracy=accuracy(predictions, targets).item(), images=rows)
