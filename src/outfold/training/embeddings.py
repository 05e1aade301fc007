"""Vectors of categories, all columns of a table in one look-up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

WidthRule = Literal["fastai_07", "fastai_2"]


def embedding_width(rule: WidthRule | int, categories: int) -> int:
    """Numbers in the vector of each of so many categories, the missing one among them.

    fastai_07 is min(50, (c + 1) // 2), fastai_2 is min(600, round(1.6 c^0.56)); a number is itself.
    """
    if rule == "fastai_07":
        return min(50, (categories + 1) // 2)
    if rule == "fastai_2":
        return min(600, round(1.6 * categories**0.56))
    return rule


class Embeddings(nn.Module):
    """The vectors of several columns' categories, one after the other in one parameter.

    A look-up a column is a call or more a column, forward and back; on a CPU, for the two dozen columns of a contest,
    they take as long as all the rest of a step. Here a row's vectors are one gather: a cell is known by its *address*,
    the place where its vector begins, and the numbers that follow an address are counted on.

    The vectors of code 0 begin, and with no missing value to learn from remain, at 0.

    Args:
        categories: of each column, its codes 0 to c - 1.
        widths: of each column, the numbers in a vector.
    """

    column: Tensor
    within: Tensor

    def __init__(self, categories: Sequence[int], widths: Sequence[int]) -> None:
        super().__init__()
        self.categories, self.widths = tuple(categories), tuple(widths)
        sizes = [count * width for count, width in zip(categories, widths, strict=True)]
        self.starts = torch.tensor([0, *sizes[:-1]], dtype=torch.int64).cumsum(0)[: len(sizes)]
        # a matrix, for the weights of vectors are what decays, like those of layers
        self.weight = nn.Parameter(torch.empty(sum(sizes), 1))
        wide = torch.tensor(self.widths, dtype=torch.int64)
        self.register_buffer("column", torch.repeat_interleave(torch.arange(len(wide)), wide), persistent=False)
        self.register_buffer("within", _counted(self.widths), persistent=False)
        self.reset()

    @property
    def width(self) -> int:
        """Numbers a row."""
        return sum(self.widths)

    @torch.no_grad()
    def reset(self) -> None:
        """Random vectors, uniform in +-2 / (width + 1), as fast.ai's 0.7 had them; those of code 0 are 0."""
        for place, width in enumerate(self.widths):
            own = self.of(place)
            own.uniform_(-2 / (width + 1), 2 / (width + 1))
            own[0] = 0

    def of(self, place: int) -> Tensor:
        """(categories, width) the vectors of a column; a view."""
        begin, rows, width = int(self.starts[place]), self.categories[place], self.widths[place]
        return self.weight.detach()[begin : begin + rows * width].view(rows, width)

    def addresses(self, codes: Tensor) -> Tensor:
        """(n, columns) int32 where the vectors of these codes begin."""
        widths = torch.tensor(self.widths, dtype=torch.int64)
        return (self.starts + codes.to(torch.int64) * widths).to(torch.int32)

    def forward(self, addresses: Tensor) -> Tensor:
        """(n, :attr:`width`) the vectors of each row, side by side."""
        places = addresses.index_select(1, self.column).add_(self.within)
        return self.weight.view(-1).index_select(0, places.view(-1)).view(len(addresses), self.width)


def _counted(widths: Sequence[int]) -> Tensor:
    """0 to width - 1 for each column, int32."""
    return torch.cat([torch.arange(width, dtype=torch.int32) for width in (0, *widths)])
