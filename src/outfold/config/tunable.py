"""Keys that ``outfold tune`` reads, and those that it writes: what to search, and what was found for each fold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import ModelWrapValidatorHandler, PrivateAttr, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from outfold.config.base import StrictModel
from outfold.config.dotted import changed, parts
from outfold.config.search_space import Search, bounds
from outfold.errors import nearest

TUNING = frozenset({"tune", "by_fold", "tuned_on"})
_SAME = TUNING | {"learner", "pseudo", "weights"}
"""Keys that are the same in every fold: a result would be made of what its fingerprint does not know."""


class TunablePipeline(StrictModel):
    """A pipeline whose folds may differ in some keys."""

    RUNTIME: ClassVar[frozenset[str]] = frozenset()

    tune: dict[str, Search] = {}
    """What `outfold tune` searches: by key (`params.num_leaves`, `phases[0].lr`) a range, or a list of choices. Left out: the learner's own, see [tuning.md](tuning.md). Changes no model."""
    by_fold: dict[int, dict[str, Any]] = {}
    """Keys that differ in the model of a fold, by the fold's number; every fold must be there. `outfold tune` writes it."""
    tuned_on: str | None = None
    """The folds that `by_fold` was found on, by the first digits of their hash; on other folds it is refused."""

    _folds: dict[int, Any] = PrivateAttr(default_factory=dict)

    def upstream(self) -> list[str]:
        """The other pipelines that this one learns from, by name."""
        return []

    def for_fold(self, fold: int) -> Self:
        """The pipeline as a fold's model knows it; itself where ``by_fold`` says nothing.

        Raises:
            KeyError: ``by_fold`` has other folds only.
        """
        if not self.by_fold:
            return self
        own: Self = self._folds[fold]
        return own.model_copy(update={key: getattr(self, key) for key in self.RUNTIME})

    @model_validator(mode="wrap")
    @classmethod
    def _every_variant(cls, given: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        made = handler(given)
        if made.tuned_on is not None and not made.by_fold:
            raise ValueError("tuned_on: has no effect without by_fold, since it names folds of by_fold")
        if not isinstance(given, Mapping) or not (made.tune or made.by_fold):
            return made
        plain = {key: value for key, value in given.items() if key not in TUNING}
        refused: list[InitErrorDetails] = []
        for key, search in made.tune.items():
            for value in bounds(search):
                told = made._told(plain, {key: value})
                if isinstance(told, str):
                    refused.append(_refusal(("tune", key), told, value))
                    break
        for fold, changes in made.by_fold.items():
            told = made._told(plain, changes)
            if isinstance(told, str):
                refused.append(_refusal(("by_fold", fold), told, changes))
            else:
                made._folds[fold] = told
        if refused:
            raise ValidationError.from_exception_data(cls.__name__, refused)
        return made

    def _told(self, plain: Mapping[str, Any], changes: Mapping[str, Any]) -> Self | str:
        """The pipeline with other values under some keys, or why there is none."""
        kind = type(self)
        for key in changes:
            try:
                first = str(parts(key)[0])
            except ValueError as error:
                return str(error)
            if first in _SAME | self.RUNTIME:
                return f"'{key}' is the same in every fold"
            if first not in kind.model_fields:
                return f"unknown key '{key}'" + (
                    f"; {hint}" if (hint := nearest(first, list(kind.model_fields))) else ""
                )
        try:
            found = kind.model_validate(changed(plain, changes))
        except ValidationError as error:
            return _in_words(error)
        except ValueError as error:
            return str(error)
        if sorted(found.upstream()) != sorted(self.upstream()):
            return "every fold learns from the same pipelines"
        return found


def _refusal(where: tuple[str | int, ...], told: str, value: Any) -> InitErrorDetails:
    return InitErrorDetails(type=PydanticCustomError("value_error", "{told}", {"told": told}), loc=where, input=value)


def _in_words(error: ValidationError) -> str:
    """The first thing that is wrong."""
    detail = error.errors()[0]
    name = ".".join(map(str, detail["loc"]))
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        return f"unknown key '{name}'"
    shown = "" if detail["type"] == "value_error" else f" (found {detail['input']!r})"
    return f"{f'key {name!r}: ' if name else ''}{message[:1].lower()}{message[1:]}{shown}"
