"""The same network in plain torch: one table of weights a column, bf16, batches as index slices; what is to be reached.

Usage: python net_plain.py CASE_JSON TABLE SEED
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from measured import Clock
from rossmann import CATEGORICAL, CONTINUOUS, rmspe
from torch import nn

case, path, seed = json.loads(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
torch.manual_seed(seed)
torch.set_num_threads(case["threads"])
clock = Clock()


class Net(nn.Module):
    """Embeddings, batch normalisation, two layers, a scaled sigmoid."""

    def __init__(self, levels: list[int], numbers: int, highest: float) -> None:
        super().__init__()
        widths = [min(600, round(1.6 * n**0.56)) for n in levels]
        self.embeddings = nn.ModuleList(nn.Embedding(n, width) for n, width in zip(levels, widths, strict=True))
        self.dropout, self.norm, self.highest = nn.Dropout(0.04), nn.BatchNorm1d(numbers), highest
        layers: list[nn.Module] = []
        width = sum(widths) + numbers
        for out, rate in ((1000, 0.001), (500, 0.01)):
            layers += [nn.Linear(width, out), nn.ReLU(), nn.BatchNorm1d(out), nn.Dropout(rate)]
            width = out
        self.body = nn.Sequential(*layers, nn.Linear(width, 1))

    def forward(self, codes: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
        seen = torch.cat([one(codes[:, i]) for i, one in enumerate(self.embeddings)], dim=1)
        return self.highest * self.body(torch.cat([self.dropout(seen), self.norm(numbers)], dim=1)).sigmoid()


# --- the user's code begins
with clock.measure("prepare"):
    table = pd.read_parquet(path)
    held = (table["fold"] == 0).to_numpy()
    columns = [pd.Categorical(table[name], categories=sorted(set(table[name][~held]))) for name in CATEGORICAL]
    codes = torch.tensor(np.stack([column.codes + 1 for column in columns], axis=1).astype(np.int64))
    numbers = table[[name for name in CONTINUOUS if name not in CATEGORICAL]].to_numpy(np.float32)
    numbers = torch.tensor((numbers - numbers[~held].mean(0)) / numbers[~held].std(0))
    target = torch.tensor(np.log(table["Sales"].to_numpy(np.float32)))[:, None]
    train, test = torch.tensor(np.flatnonzero(~held)), torch.tensor(np.flatnonzero(held))
    net = Net([len(column.categories) + 1 for column in columns], numbers.shape[1], 1.2 * float(target[train].max()))
with clock.measure("train"):
    optimizer = torch.optim.AdamW(net.parameters(), lr=case["lr"], weight_decay=case["weight_decay"], fused=True)
    steps = case["epochs"] * (len(train) // case["batch"])
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, case["lr"], total_steps=steps)
    for _ in range(case["epochs"]):
        order = train[torch.randperm(len(train))]
        for rows in order[: len(order) // case["batch"] * case["batch"]].view(-1, case["batch"]):
            with torch.autocast("cpu", torch.bfloat16):
                said = net(codes[rows], numbers[rows])
            nn.functional.mse_loss(said.float(), target[rows]).backward()
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
with clock.measure("predict"), torch.no_grad():
    net.eval()
    said = torch.cat([net(codes[rows], numbers[rows]) for rows in test.split(8192)])
# --- the user's code ends
clock.finish(rmspe=rmspe(target[test].exp().numpy(), said.exp().numpy()), rows=len(train) * case["epochs"])
