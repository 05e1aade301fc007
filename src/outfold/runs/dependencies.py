"""Pipelines that learn from the results of others: what must be made first, and in which order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from outfold.config.load import load_pipeline
from outfold.config.pipeline import BlendConfig, ImportedPipeline
from outfold.errors import ConfigError, nearest
from outfold.store.paths import BLEND, Layout


def lineage(layout: Layout, name: str) -> list[str]:
    """The pipelines that this one learns from, and those that they learn from, each after its own and once.

    Raises:
        ConfigError: one of them has no file, is the blend, or learns, by whatever way, from itself; named.
    """
    found: list[str] = []
    _descend(layout, name, (), found)
    return found[:-1]


def in_order(layout: Layout, names: Iterable[str]) -> list[str]:
    """These pipelines, each after those of them that it learns from, and otherwise as they stand.

    Raises:
        ConfigError: as :func:`lineage`.
    """
    names = list(names)
    sorted_names = [before for name in names for before in [*lineage(layout, name), name]]
    return [name for name in dict.fromkeys(sorted_names) if name in names]


def _descend(layout: Layout, name: str, way: Sequence[str], found: list[str]) -> None:
    if name in way:
        circle = [*way[way.index(name) :], name]
        raise ConfigError(
            f"{layout.pipeline_config(name)}: {' learns from '.join(circle)}; no pipeline can learn from itself",
            remedy="Take one of them out of the other's `pseudo: {pipelines: [...]}` or `backbone: {pipeline: ...}`.",
        )
    if name in found:
        return
    config = load_pipeline(layout.pipeline_config(name))
    if not isinstance(config, BlendConfig | ImportedPipeline):
        for other in config.upstream():
            _check_name(layout, other, name)
            _descend(layout, other, (*way, name), found)
    found.append(name)


def _check_name(layout: Layout, name: str, student: str) -> None:
    known = layout.pipeline_names()
    if name in known:
        return
    where = layout.pipeline_config(student)
    if name == BLEND:
        raise ConfigError(
            f"{where}: {student} cannot learn from the blend: its weights have seen every fold's labels",
            remedy=f"Name the pipelines that are blended: {', '.join(other for other in known if other != student)}.",
        )
    hint = nearest(name, known) or f"there are {', '.join(known)}"
    raise ConfigError(f"{where}: it learns from {name!r}, and there is no such pipeline; {hint}")
