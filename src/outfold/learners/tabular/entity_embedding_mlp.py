"""The network of entity embeddings (Guo & Berkhahn 2016), as the fast.ai course has it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from outfold.training.dropout import DropLinear, Dropout
from outfold.training.embeddings import Embeddings


@dataclass(frozen=True)
class NetworkSpec:
    """What is needed to build the network again.

    Attributes:
        categories: of each categorical column, code 0 among them.
        widths: of their vectors.
        numbers: columns of numbers.
        layers: widths of the hidden layers.
        dropouts: after each hidden layer; the last one is the engine's, who may schedule it.
        embedding_dropout: of the vectors.
        outputs: logits or values.
    """

    categories: Sequence[int]
    widths: Sequence[int]
    numbers: int
    layers: Sequence[int]
    dropouts: Sequence[float]
    embedding_dropout: float
    outputs: int


class EmbeddingNetwork(nn.Module):
    """Vectors of categories beside normalised numbers, then [Linear, ReLU, BatchNorm, Dropout] for each layer, Linear.

    What is random in it comes from torch's generator.
    """

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        self.embeddings = Embeddings(spec.categories, spec.widths)
        self.embedding_dropout = Dropout(spec.embedding_dropout)
        self.norm = nn.BatchNorm1d(spec.numbers) if spec.numbers else nn.Identity()
        widths = [self.embeddings.width + spec.numbers, *spec.layers]
        dropouts = [*spec.dropouts[:-1], 0.0]
        self.layers = nn.Sequential(
            *(_layer(*pair, rate) for pair, rate in zip(itertools.pairwise(widths), dropouts, strict=True))
        )
        self.head = DropLinear(widths[-1], spec.outputs)

    def forward(self, inputs: tuple[Tensor, Tensor]) -> Tensor:
        """(n, outputs) of addresses (n, columns), see :class:`Embeddings`, and numbers (n, columns)."""
        outputs: Tensor = self.head(self.forward_features(inputs))
        return outputs

    def forward_features(self, inputs: tuple[Tensor, Tensor]) -> Tensor:
        """(n, last layer) what the head sees."""
        addresses, numbers = inputs
        vectors = self.embedding_dropout(self.embeddings(addresses))
        features: Tensor = self.layers(torch.cat([vectors, self.norm(numbers)], dim=1))
        return features

    def get_classifier(self) -> nn.Module:
        """The last layer, and dropout before it at the engine's rate."""
        return self.head

    def layer_groups(self) -> list[list[str]]:
        """The names of the parameters: embeddings, hidden layers, head."""
        names = [name for name, _ in self.named_parameters()]
        first = [name for name in names if name.startswith("embeddings.")]
        last = [name for name in names if name.startswith("head.")]
        return [first, [name for name in names if name not in {*first, *last}], last]


def _layer(before: int, after: int, dropout: float) -> nn.Sequential:
    layers = [nn.Linear(before, after), nn.ReLU(inplace=True), nn.BatchNorm1d(after)]
    return nn.Sequential(*layers, *([Dropout(dropout)] if dropout else []))
