"""The configuration after all defaults, and its JSON Schema."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from outfold.config.schema import schemas
from outfold.progress import Reporter
from outfold.runs.context import Context
from outfold.runs.imported import imported
from outfold.store.atomic import write_json
from outfold.store.paths import BLEND


def show_config(context: Context) -> str:
    """The contest and every pipeline as YAML, one document each, with all defaults filled in."""
    documents = [("competition/competition.yaml", context.competition.effective_keys())]
    documents += [
        (f"pipelines/{name}.yaml", (imported(context, name) or context.model_config(name)).effective_keys())
        for name in context.layout.pipeline_names()
    ]
    documents.append((f"pipelines/{BLEND}.yaml", context.blend_config().effective_keys()))
    return "".join(f"--- # {path}\n{_yaml(content)}" for path, content in documents)


def _yaml(content: Any) -> str:
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = 120
    text = io.StringIO()
    yaml.dump(content, text)
    return text.getvalue()


def write_schemas(folder: Path, reporter: Reporter, root: Path = Path()) -> None:
    """Write ``competition.json`` and ``pipeline.json`` (JSON Schema) into ``folder``.

    Args:
        root: the contest's folder, from whose files an editor finds them.
    """
    for name, content in schemas().items():
        write_json(folder / f"{name}.json", content)
        reporter.note(f"schema: {folder / f'{name}.json'}")
    where = Path(os.path.relpath(folder, root / "competition")).as_posix()
    for kind, files in (("competition", "competition/competition.yaml"), ("pipeline", "pipelines/*.yaml")):
        reporter.note(f"  First line of {files}, for editors: # yaml-language-server: $schema={where}/{kind}.json")
