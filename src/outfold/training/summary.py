"""What a network is made of, and what a phase does with it: layers, shapes, groups, rates, arithmetic, memory."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from outfold.training.activations import HeadAlone, activations
from outfold.training.device import Precision
from outfold.training.layer_groups import Freezing, classifier_parameters, freeze, layer_groups, spread_lr
from outfold.training.recipe import PhasePlan
from outfold.training.step import Inputs, repeated

MOST_ROWS = 60
"""Beyond so many leaf modules the table shows blocks."""


@dataclass(frozen=True)
class LayerRow:
    """One layer, or one block of layers.

    Attributes:
        name: of the module, or of a parameter that belongs to no layer (a class token).
        kind: the module's class.
        shape: of its output for one row, without the batch; None where it gives no single tensor.
        parameters: the names of all parameters in it.
        count: how many numbers they hold.
        groups: the layer groups that they belong to.
    """

    name: str
    kind: str
    shape: tuple[int, ...] | None
    parameters: tuple[str, ...]
    count: int
    groups: tuple[int, ...]


def layer_rows(model: nn.Module, inputs: Inputs, most: int = MOST_ROWS) -> list[LayerRow]:
    """The leaf modules in the order in which inputs pass through them; blocks where the leaves are more than ``most``.

    Every parameter of the model is in exactly one row; layers that hand on what they get have none.

    Args:
        inputs: (n, ...) of the model, for the shapes.
    """
    modules = dict(model.named_modules())
    shapes = _output_shapes(model, inputs)
    owners = {name: _unit(modules, name) for name, _ in model.named_parameters()}
    leaves = [name for name in shapes if _does_something(modules[name])]
    units = list(dict.fromkeys([*leaves, *owners.values()]))
    depth = max(unit.count(".") for unit in units) + 1
    while depth > 1 and len({_cut(unit, depth) for unit in units}) > most:
        depth -= 1
    rows: dict[str, list[str]] = {_cut(unit, depth): [] for unit in units}
    for parameter, unit in owners.items():
        rows[_cut(unit, depth)].append(parameter)
    group_of = {name: number for number, group in enumerate(layer_groups(model)) for name in group}
    sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}
    return [
        LayerRow(
            name=name,
            kind=type(modules[name]).__name__ if name in modules else "Parameter",
            shape=shapes.get(name),
            parameters=tuple(own),
            count=sum(sizes[parameter] for parameter in own),
            groups=tuple(sorted({group_of[parameter] for parameter in own})),
        )
        for name, own in rows.items()
    ]


def _does_something(module: nn.Module) -> bool:
    return not isinstance(module, nn.Identity) and not any(True for _ in module.children())


def _unit(modules: Mapping[str, nn.Module], parameter: str) -> str:
    """The leaf module that holds a parameter, or the parameter itself where its module has others within."""
    owner = parameter.rpartition(".")[0]
    return owner if owner and not any(True for _ in modules[owner].children()) else parameter


def _cut(name: str, depth: int) -> str:
    return ".".join(name.split(".")[:depth])


def _output_shapes(model: nn.Module, inputs: Inputs) -> dict[str, tuple[int, ...]]:
    """The shape that each module puts out, by name, in the order in which they finish."""
    shapes: dict[str, tuple[int, ...]] = {}

    def seen(name: str, module: nn.Module, given: Any, output: Any) -> None:
        if isinstance(output, Tensor):
            shapes.setdefault(name, tuple(output.shape[1:]))

    handles = [
        module.register_forward_hook(functools.partial(seen, name)) for name, module in model.named_modules() if name
    ]
    model.eval()
    try:
        with torch.no_grad():
            model(inputs)
    finally:
        for handle in handles:
            handle.remove()
    return shapes


@dataclass(frozen=True)
class PhaseFacts:
    """What one phase does with the network.

    Attributes:
        rates: the peak learning rate of each layer group, as a share of the rate found where it ``finds`` it.
        learning: the names of the parameters that learn.
        count: how many numbers they hold.
        flops: of the forward pass of one row (a multiplication and an addition are two); of the head alone, where
            the phase takes precomputed activations.
        activations: bytes that the backward pass needs at the phase's batch size.
    """

    rates: list[float]
    finds: bool
    learning: frozenset[str]
    count: int
    flops: int
    activations: int


def phase_facts(model: nn.Module, plan: PhasePlan, example: Inputs, precision: Precision) -> PhaseFacts:
    """Measure what a phase takes, on a few empty rows.

    Args:
        model: on the CPU; its BatchNorm statistics are not kept as they were.
        example: (1, ...) of a row as the phase has it.
    """
    groups = layer_groups(model)
    freezing = freeze(model, groups, plan.train, train_bn=plan.train_bn, where=plan.where)
    sizes = {name: value.numel() for name, value in model.named_parameters() if value.requires_grad}
    runs = model
    if plan.precompute:
        # the activations enter at the classifier: what lies below it is not run, though it be of the head's group
        sizes = {name: sizes[name] for name in classifier_parameters(model) & sizes.keys()}
        assert isinstance(example, Tensor)
        with torch.no_grad():
            example, runs = activations(model.eval(), example), HeadAlone(model)
    return PhaseFacts(
        rates=spread_lr(plan.lr, plan.lr_ratio, len(groups), plan.where),
        finds=plan.finds_lr,
        learning=frozenset(sizes),
        count=sum(sizes.values()),
        flops=forward_flops(runs, example),
        activations=activation_bytes(runs, freezing, example, plan.batch_size, precision),
    )


def forward_flops(model: nn.Module, inputs: Inputs) -> int:
    """Floating-point operations of one forward pass, as torch counts them: convolutions and matrix products."""
    from torch.utils.flop_counter import FlopCounterMode

    model.eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(inputs)
    return int(counter.get_total_flops())


def activation_bytes(
    model: nn.Module, freezing: Freezing, example: Inputs, batch_size: int, precision: Precision
) -> int:
    """Bytes that autograd keeps of a forward pass for the backward pass, for a batch of this size.

    Measured for two and for four rows and extended in a straight line; the weights themselves are not counted.

    Args:
        example: (1, ...) what the model takes.
    """
    few, more = (_kept(model, freezing, repeated(example, n), precision) for n in (2, 4))
    return max(few + (more - few) * (batch_size - 2) // 2, 0)


def _kept(model: nn.Module, freezing: Freezing, inputs: Inputs, precision: Precision) -> int:
    weights = {tensor.untyped_storage().data_ptr() for tensor in (*model.parameters(), *model.buffers())}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    freezing.train()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor), precision.autocast():
        # the output holds the graph, and the graph what is kept: no address is used twice while it lives
        output = model(inputs)
    del output
    model.eval()
    return sum(kept.values())


def rate_of(row: LayerRow, facts: PhaseFacts) -> str:
    """The learning rate of a row's parameters in a phase; frozen, or nothing for a layer that has none."""
    if not row.parameters:
        return ""
    learning = [name for name in row.parameters if name in facts.learning]
    if not learning:
        return "frozen"
    rates = sorted({facts.rates[group] for group in row.groups})
    shown = " to ".join(rate_text(rate, facts.finds) for rate in ([rates[0], rates[-1]] if len(rates) > 1 else rates))
    return shown if len(learning) == len(row.parameters) else f"{shown} (part)"


def rate_text(rate: float, finds: bool) -> str:
    """A learning rate as the tables show it; ``find`` and a share of it where it is to be found."""
    if not finds:
        return f"{rate:.2g}"
    return "find" if rate == 1 else f"find / {1 / rate:.3g}"


def group_names(groups: Sequence[int]) -> str:
    """Layer groups for a table: ``1``, or ``1-3`` for a block that has layers of several."""
    return "-".join(str(number + 1) for number in ([groups[0], groups[-1]] if len(groups) > 1 else groups))
