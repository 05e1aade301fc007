"""One estimator on one problem: its fit, and what it says of rows, put where the contest's outputs are."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from outfold.learners.tables.targets import Array, Kind, Problem
from outfold.threads import one_thread, thread_count


@contextmanager
def alone(jobs: int = 1) -> Iterator[None]:
    """Linear algebra on one thread, and so many jobs of joblib: sums have the same bits whatever the machine.

    A forest adds up its trees' predictions in the order in which threads end, so that prediction is one job.
    """
    import joblib
    from threadpoolctl import threadpool_limits

    with one_thread(), threadpool_limits(limits=1, user_api="openmp"), joblib.parallel_config("threading", n_jobs=jobs):
        yield


Says = Literal["probabilities", "decisions", "labels", "values", "one class"]
"""What a fitted estimator is asked: predict_proba, decision_function, predict; nothing, where there was one class."""
_LOOKED_AT = 1000


@dataclass(frozen=True, eq=False)
class FittedEstimator:
    """An estimator and what it learnt.

    Attributes:
        kind, outputs: of the problem.
        estimator: fitted; None where training had one class only.
        says: what it is asked.
        classes: (classes,) the codes that training had.
        centre, scale: of a target that was learnt on one scale.
        rows: that it learnt from.
        consecutive: the estimator was fitted on positions in ``classes`` (0, 1, ...) instead of the codes. Estimators
            such as ``xgboost.XGBClassifier`` refuse labels with gaps, which a class missing from training leaves.
    """

    kind: Kind
    outputs: int
    estimator: Any
    says: Says
    classes: NDArray[np.int64]
    centre: float
    scale: float
    rows: int
    consecutive: bool = False

    def predict(self, matrix: Any) -> Array:
        """(n, outputs): a probability, probabilities that sum to 1, or values."""
        if self.says == "one class":
            return self._certain(matrix.shape[0])
        with alone():
            if self.says == "values":
                said = np.asarray(self.estimator.predict(matrix), dtype=np.float64).reshape(-1, 1)
                return said * self.scale + self.centre
            known = np.arange(len(self.classes)) if self.consecutive else self.classes
            return self._placed(_shares(self.estimator, self.says, matrix, known))

    def _placed(self, shares: Array) -> Array:
        """(n, outputs) from (n, classes): a class missing from training gets probability 0."""
        if self.kind == "binary":
            return shares[:, [1]]
        every = np.zeros((len(shares), self.outputs))
        every[:, self.classes] = shares
        return every

    def _certain(self, count: int) -> Array:
        """The one class of training, as surely as its rows, and one against it, allow."""
        if self.kind == "binary":
            against = 1 / (self.rows + 2)
            return np.full((count, 1), 1 - against if self.classes[0] == 1 else against)
        return self._placed(np.ones((count, 1)))


def fitted(estimator: Any, matrix: Any, problem: Problem, *, scaled: bool) -> tuple[FittedEstimator, list[str]]:
    """Fit an estimator that is new; and its complaints that its iterations did not suffice.

    Args:
        matrix: (n, columns), an array or sparse.
        scaled: learn a number on one scale.
    """
    rows = len(problem.y)
    if problem.kind == "number":
        centre, scale = scale_of(problem) if scaled else (0.0, 1.0)
        told = learn(estimator, matrix, (problem.y - centre) / scale, problem.weight)
        return FittedEstimator("number", 1, estimator, "values", np.empty(0, np.int64), centre, scale, rows), told
    seen, labels = np.unique(problem.y, return_inverse=True)
    seen = seen.astype(np.int64)
    if len(seen) == 1:
        return FittedEstimator(problem.kind, problem.outputs, None, "one class", seen, 0.0, 1.0, rows), []
    told = learn(estimator, matrix, labels.astype(np.int64), problem.weight)
    says = _asked(estimator, matrix, np.arange(len(seen)))
    return FittedEstimator(problem.kind, problem.outputs, estimator, says, seen, 0.0, 1.0, rows, True), told


def takes_weights(estimator: Any) -> bool:
    """Whether its fit takes a weight for each row."""
    from sklearn.utils.validation import has_fit_parameter

    return bool(has_fit_parameter(_last(estimator), "sample_weight"))


def takes_sparse(estimator: Any) -> bool:
    """Whether it says that it takes sparse matrices."""
    first = estimator.steps[0][1] if hasattr(estimator, "steps") else estimator
    return bool(tag(first, "input_tags", "sparse"))


def _last(estimator: Any) -> Any:
    return estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator


def tag(estimator: Any, *names: str) -> Any:
    """What an estimator says of itself, by the names that lead there; None where it says nothing."""
    try:
        from sklearn.utils import get_tags

        found: Any = get_tags(estimator)
        for name in names:
            found = getattr(found, name)
        return found
    except (ImportError, AttributeError, TypeError):  # an older scikit-learn, or an estimator that is only like one
        return None


def learn(estimator: Any, matrix: Any, y: NDArray[Any], weight: Array | None) -> list[str]:
    """Fit an estimator.

    Returns:
        Its complaints that its iterations did not suffice, a sentence each.
    """
    from sklearn.exceptions import ConvergenceWarning

    weights = {}
    if weight is not None:
        prefix = f"{estimator.steps[-1][0]}__" if hasattr(estimator, "steps") else ""
        weights = {f"{prefix}sample_weight": weight}
    with alone(thread_count()), warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", ConvergenceWarning)
        estimator.fit(matrix, y, **weights)
    sentences = (
        str(one.message).partition("\n")[0].strip() for one in told if issubclass(one.category, ConvergenceWarning)
    )
    return list(dict.fromkeys(sentences))


def scale_of(problem: Problem) -> tuple[float, float]:
    """The mean and the standard deviation of the numbers; 1 where they are all the same."""
    centre = float(np.average(problem.y, weights=problem.weight))
    scale = float(np.sqrt(np.average(np.square(problem.y - centre), weights=problem.weight)))
    return centre, scale if scale > 1e-10 * max(abs(centre), 1e-100) else 1.0


def _asked(estimator: Any, matrix: Any, classes: NDArray[np.int64]) -> Says:
    """What to ask of a classifier: probabilities where it has them, decisions that agree with its labels, or these."""
    if hasattr(estimator, "predict_proba"):
        return "probabilities"
    if hasattr(estimator, "decision_function"):
        some = matrix[:_LOOKED_AT]
        with alone():
            decided = np.asarray(estimator.decision_function(some))
            labels = np.asarray(estimator.predict(some))
        wide = np.stack([-decided, decided], axis=1) if decided.ndim == 1 else decided
        # of pairs of classes (ovo) there may be as many as classes, and mean something else
        if wide.shape[1] == len(classes) and np.mean(classes[wide.argmax(axis=1)] == labels) > 0.99:
            return "decisions"
    return "labels"


def _shares(estimator: Any, says: Says, matrix: Any, classes: NDArray[np.int64]) -> Array:
    """(n, classes) of sum 1."""
    if says == "probabilities":
        found = np.asarray(estimator.predict_proba(matrix), dtype=np.float64)
        order = np.searchsorted(classes, np.asarray(getattr(estimator, "classes_", classes)).astype(np.int64))
        placed = np.zeros((len(found), len(classes)))
        placed[:, order] = found
        return placed
    if says == "decisions":
        z = np.asarray(estimator.decision_function(matrix), dtype=np.float64)
        z = np.stack([np.zeros_like(z), z], axis=1) if z.ndim == 1 else z
        z = np.exp(z - z.max(axis=1, keepdims=True))
        return np.asarray(z / z.sum(axis=1, keepdims=True))
    return np.asarray(np.asarray(estimator.predict(matrix)).reshape(-1, 1) == classes, dtype=np.float64)
