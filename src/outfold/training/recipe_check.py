"""What would stop a recipe, told before hours are spent on it."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from outfold.config.phase import Phase
from outfold.errors import ConfigError
from outfold.training.layer_groups import freeze, layer_groups, spread_lr
from outfold.training.recipe import PhasePlan


def check_recipe(model: nn.Module, phases: Sequence[Phase], where: str) -> None:
    """Raises ConfigError for learning rates or layer groups that the model does not have, before hours are spent."""
    groups = layer_groups(model)
    for number, phase in enumerate(phases):
        spread_lr(phase.given_lr, phase.lr_ratio, len(groups), f"{where}: phases[{number}]")
        freeze(model, groups, phase.train, train_bn=False, where=f"{where}: phases[{number}]")


def check_batches(plans: Sequence[PhasePlan]) -> None:
    """Raises ConfigError for a batch of a single row, which BatchNorm cannot take statistics from."""
    for plan in plans:
        rows = plan.rows
        if rows // -(-rows // plan.batch_size) < 2:
            raise ConfigError(
                f"{plan.where}: batch_size: {plan.batch_size} cuts {rows} training rows into batches of one",
                remedy="Take at least 2; accumulate: makes steps larger without more memory.",
            )
