"""The case in plain torch and timm: their transforms, loader and model, a short loop, one-cycle AdamW.

Usage: python run_timm.py CASE_JSON DATA_FOLDER SOURCE_FOLDER SEED
"""

import json
import sys
from pathlib import Path

import timm
import torch
from measured import Clock
from timm.data import create_transform
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder

case, data, source, seed = json.loads(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
torch.manual_seed(seed)
clock = Clock()
mean = (0.485, 0.456, 0.406) if case["mean"] is None else (case["mean"],) * 3
std = (0.229, 0.224, 0.225) if case["mean"] is None else (case["mean"],) * 3

# --- the user's code begins
common = {"input_size": (3, case["size"], case["size"]), "mean": mean, "std": std}
for_training = create_transform(**common, is_training=True, scale=(0.8, 1.0), color_jitter=0.05)
for_test = create_transform(**common, crop_pct=1.0)
with clock.measure("train"):
    train = ImageFolder(data / "train", for_training)
    loader = DataLoader(train, case["batch"], shuffle=True, num_workers=2, drop_last=True)
    options = {}
    if case["weights"]:
        options = {"pretrained": True, "pad_type": "same"}
        options["pretrained_cfg_overlay"] = {"file": str(source / case["weights"])}
    model = timm.create_model(case["model"], num_classes=len(train.classes), **options)
    head = set(model.get_classifier().parameters())
    for epochs, frozen in ((case["frozen_epochs"], True), (case["epochs"], False)):
        if not epochs:
            continue
        for p in model.parameters():
            p.requires_grad_(not frozen or p in head)
        low = case["lr"] / 10 if case["frozen_epochs"] else case["lr"]
        rates = [case["lr"]] if frozen else [low, case["lr"]]
        groups = [list(head)] if frozen else [[p for p in model.parameters() if p not in head], list(head)]
        optimizer = torch.optim.AdamW([{"params": g} for g in groups], weight_decay=0.01)
        steps = epochs * len(loader)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, steps)
        for _ in range(epochs):
            model.train()
            for images, labels in loader:
                loss = torch.nn.functional.cross_entropy(model(images), labels)
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()
                schedule.step()
with clock.measure("tta"):
    model.eval()
    total = 0
    with torch.inference_mode():
        for i in range(1 + case["tta"]):
            test = ImageFolder(data / "test", for_training if i else for_test)
            parts = [model(images).softmax(1) for images, _ in DataLoader(test, case["batch"] * 2, num_workers=2)]
            total = total + torch.cat(parts) / (1 + case["tta"])
# --- the user's code ends
truth = torch.tensor(test.targets)
rows = len(train) * (case["frozen_epochs"] + case["epochs"])
clock.finish(accuracy=(total.argmax(1) == truth).float().mean().item(), images=rows)
