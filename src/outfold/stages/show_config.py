"""The configuration after all defaults, and its JSON Schema."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from ruamel.yaml import YAML

from outfold.config.competition import CompetitionConfig
from outfold.config.pipeline import PIPELINE
from outfold.progress import Reporter
from outfold.stages.context import Context
from outfold.stages.import_predictions import imported
from outfold.store.atomic import write_json
from outfold.store.layout import BLEND


def show_config(context: Context) -> str:
    """The contest and every pipeline as YAML, one document each, with all defaults filled in."""
    documents = [("competition/competition.yaml", context.competition.model_dump(mode="json"))]
    documents += [
        (f"pipelines/{name}.yaml", (imported(context, name) or context.model_config(name)).model_dump(mode="json"))
        for name in context.layout.pipeline_names()
    ]
    documents.append((f"pipelines/{BLEND}.yaml", context.blend_config().model_dump(mode="json")))
    return "".join(f"--- # {path}\n{_yaml(content)}" for path, content in documents)


def _yaml(content: Any) -> str:
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = 120
    text = io.StringIO()
    yaml.dump(content, text)
    return text.getvalue()


def write_schemas(folder: Path, reporter: Reporter) -> None:
    """Write ``competition.json`` and ``pipeline.json`` (JSON Schema) into ``folder``."""
    schemas = {"competition": TypeAdapter(CompetitionConfig).json_schema(), "pipeline": PIPELINE.json_schema()}
    for name, content in schemas.items():
        write_json(folder / f"{name}.json", content)
        reporter.note(f"schema: {folder / f'{name}.json'}")
    line = json.dumps(str((folder / "pipeline.json").as_posix()))[1:-1]
    reporter.note(f"  First line of a YAML file, for editors: # yaml-language-server: $schema=../{line}")
