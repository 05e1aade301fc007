"""JSON Schema of the contest's and the pipelines' files, by which an editor completes and checks them."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from outfold.config.competition import CompetitionConfig
from outfold.config.pipeline import PIPELINE
from outfold.config.value_types import short_forms

WORDS_FOR_TRUE = ("yes", "on", "true", "y", "t")
WORDS_FOR_FALSE = ("no", "off", "false", "n", "f")


class FileSchema(GenerateJsonSchema):
    """Takes what the loader takes: short forms, and the words that YAML 1.2 does not read as true or false."""

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        """The whole form, or one of the short ones."""
        inner = super().function_before_schema(schema)
        expand = schema["function"]["function"]
        if isinstance(getattr(expand, "__self__", None), type):
            return inner  # a model's own: it refuses, or fills in
        short = short_forms(expand, inner)
        return {"anyOf": [inner, *short]} if short else inner

    def bool_schema(self, schema: core_schema.BoolSchema) -> JsonSchemaValue:
        """true, false, or a word for one of them."""
        return {"anyOf": [{"type": "boolean"}, {"enum": [*WORDS_FOR_TRUE, *WORDS_FOR_FALSE]}]}


def schemas() -> dict[str, dict[str, Any]]:
    """``competition`` and ``pipeline``: the schema of each kind of file, by the name of its own file."""
    return {
        "competition": TypeAdapter(CompetitionConfig).json_schema(schema_generator=FileSchema),
        "pipeline": PIPELINE.json_schema(schema_generator=FileSchema),
    }
