"""Several pipelines in one command: each after those that it learns from."""

from __future__ import annotations

from collections.abc import Sequence

from outfold.errors import some
from outfold.runs.compute import ANY, Compute
from outfold.runs.context import Context
from outfold.runs.dependencies import in_order
from outfold.runs.imported import imported
from outfold.stages.predict import predict
from outfold.stages.train import train


def train_in_order(
    context: Context, names: Sequence[str], *, only_folds: Sequence[int] | None = None, compute: Compute = ANY
) -> None:
    """Train pipelines; one that teaches another of them predicts the test set in between, for these are its labels.

    A quick look at some folds is none at pipelines that would learn from the others: they are left out.

    Raises:
        ConfigError: a pipeline's file, or pipelines that learn from each other.
        MismatchError: the teachers of one, where they are not among the pipelines, are not trained or have not
            predicted the test set.
    """
    ordered = in_order(context.layout, names)
    taught = {name: context.model_config(name).taught() for name in ordered if imported(context, name) is None}
    teachers = {name: [one for one in pseudo.pipelines if one in ordered] for name, pseudo in taught.items() if pseudo}
    for name in ordered:
        if only_folds and teachers.get(name):
            context.reporter.note(f"train {name}: left out: {some(teachers[name])} must be trained on every fold first")
            continue
        train(context, name, only_folds=only_folds, compute=compute)
        if not only_folds and any(name in others for others in teachers.values()):
            predict(context, name)


def predict_in_order(context: Context, names: Sequence[str]) -> None:
    """Predict the test set with pipelines, teachers before those that have learnt from them.

    Raises:
        ConfigError: pipelines that learn from each other.
        MismatchError: one is not trained, or was trained on something else than what is here now.
    """
    for name in in_order(context.layout, names):
        predict(context, name)
