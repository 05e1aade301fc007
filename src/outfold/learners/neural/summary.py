"""A network before it is trained, layer by layer, and what each phase of its recipe does with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import nn

from outfold.config.neural import NeuralPipeline
from outfold.training.device import Precision
from outfold.training.layer_groups import classifiers, layer_groups
from outfold.training.recipe import ASSUMED, PhasePlan, asks_for_batch_size
from outfold.training.step import Inputs
from outfold.training.summary import LayerRow, PhaseFacts, group_names, layer_rows, phase_facts, rate_of, rate_text


@dataclass(frozen=True)
class NetworkSummary:
    """What a summary tells.

    Attributes:
        rows: the layers, or blocks where there are many.
        plans: the phases.
        facts: of each phase.
        groups: the names of the parameters of each layer group.
        weight_bytes: of the weights in float32.
        policy: what the head is and how BatchNorm behaves, in words.
    """

    rows: list[LayerRow]
    plans: list[PhasePlan]
    facts: list[PhaseFacts]
    groups: list[list[str]]
    weight_bytes: int
    policy: list[str]

    @property
    def count(self) -> int:
        """Parameters in all, as numbers."""
        return sum(row.count for row in self.rows)

    def layer_table(self) -> tuple[list[str], list[list[str]]]:
        """Columns and rows: layer, kind, output, parameters, group, and the learning rate in each phase."""
        columns = ["layer", "kind", "output", "parameters", "group", *(f"phase {plan.number}" for plan in self.plans)]
        return columns, [
            [
                row.name,
                row.kind,
                "" if row.shape is None else " x ".join(map(str, row.shape)),
                f"{row.count:,}" if row.count else "",
                group_names(row.groups),
                *(rate_of(row, facts) for facts in self.facts),
            ]
            for row in self.rows
        ]

    def phase_table(self) -> tuple[list[str], list[list[str]]]:
        """Columns and rows: what each phase trains, for how long, at which rates, and what it takes."""
        images = any(plan.size for plan in self.plans)
        columns = ["phase", "train", *(["size"] if images else []), "epochs", "steps", "schedule", "batch"]
        columns += ["lr by group", "parameters", "GFLOP an image" if images else "MFLOP a row", "activations"]
        unit = 1e9 if images else 1e6
        return columns, [
            [
                str(plan.number),
                f"{plan.train}{', precomputed' if plan.precompute else ''}",
                *([str(plan.size)] if images else []),
                f"{plan.steps / plan.epoch_steps:.3g}",
                f"{plan.steps:,}",
                plan.schedule,
                str(plan.batch_size),
                _rates(facts),
                f"{facts.count:,}",
                f"{facts.flops / unit:.3g}",
                _bytes(facts.activations),
            ]
            for plan, facts in zip(self.plans, self.facts, strict=True)
        ]


def summarise_network(
    model: nn.Module,
    plans: list[PhasePlan],
    example: Callable[[PhasePlan], Inputs],
    config: NeuralPipeline,
    precision: Precision,
) -> NetworkSummary:
    """Measure a network; to be used within ``reproducible``.

    Args:
        model: on the CPU, with random weights.
        example: (1, ...) what it takes in a phase.
        precision: of the forward pass, on the CPU.
    """
    layers = layer_rows(model, example(plans[-1]))
    facts = [phase_facts(model, plan, example(plan), precision) for plan in plans]
    groups = layer_groups(model)
    weight_bytes = sum(value.numel() * value.element_size() for value in model.state_dict().values())
    policy = _policy(model, groups, plans)
    if asked := asks_for_batch_size(config):
        which = ", ".join(map(str, asked))
        policy.append(f"batch_size: auto: found when phase {which} is first trained; {ASSUMED} stands for it here")
    return NetworkSummary(layers, plans, facts, groups, weight_bytes, policy)


def _policy(model: nn.Module, groups: Sequence[Sequence[str]], plans: Sequence[PhasePlan]) -> list[str]:
    heads = classifiers(model)
    names = [name for name, module in model.named_modules() if any(module is head for head in heads)]
    count = sum(parameter.numel() for head in heads for parameter in head.parameters())
    said = [f"head: {', '.join(names)} ({type(heads[0]).__name__}, {count:,} parameters), in group {len(groups)}"]
    norms = sum(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in model.modules())
    if not norms:
        return [*said, "BatchNorm: none in this model"]
    modes = {plan.train_bn for plan in plans if plan.train != "all"}
    ways = {
        False: "in frozen layers they stay in eval mode, weights and statistics as they were",
        True: "in frozen layers they go on learning (train_bn)",
    }
    how = "; ".join(
        f"phase {', '.join(str(plan.number) for plan in plans if plan.train != 'all' and plan.train_bn == mode)}: {way}"
        for mode, way in ways.items()
        if mode in modes
    )
    return [*said, f"BatchNorm: {norms} layers; {how or 'no phase freezes any'}"]


def _rates(facts: PhaseFacts) -> str:
    rates = list(dict.fromkeys(rate_text(rate, facts.finds) for rate in facts.rates))
    return ", ".join(rates if len(rates) <= 4 else [rates[0], "...", rates[-1]])


def _bytes(count: int) -> str:
    return f"{count / 2**20:,.0f} MiB" if count >= 2**20 else f"{count / 2**10:,.0f} KiB"
