"""What the Makefile has to run for a contest folder, as words: it runs before there is an environment, on any Python 3.

``all:NAME`` is a pipeline; ``stale:STAGE`` or ``stale:STAGE/NAME`` a stage that must be run, since one of its files
differs from its stamp or an earlier stage must be run; ``need:NAME:STAGE/OTHER`` a stage of another pipeline that comes
before the training of one. Where a file has a name that no pipeline may have, the only word is ``error``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

_TOOLS = Path(__file__).resolve().parent
sys.path[:0] = [str(_TOOLS), str(_TOOLS.parent / "src")]

from needs import needs  # noqa: E402

from outfold.errors import OutfoldError  # noqa: E402
from outfold.store.input_hashes import known_data  # noqa: E402
from outfold.store.pipeline_names import pipeline_files  # noqa: E402
from outfold.store.stamps import is_unchanged  # noqa: E402

_STAGE_OF = {"test.parquet": "predict", "oof.parquet": "train"}


def plan(root: Path) -> Iterator[str]:
    """The words.

    Raises:
        OutfoldError: a file in pipelines/ has a name that no pipeline may have.
    """
    names = list(pipeline_files(root / "pipelines"))
    before: dict[str, list[str]] = {name: [] for name in names}
    for word in needs(root / "pipelines"):
        student, _, needed = word.partition(":")
        other, _, file = needed.partition("/")
        before[student.partition("/")[0]].append(f"{_STAGE_OF[file]}/{other}")
    yield from (f"all:{name}" for name in names)
    yield from (f"need:{name}:{stage}" for name, stages in before.items() for stage in stages)
    yield from (f"stale:{stage}" for stage in stale(root, before))


def stale(root: Path, before: Mapping[str, list[str]]) -> list[str]:
    """The stages that must be run, in the order of the chain.

    Args:
        before: by pipeline, the stages of others that come before its training.
    """
    data, same = known_data(root / "inputs", root / "artifacts" / "data.json")
    earlier = {
        "download": [],
        "split": ["download"],
        **{f"train/{name}": ["split", *others] for name, others in before.items()},
        **{f"predict/{name}": [f"train/{name}"] for name in before},
        "ensemble": [f"predict/{name}" for name in before],
        "submit": ["ensemble"],
    }
    found: dict[str, bool] = {}

    def must_run(target: str) -> bool:
        if target not in found:
            found[target] = True  # pipelines that learn from each other: the stage refuses them
            stage, _, name = target.partition("/")
            changed = (stage == "download" and not same) or not is_unchanged(root, stage, name, data=data)
            found[target] = changed or any(must_run(other) for other in earlier[target])
        return found[target]

    return [target for target in earlier if must_run(target)]


if __name__ == "__main__":
    try:
        print(*plan(Path(sys.argv[1])))
    except OutfoldError as error:
        print(f"error: {error}", file=sys.stderr)
        print("error")
