"""Several pipelines in one command: each after those that it learns from."""

from __future__ import annotations

from collections.abc import Sequence

from outfold.stages.compute import ANY, Compute
from outfold.stages.context import Context
from outfold.stages.lineage import in_order
from outfold.stages.predict import predict
from outfold.stages.train import train


def train_in_order(
    context: Context, names: Sequence[str], *, only_folds: Sequence[int] | None = None, compute: Compute = ANY
) -> None:
    """Train pipelines; one that teaches another of them predicts the test set in between, for these are its labels.

    Raises:
        ConfigError: a pipeline's file, or pipelines that learn from each other.
        MismatchError: the teachers of one, where they are not among the pipelines, are not trained or have not
            predicted the test set.
    """
    ordered = in_order(context.layout, names)
    taught = filter(None, (context.model_config(name).taught() for name in ordered))
    teachers = {teacher for pseudo in taught for teacher in pseudo.pipelines}
    for name in ordered:
        train(context, name, only_folds=only_folds, compute=compute)
        if name in teachers and not only_folds:
            predict(context, name)


def predict_in_order(context: Context, names: Sequence[str]) -> None:
    """Predict the test set with pipelines, teachers before those that have learnt from them.

    Raises:
        ConfigError: pipelines that learn from each other.
        MismatchError: one is not trained, or was trained on something else than what is here now.
    """
    for name in in_order(context.layout, names):
        predict(context, name)
