"""Classes by their dotted path, and objects of them with the parameters that a pipeline's file gives."""

from __future__ import annotations

import importlib
import inspect
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from outfold.config.competition import Task
from outfold.config.sklearn import Estimator
from outfold.errors import ConfigError, nearest, quoted, some
from outfold.learners.sklearn.fit import tag

_OURS = {
    "random_state": "the pipeline's own key `seed` sets it",
    "n_jobs": "the toolkit shares out the cores; no result depends on it",
}
"""Parameters that are set here."""


def built(steps: Sequence[Estimator], where: Path) -> Any:
    """The estimator, new; several steps are a scikit-learn Pipeline.

    Raises:
        ConfigError: a path that leads nowhere (nearest names given), a class that cannot learn and predict, or a
            parameter that it has not.
    """
    *before, last = steps
    for step in before:
        _check(_class(step.estimator, where), step.estimator, ("fit", "transform"), where)
    _check(_class(last.estimator, where), last.estimator, ("fit", "predict"), where)
    objects = [_object(step.estimator, step.params, where) for step in steps]
    if len(objects) == 1:
        return objects[0]
    from sklearn.pipeline import make_pipeline

    return make_pipeline(*objects)


def public_path(kind: type) -> str:
    """The dotted path by which a class is documented: without its library's private modules."""
    parts = kind.__module__.split(".")
    public = [part for part in parts if not part.startswith("_")]
    return ".".join([*public, kind.__name__])


def _object(path: str, params: Mapping[str, Any], where: Path) -> Any:
    kind = _class(path, where)
    known = inspect.signature(kind).parameters
    open_ended = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in known.values())
    names = [name for name, one in known.items() if one.kind is not inspect.Parameter.VAR_KEYWORD]
    for name in params:
        own, _, inner = name.partition("__")
        if (inner or own) in _OURS or own in _OURS:
            raise ConfigError(f"{where}: params.{name}: cannot be set: {_OURS[own if own in _OURS else inner]}")
        if own not in names and not open_ended:
            hint = nearest(name, names) or f"it has {some(names, 12)}"
            raise ConfigError(f"{where}: params.{name}: {path} has no such parameter; {hint}")
    values = {name: _value(value, where) for name, value in params.items()}
    deep = {name: value for name, value in values.items() if "__" in name and name not in names and not open_ended}
    made = kind(**{name: value for name, value in values.items() if name not in deep})
    if deep:
        try:
            made.set_params(**deep)
        except (ValueError, AttributeError) as error:
            raise ConfigError(f"{where}: params: {path}: {error}") from None
    return made


def _value(value: Any, where: Path) -> Any:
    """A parameter's value, in which ``{estimator: ..., params: ...}`` is an object."""
    if isinstance(value, Mapping) and "estimator" in value:
        strange = [key for key in value if key not in ("estimator", "params")]
        if strange or not isinstance(value["estimator"], str) or not isinstance(value.get("params", {}), Mapping):
            raise ConfigError(
                f"{where}: params: expected {{estimator: <dotted path>, params: {{...}}}}, found {dict(value)}"
            )
        path = value["estimator"]
        _check(_class(path, where), path, ("get_params",), where)
        return _object(path, value.get("params", {}), where)
    if isinstance(value, Mapping):
        return {key: _value(inner, where) for key, inner in value.items()}
    if isinstance(value, list):
        items = [_value(item, where) for item in value]
        # scikit-learn wants its lists of named estimators as tuples
        return [tuple(item) if isinstance(item, list) and any(map(_is_object, item)) else item for item in items]
    return value


def _is_object(value: Any) -> bool:
    return hasattr(value, "get_params")


def _check(kind: type, path: str, methods: Sequence[str], where: Path) -> None:
    lacking = [name for name in methods if not callable(getattr(kind, name, None))]
    if lacking:
        raise ConfigError(
            f"{where}: estimator: {path} has no {some(lacking)}; expected a class with {' and '.join(methods)}"
        )


def _class(path: str, where: Path) -> type:
    """What the path leads to, if that is a class."""
    module_path, _, name = path.rpartition(".")
    module = _module(module_path, path, where)
    found = getattr(module, name, None)
    if not inspect.isclass(found):
        known = [key for key, value in vars(module).items() if inspect.isclass(value) and not key.startswith("_")]
        hint = nearest(name, known) or _scikit_learns(name)
        raise ConfigError(
            f"{where}: estimator: {module_path} has no class {quoted(name)}" + (f"; {hint}" if hint else ""),
            remedy="Give the dotted path of a class, as in `estimator: sklearn.ensemble.ExtraTreesClassifier`.",
        )
    return found


def _module(module_path: str, path: str, where: Path) -> Any:
    package = module_path.partition(".")[0]
    remedy = "Give the dotted path of a class, as in `estimator: sklearn.ensemble.ExtraTreesClassifier`."
    if not module_path or not all(part.isidentifier() for part in path.split(".")):
        hint = _scikit_learns(path.rpartition(".")[2])
        raise ConfigError(
            f"{where}: estimator: {quoted(path)} is no dotted path" + (f"; {hint}" if hint else ""), remedy=remedy
        )
    try:
        return importlib.import_module(module_path)
    except ModuleNotFoundError as error:
        if error.name == package:
            raise ConfigError(
                f"{where}: estimator: {path}: the package {package} is not installed", remedy=f"pip install {package}"
            ) from None
        hint = _scikit_learns(path.rpartition(".")[2])
        raise ConfigError(
            f"{where}: estimator: there is no module {quoted(module_path)}" + (f"; {hint}" if hint else ""),
            remedy=remedy,
        ) from None


def _scikit_learns(name: str) -> str | None:
    """The estimators of scikit-learn that are called much like this, by their paths."""
    from sklearn.utils import all_estimators

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        known = {title: public_path(kind) for title, kind in all_estimators()}
    hint = nearest(name, list(known))
    if hint is None:
        return None
    close = [title.strip(" ?") for title in hint.removeprefix("did you mean ").split(",")]
    return f"did you mean {some((known[title] for title in close), 3)}?"


def check_values(estimator: Any) -> None:
    """Validate parameters as scikit-learn's ``fit`` does first, those of nested estimators too.

    Estimators of other libraries, which validate nothing before they fit, are left alone.

    Raises:
        sklearn.utils._param_validation.InvalidParameterError: a value out of range or of the wrong type.
    """
    nested = estimator.get_params(deep=True).values() if hasattr(estimator, "get_params") else ()
    for one in (estimator, *nested):
        validate = getattr(one, "_validate_params", None)
        if callable(validate) and hasattr(one, "_parameter_constraints") and not isinstance(one, type):
            validate()


_COUNTERPARTS = (("Regressor", "Classifier"), ("SVR", "SVC"))


def check_kind(estimator: Any, path: str, task: Task, where: Path) -> None:
    """Raises ConfigError for a regressor where classes are asked for, the reverse, and what is neither."""
    kind = tag(estimator, "estimator_type") or getattr(estimator, "_estimator_type", None)
    wanted = "regressor" if task == "regression" else "classifier"
    if kind == wanted or (kind is None and (wanted == "regressor" or hasattr(estimator, "predict_proba"))):
        return
    other = _counterpart(path, wanted)
    found = f"a {kind}" if kind else "no classifier: it has no predict_proba"
    raise ConfigError(
        f"{where}: estimator: {path} is {found}; this contest's task is {task}",
        remedy=f"Take {other}." if other else f"Take a {wanted}.",
    )


def _counterpart(path: str, wanted: str) -> str | None:
    """The class beside it that answers the other question."""
    module, _, name = path.rpartition(".")
    for pair in _COUNTERPARTS:
        old, new = pair if wanted == "classifier" else pair[::-1]
        other = name.removesuffix(old) + new
        if name.endswith(old) and inspect.isclass(getattr(importlib.import_module(module), other, None)):
            return f"{module}.{other}"
    return None
