"""Write docs/configuration.md from the models in src/outfold/config. Run from the checkout, with PYTHONPATH=src."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo

from outfold.config.competition import CompetitionConfig
from outfold.config.gbdt import GbdtPipeline
from outfold.config.pipeline import BlendConfig, ImagePipeline, ImportedPipeline, LinearPipeline
from outfold.config.sklearn import SklearnPipeline
from outfold.config.tabular import TabularPipeline
from outfold.metrics import METRICS, get_metric
from outfold.metrics.metric import Wants
from outfold.metrics.truth import TASKS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "configuration.md"
FILES: dict[type[BaseModel], str] = {
    CompetitionConfig: "competition/competition.yaml",
    ImagePipeline: "A pipeline with `learner: image`",
    GbdtPipeline: "A pipeline with `learner: gbdt`",
    LinearPipeline: "A pipeline with `learner: linear`",
    TabularPipeline: "A pipeline with `learner: tabular`",
    SklearnPipeline: "A pipeline with `learner: sklearn`",
    ImportedPipeline: "A pipeline with `learner: imported`",
    BlendConfig: "pipelines/blend.yaml",
}
PREFACE = """\
# Every key

<!-- Written by tools/configuration_docs.py from the docstrings in src/outfold/config: change a line there. -->

A contest is `competition/competition.yaml` and one file a model in `pipelines/`, named as you like. The files are YAML
1.2: `1e-3` is a number, and `no` is a word.

- A key that is not listed here is an error, and so is a value of another type. The message names the file, the line,
  the key, and the nearest key that exists.
- An empty default means that the key may be left out; its meaning says what happens then.
- `outfold config` prints your files with every default filled in, `outfold check` tries them on the data, and
  `schemas/` holds JSON Schema files, by which an editor completes keys as you type (see
  [fork.md](fork.md#completion-in-an-editor)).
- A key that has no effect beside the others is an error, too, such as `warmup` with `schedule: one_cycle`.
"""
NAMES_NOTE = """
## Tables that name rows and columns differently

The sample submission is the law for ids and columns. Where the training or the test table calls the id otherwise, or
has none, Outfold looks for what gives exactly the ids of the sample: another column, columns with values that make the
id, or the row's number. What it found stands in the table and the warnings of `outfold check`; these keys say it, or
say it otherwise.

Neither table has an id, and the sample counts the test rows (1, 2, 3, ...; the count starts where the sample's does):

```yaml
host: kaggle
slug: digit-recognizer
test: test.csv
test_id: row_number
train_id: row_number
target: label
metric: accuracy
```

The sample's id is made of columns of the test table (`1_1_2012-11-02`); the parts are joined as in the sample,
whatever stands between them:

```yaml
host: kaggle
slug: walmart-recruiting-store-sales-forecasting
test: test.csv
test_id: [Store, Dept, Date]
train_id: [Store, Dept, Date]
target: Weekly_Sales
metric: mae
```

The sample may have the id in several columns, too (`id1`, `id2`, then the outputs): columns that all three tables share
are found, and others are named by `test_id`. They are sent as they stand in the sample.

Each table calls the id otherwise; `id` is its name in the sample:

```yaml
host: kaggle
slug: give-me-some-credit
test: cs-test.csv
id: Id
test_id: customer
train_id: customer
target: SeriousDlqin2yrs
metric: auc
```

An id stands on several training rows: `train_id` says what tells them apart, and the id stays a column that can be
the group. An id may be a feature in the same way: name it under `columns`.

```yaml
host: kaggle
slug: patients
test: test.csv
id: patient
train_id: [patient, visit]
columns: {group: patient}
target: recovered
```

The columns of the sample are called otherwise than the classes or targets. One prefix before all of them, or one
suffix after, is found (`Status_C`, `Status_CL`, `Status_D`); other names are given by class, label or target. Columns
that are not named are sent as they stand in the sample:

```yaml
host: kaggle
slug: liver-cirrhosis
test: test.csv
target: Status
metric: log_loss
submission: {columns: {C: censored, CL: transplant, D: death}}
```

A sample with a row per id and class, label or target is recognised by its rows, whether the label is a part of the
id (`ID_0f3a_any`) or has a column of its own; a training table of several targets may have the same form. It needs no
key:

```yaml
host: kaggle
slug: rsna-intracranial-hemorrhage-detection
train: stage_1_train.csv
test: stage_1_test_images
id: ID
target: [epidural, intraparenchymal, intraventricular, subarachnoid, subdural, any]
task: multilabel
metric: mean_columnwise_log_loss
columns: {image: {train: "stage_1_train_images/{ID}.png", test: "stage_1_test_images/{ID}.png"}}
```
"""
METRIC_NOTE = """
## Metrics

What `metric` may name, by task and by what it is computed from; less is better where ↓ stands. Any number may take the
place of the 5 in `map@5` and `top_k@5`. A metric on labels has its thresholds tuned, on other rows than it is scored on
([trust.md](trust.md#thresholds)). For one of your own see [fork.md](fork.md#hookspy).

| task | probabilities | labels | ranks | values |
|---|---|---|---|---|
"""
WORDS = {"string": "text", "integer": "whole number", "boolean": "true/false", "null": "", "object": "keys and values"}
SIGNS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def type_of(schema: dict[str, Any]) -> str:
    """A JSON Schema in a few words; ranges included, nothing for null."""
    if "$ref" in schema:
        return f"[{(name := schema['$ref'].rpartition('/')[2])}](#{name.lower()})"
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{choice}`" for choice in schema.get("enum", [schema.get("const")]))
    if choices := schema.get("anyOf", schema.get("oneOf")):
        return " or ".join(filter(None, map(type_of, choices)))
    if schema.get("type") == "array":
        return f"list of {type_of(schema['items'])}"
    if isinstance(values := schema.get("additionalProperties"), dict) and "anyOf" not in values:
        return f"{type_of(values)} by name"
    limits = ", ".join(f"{sign} {schema[key]:.12g}" for key, sign in SIGNS.items() if key in schema)
    kind = schema.get("type", "anything")
    return f"{WORDS.get(kind, kind)} {limits}".strip()


def yaml_of(value: Any) -> str:
    """A default as one would write it; nothing for None and for models that are empty."""
    if isinstance(value, BaseModel):
        said = ", ".join(f"{key}: {yaml_of(item)}" for key, item in value.model_dump(exclude_unset=True).items())
        return f"{{{said}}}" if said else ""
    if isinstance(value, list):
        return f"[{', '.join(map(yaml_of, value))}]"
    text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return f'"{text}"' if text.isspace() else text


def parts_of(annotation: Any) -> list[Any]:
    """A type and all that it is made of, what annotates it included."""
    return [annotation, *(inner for part in get_args(annotation) for inner in parts_of(part))]


def row(name: str, field: FieldInfo, schema: dict[str, Any]) -> str:
    """One key as a line of its table."""
    kind = type_of(schema)
    before = any(isinstance(part, BeforeValidator) for part in [*field.metadata, *parts_of(field.annotation)])
    if before and "additionalProperties" not in schema:
        one = kind.removeprefix("list of ")
        kind = f"{one if one.startswith('number') else 'text'}, or {kind}"  # one is taken for a list of one
    default = "required" if field.is_required() else (said := yaml_of(field.default)) and f"`{said}`"
    meaning = (field.description or "").replace("``", "`").replace("\n", " ")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in (f"`{name}`", kind, default, meaning)) + " |\n"


def tables(model: type[BaseModel], title: str, level: int, done: set[type[BaseModel]]) -> str:
    """The table of a model, and of those that its keys hold."""
    done.add(model)
    schemas = model.model_json_schema()["properties"]
    summary = (model.__doc__ or "").split("\n")[0].replace("``", "`")
    text = f"\n{'#' * level} {title}\n\n{summary}\n\n| key | type | default | meaning |\n|---|---|---|---|\n"
    # its own keys first, then those that it shares with others
    own = [name for name in vars(model).get("__annotations__", {}) if name in model.model_fields]
    fields = {name: model.model_fields[name] for name in [*own, *model.model_fields]}
    keys = {field.alias or name: field for name, field in fields.items()}
    text += "".join(row(name, field, schemas[name]) for name, field in keys.items())
    for part in [part for field in fields.values() for part in parts_of(field.annotation)]:
        if isinstance(part, type) and issubclass(part, BaseModel) and part not in done:
            text += tables(part, part.__name__, 3, done)
    return text


def page() -> str:
    """The whole of docs/configuration.md."""
    done: set[type[BaseModel]] = set()
    text = PREFACE + "".join(tables(model, title, 2, done) for model, title in FILES.items()) + NAMES_NOTE + METRIC_NOTE
    known = [get_metric(name.replace("@k", "@5")) for name in METRICS]
    shown = {metric.name: f"`{metric.name}`{'' if metric.greater_is_better else ' ↓'}" for metric in known}
    for task in TASKS:
        fitting = [metric for metric in known if task in metric.tasks]
        cells = [", ".join(shown[m.name] for m in fitting if m.wants == wants) for wants in get_args(Wants)]
        text += f"| {' | '.join([task, *cells])} |\n"
    return text


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
