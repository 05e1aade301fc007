"""YAML in, checked models out; an error names the file, the line and the nearest key."""

from __future__ import annotations

import functools
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from outfold.config.competition import CompetitionConfig
from outfold.config.pipeline import MODEL, PIPELINE, BlendConfig, ModelPipeline, Pipeline
from outfold.config.pipeline_base import ModelPipelineBase
from outfold.config.value_types import odd_values
from outfold.config.yaml_syntax import syntax_error
from outfold.errors import ConfigError, nearest
from outfold.yaml_lines import keys_at_start, line_of

T = TypeVar("T")
Upstream = TypeVar("Upstream", bound=ModelPipelineBase)


def read_yaml(path: Path) -> CommentedMap:
    """One YAML 1.2 mapping, with line numbers (so that ``1e-3`` is a number and ``no`` is a word).

    Raises:
        ConfigError: missing or empty file, not a mapping, a repeated key, or broken YAML, naming the line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: no such file", remedy="Run from the contest's folder, or give --root DIR."
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start})") from None
    try:
        content = YAML(typ="rt").load(text)
    except YAMLError as error:
        raise syntax_error(path, text, error) from None
    if content is None:
        raise ConfigError(f"{path}: the file is empty; expected keys and values")
    if not isinstance(content, CommentedMap):
        raise ConfigError(f"{path}:1: expected 'key: value' lines, found a {_kind(content)}")
    return content


def plain(value: Any) -> Any:
    """ruamel's own scalars and containers as Python's."""
    if isinstance(value, dict):
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, bool) or value is None:
        return value
    for kind in (int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value


def load_competition(path: Path) -> CompetitionConfig:
    """The contest file, checked.

    Raises:
        ConfigError: with every problem in it, a line each.
    """
    return _validate(path, TypeAdapter(CompetitionConfig))


def load_pipeline(path: Path) -> Pipeline:
    """One pipeline file, checked by the keys of its learner.

    Raises:
        ConfigError: with every problem in it, a line each.
    """
    try:
        data = path.read_bytes()
    except OSError:
        return _validate(path, PIPELINE)  # which says what is wrong
    return _parsed_pipeline(path, data).model_copy(deep=True)


def load_upstream(path: Path, kind: type[Upstream], label: str, part: str) -> Upstream:
    """The file of a pipeline that another pipeline uses a part of.

    Args:
        kind: the configuration of the only learner that has this part.
        label: the key that names the pipeline, for messages.
        part: what is used of it, such as ``embeddings``.

    Raises:
        ConfigError: the file is missing or wrong, or describes another learner.
    """
    config = load_pipeline(path)
    if not isinstance(config, kind):
        (learner,) = get_args(kind.model_fields["learner"].annotation)
        raise ConfigError(
            f"{label}: {path.stem} (learner: {config.learner}) has no {part}",
            remedy=f"Name a pipeline with learner: {learner}.",
        )
    return config


@functools.lru_cache(maxsize=256)
def _parsed_pipeline(path: Path, data: bytes) -> Pipeline:
    """The pipeline in a file, parsed once per content: a command asks for the same files many times."""
    return _validate(path, PIPELINE)


def load_blend(path: Path) -> BlendConfig:
    """``pipelines/blend.yaml``, checked; its ``learner`` may be left out.

    Raises:
        ConfigError: with every problem in it, a line each.
    """
    content = read_yaml(path)
    if (learner := content.get("learner", "blend")) != "blend":
        line = line_of(content, ["learner"])
        raise ConfigError(f"{path}:{line}: learner: {learner}; expected learner: blend in this file")
    return _checked(path, content, TypeAdapter(BlendConfig))


def pipeline_of(path: Path, content: Mapping[str, Any]) -> ModelPipeline:
    """The model whose file would have this content.

    Args:
        path: of the file, for messages.

    Raises:
        ConfigError: with every problem in it, a line each.
    """
    return _checked(path, content, MODEL)


def _validate(path: Path, adapter: TypeAdapter[T]) -> T:
    return _checked(path, read_yaml(path), adapter)


def _checked(path: Path, content: Mapping[str, Any], adapter: TypeAdapter[T]) -> T:
    given = plain(content)
    try:
        made = adapter.validate_python(given)
        if not (odd := list(odd_values(made, given))):
            return made
        told = [(line := line_of(content, keys), f"{path}:{line}: {_dotted(keys)}: {why}") for keys, why in odd]
    except ValidationError as error:
        told = [_tell(path, content, adapter, detail) for detail in error.errors()]
    # a union reports the same key once for each of its members: the reader wants it once
    unique = dict.fromkeys(text for _, text in sorted(told))
    raise ConfigError("\n".join(unique)) from None


def _tell(path: Path, content: Mapping[str, Any], adapter: TypeAdapter[Any], detail: ErrorDetails) -> tuple[int, str]:
    """One pydantic error: the line that it is sorted by, and ``file:line: key: what is wrong``."""
    keys = _real_keys(content, detail["loc"])
    kind = detail["type"]
    if kind == "missing":
        line = line_of(content, keys)
        name = _dotted([*keys, *_missing(detail, keys)])
        return line, f"{path}{f':{line}' if keys else ''}: the key '{name}' is missing"
    if kind in ("union_tag_not_found", "union_tag_invalid") and not keys:
        return _no_learner(path, content)
    message = detail["msg"].removeprefix("Value error, ")
    if kind == "value_error":  # a model says it of one of its keys, by "key: what is wrong"
        below, rest = keys_at_start(_at(content, keys), message)
        keys, message = [*keys, *below], rest.removeprefix(": ") if below else message
    line, name = line_of(content, keys), _dotted(keys)
    where = f"{path}:{line}"
    if kind == "extra_forbidden":
        known = _known_keys(adapter, content, keys[:-1])
        hint = nearest(str(keys[-1]), known)
        return line, f"{where}: unknown key '{name}'" + (f"; {hint}" if hint else f"; known keys: {', '.join(known)}")
    given = detail.get("input")
    if kind == "literal_error":
        choices = str(detail.get("ctx", {}).get("expected", ""))
        hint = nearest(str(given), [c.strip("' ") for c in choices.replace(" or ", ",").split(",")])
        return line, f"{where}: {name}: '{given}' is not one of {choices}" + (f"; {hint}" if hint else "")
    shown = "" if isinstance(given, (dict, list)) or kind == "value_error" else f" (found {given!r}, a {_kind(given)})"
    return line, f"{where}: {name + ': ' if name else ''}{message[:1].lower()}{message[1:]}{shown}"


def _no_learner(path: Path, content: Mapping[str, Any]) -> tuple[int, str]:
    """What to say where ``learner`` is missing or unknown."""
    known = learners()
    given = content.get("learner")
    if given is None:
        return 1, f"{path}: the key 'learner' is missing; one of {', '.join(known)}"
    hint = nearest(str(given), known)
    line = line_of(content, ["learner"])
    return line, f"{path}:{line}: learner: '{given}' is not a learner; " + (hint or f"one of {', '.join(known)}")


def learners() -> list[str]:
    """What ``learner`` may be in the file of a pipeline."""
    tags = [get_args(model.model_fields["learner"].annotation)[0] for model in _models(PIPELINE._type)]
    return [tag for tag in tags if tag != "blend"]


def _at(content: Any, keys: Sequence[str | int]) -> Any:
    for key in keys:
        content = content[key]
    return content


def _missing(detail: ErrorDetails, keys: Sequence[str | int]) -> list[str | int]:
    """The key that is not there is the last of the error's path; it is no part of what the file holds."""
    last = detail["loc"][-1]
    return [] if keys and keys[-1] == last else [last]


def _real_keys(content: Any, loc: Sequence[str | int]) -> list[str | int]:
    """The error's path without the names that pydantic adds for the members of a union."""
    keys: list[str | int] = []
    here = content
    for part in loc:
        in_list = isinstance(here, list) and isinstance(part, int) and part < len(here)
        if in_list or (isinstance(here, dict) and part in here):
            here = here[part]
            keys.append(part)
    return keys


def _dotted(keys: Sequence[str | int]) -> str:
    text = ""
    for key in keys:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else str(key)
    return text


def _known_keys(adapter: TypeAdapter[Any], content: Any, keys: Sequence[str | int]) -> list[str]:
    """The keys that the model at this place of the file has."""
    models: list[type[BaseModel]] = _models(adapter._type)
    tag = content.get("learner") if isinstance(content, dict) else None
    if len(models) > 1:
        models = [m for m in models if tag in get_args(m.model_fields["learner"].annotation)] or models
    for key in keys:
        if isinstance(key, int):
            continue
        below = [found for m in models if key in m.model_fields for found in _models(m.model_fields[key].annotation)]
        models = below or models  # a name that the user chose, as in targets: {age: ...}, leads nowhere else
    return sorted({field.alias or name for model in models for name, field in model.model_fields.items()})


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) is None and not isinstance(annotation, types.UnionType):
        return []
    return [model for part in get_args(annotation) for model in _models(part)]


def _kind(value: Any) -> str:
    names = {str: "text", bool: "true/false", int: "number", float: "number", type(None): "nothing"}
    if isinstance(value, dict):
        return "mapping"
    if isinstance(value, list):
        return "list"
    return next((name for kind, name in names.items() if type(value) is kind), type(value).__name__)
