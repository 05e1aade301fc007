"""TabM (Gorishniy, Kotelnikov & Babenko 2024): k networks in one, which share all but a few weights of each layer.

It is made of the modules of the authors' library, with vectors of categories in place of ones and zeros: a column of a
thousand categories is then a few numbers wide.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from outfold.errors import ConfigError, nearest, quoted, some
from outfold.learners.optional_imports import load_network_library
from outfold.training.embeddings import Embeddings

PIECES, NUMBER_WIDTH = 48, 16
"""Of a number's piecewise-linear embedding: the pieces, and the numbers that it becomes; the authors' values."""
_OWN = ("n_bins", "d_embedding")
_NOT_HERE = {
    "d_in": "the columns say it",
    "d_out": "the contest's outputs say it",
    "n_num_features": "the columns say it",
    "cat_cardinalities": "the columns say it",
    "num_embeddings": "n_bins and d_embedding say it; d_embedding: 0 for none",
    "start_scaling_init_chunks": "the columns say it",
}


@dataclass(frozen=True)
class TabmSpec:
    """What is needed to build the network again.

    Attributes:
        categories: of each categorical column, code 0 among them.
        widths: of their vectors.
        edges: of each number's pieces; none where numbers are taken as they are.
        numbers: columns of numbers.
        width: of a number's vector.
        outputs: logits or values of one network.
        backbone: arguments of tabm's ``make_tabm_backbone``.
    """

    categories: Sequence[int]
    widths: Sequence[int]
    edges: Sequence[Sequence[float]]
    numbers: int
    width: int
    outputs: int
    backbone: Mapping[str, Any]


def tabm_arguments(params: Mapping[str, Any], where: str) -> tuple[int, int, dict[str, Any]]:
    """The most pieces of a number, the width of its vector (0: as it is), and the arguments of the layers.

    Raises:
        ConfigError: the library is not installed, or has no such argument (nearest names given).
    """
    make = load_network_library("tabm", "tabm", where).make_tabm_backbone
    known = [name for name in inspect.signature(make).parameters if name not in _NOT_HERE]
    for name in params:
        if name in _NOT_HERE:
            raise ConfigError(f"{where}: params.{name}: cannot be set: {_NOT_HERE[name]}")
        if name not in known and name not in _OWN:
            hint = nearest(name, [*known, *_OWN]) or f"there are {some([*known, *_OWN], 12)}"
            raise ConfigError(f"{where}: params.{name}: TabM has no such argument; {hint}")
    pieces, width = params.get("n_bins", PIECES), params.get("d_embedding", NUMBER_WIDTH)
    for name, value, least in (("n_bins", pieces, 2), ("d_embedding", width, 0), ("k", params.get("k", 32), 1)):
        if not isinstance(value, int) or value < least:
            raise ConfigError(f"{where}: params.{name}: found {quoted(value)}; expected a whole number from {least} up")
    arch = params.get("arch_type", "tabm")
    start = None if arch == "tabm-packed" else "normal" if width else "random-signs"
    # as in TabM.make
    defaults = {
        "n_blocks": 2 if width else 3,
        "d_block": 512,
        "dropout": 0.1,
        "activation": "ReLU",
        "k": 32,
        "arch_type": arch,
        "start_scaling_init": start,
    }
    return pieces, width, defaults | {name: value for name, value in params.items() if name not in _OWN}


class TabmNetwork(nn.Module):
    """Vectors of categories and of numbers, the layers of k networks, and a last layer each.

    What is random in it comes from torch's generator.
    """

    def __init__(self, spec: TabmSpec) -> None:
        super().__init__()
        import rtdl_num_embeddings
        import tabm

        self.embeddings = Embeddings(spec.categories, spec.widths)
        self.numbers: nn.Module = nn.Identity()
        if spec.edges:
            bins = [torch.tensor(edges, dtype=torch.float32) for edges in spec.edges]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a number of two values has one piece
                self.numbers = rtdl_num_embeddings.PiecewiseLinearEmbeddings(
                    bins, spec.width, activation=False, version="B"
                )
        # the first scaling of each network is drawn once for all numbers of a column
        chunks = [*spec.widths, *[spec.width if spec.edges else 1] * spec.numbers]
        scaled = spec.backbone["start_scaling_init"] is not None
        self.view = tabm.EnsembleView(k=spec.backbone["k"])
        self.layers = tabm.make_tabm_backbone(
            d_in=sum(chunks), start_scaling_init_chunks=chunks if scaled else None, **spec.backbone
        )
        self.head = tabm.LinearEnsemble(spec.backbone["d_block"], spec.outputs, k=spec.backbone["k"])

    def forward(self, inputs: tuple[Tensor, Tensor]) -> Tensor:
        """(n, k, outputs) of addresses (n, columns), see :class:`Embeddings`, and numbers (n, columns)."""
        outputs: Tensor = self.head(self.forward_features(inputs))
        return outputs

    def forward_features(self, inputs: tuple[Tensor, Tensor]) -> Tensor:
        """(n, k, last layer) what the last layers see."""
        addresses, numbers = inputs
        vectors = [self.embeddings(addresses)] if self.embeddings.width else []
        if numbers.shape[1]:
            vectors.append(self.numbers(numbers).flatten(1))
        features: Tensor = self.layers(self.view(torch.cat(vectors, dim=1)))
        return features

    def get_classifier(self) -> nn.Module:
        """The last layers, before which the engine's dropout is."""
        return self.head

    def layer_groups(self) -> list[list[str]]:
        """The names of the parameters: vectors, layers, last layers."""
        names = [name for name, _ in self.named_parameters()]
        first = [name for name in names if name.startswith(("embeddings.", "numbers."))]
        last = [name for name in names if name.startswith("head.")]
        return [first, [name for name in names if name not in {*first, *last}], last]
