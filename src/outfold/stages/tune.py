"""tune: the parameters of one pipeline, chosen inside each fold's training part, as a new pipeline file."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outfold.config.default_spaces import default_space
from outfold.config.dotted import found
from outfold.config.gbdt import GbdtPipeline
from outfold.config.load import pipeline_of, plain, read_yaml
from outfold.config.pipeline import ModelPipeline
from outfold.config.search_space import Space, bounds
from outfold.errors import ConfigError, some
from outfold.learners.gbdt.params import default_params
from outfold.learners.registry import make_learner
from outfold.learners.wrappers.per_fold import check_folds
from outfold.progress import Reporter
from outfold.randomness import derive_seed
from outfold.runs.compute import Compute
from outfold.runs.context import Context, command
from outfold.runs.fingerprints import inference_fingerprint, scoring_fingerprint
from outfold.runs.provenance import fit_fingerprint
from outfold.runs.tuning.executors import crew
from outfold.runs.tuning.pipeline_writer import Output, shared_text, text_by_fold
from outfold.runs.tuning.results import HISTORY, IMPORTANCE, TRIALS, draw_history, draw_importance, tell, write_trials
from outfold.runs.tuning.study import Search, keys_of, load_optuna, open_storage, own_value
from outfold.runs.tuning.trial_runner import Bench, Work
from outfold.runs.tuning.trial_scheduler import Race
from outfold.store.fingerprint import fingerprint
from outfold.store.lock import only_writer

STORAGE = "trials.sqlite"
_UNKNOWN = object()


@dataclass(frozen=True)
class Plan:
    """How much to search, and how.

    Attributes:
        trials: of each search, those of earlier runs included.
        timeout: seconds, after which no trial is begun; None: no limit.
        inner: folds inside a training part.
        shared: one search, inside the first fold's training part, for all folds.
        jobs: fits side by side; None: what the pipeline's file says, or 1.

    Raises:
        ConfigError: a time that is none.
    """

    trials: int = 50
    timeout: float | None = None
    inner: int = 3
    shared: bool = False
    jobs: int | None = None

    def __post_init__(self) -> None:
        if self.timeout is not None and not self.timeout >= 0:
            raise ConfigError(f"--timeout {self.timeout}: expected seconds, 0 or more")


def tune(
    context: Context, name: str, plan: Plan | None = None, *, output: str | None = None, force: bool = False
) -> Path | None:
    """Search what the pipeline's ``tune`` names, and write the best that was found as another pipeline.

    The objective is a cross-validation inside the training part of an outer fold. A row that this fold scores chooses
    nothing about its model, so the out-of-fold score of the new pipeline is as honest as that of the old one.

    Args:
        output: the new pipeline's name; ``<name>-tuned``.
        force: replace its file whoever has written it.

    Returns:
        The new file; None where some fold has no finished trial yet.

    Raises:
        ConfigError: the search space, the output, or a pipeline that learns from others.
    """
    plan = plan or Plan()
    load_optuna()
    config, layout, reporter = context.model_config(name), context.layout, context.reporter
    path = layout.pipeline_config(name)
    _refuse_leaks(config, path)
    written = Output(layout, f"{name}-tuned" if output is None else output, name, force=force)
    check_folds(config, context.folds, path)
    folds = context.folds.numbers()[:1] if plan.shared else context.folds.numbers()
    if plan.shared and config.by_fold:
        raise ConfigError(f"{path}: --shared finds one set of keys for all folds, and the file has by_fold")
    context.warn_of_the_data()
    work = _work(context, config, name, plan)
    space = _space(context, work, config, folds[0])
    folder = layout.tune(name)
    with only_writer(folder):
        bench = Bench(work, reporter, context=context)
        storage = open_storage(folder / STORAGE)
        searches = [_search(context, work, space, fold, storage) for fold in folds]
        _tell_cost(context, searches, plan, name)
        make_learner(context.contest, config, name, reporter).check()
        race = Race(
            context.contest, searches, {fold: len(bench.inner(fold)) for fold in folds}, folder / "work", reporter
        )
        jobs = plan.jobs or Compute().jobs_for(config)
        with crew(bench, min(jobs, sum(race.inner.values())), reporter) as hands:
            race.run(hands, plan.trials, plan.timeout)
        shutil.rmtree(folder / "work", ignore_errors=True)
        write_trials(searches, folder)
        unready = [search.fold for search in searches if not search.finished]
        if unready:
            reporter.note(f"tune {name}: no finished trial in fold {some(unready)}: the same command goes on")
            return None
        tell(searches, context.contest.metric.name, reporter)
        draw_history(searches, name, context.contest.metric.name, folder / HISTORY)
        drawn = draw_importance(searches, name, folder / IMPORTANCE)
        best = {search.fold: keys_of(search.ranked[0]) for search in searches}
        how = f"{name} --trials {plan.trials}{' --shared' if plan.shared else ''}"
        one = plan.shared or len(context.folds.numbers()) == 1
        written.write(
            shared_text(path, best[folds[0]], how) if one else text_by_fold(path, best, context.folds.hash, how)
        )
    reporter.note(f"tune {name}: {folder}: {', '.join([TRIALS, HISTORY, *([IMPORTANCE] if drawn else [])])}")
    _tell_gain(context, searches, written, name, plan)
    return written.path


def _refuse_leaks(config: ModelPipeline, path: Path) -> None:
    """Others' models have learnt from the rows that a trial is scored on."""
    if config.upstream():
        raise ConfigError(
            f"{path}: it learns from {some(config.upstream())}, whose models have seen the rows that score a trial",
            remedy="Tune a copy without it (pseudo, or the backbone's pipeline), and add it to the tuned file.",
        )


def _work(context: Context, config: ModelPipeline, name: str, plan: Plan) -> Work:
    path = context.layout.pipeline_config(name)
    seed = derive_seed("tune", getattr(config, "seed", 0)) % 2**31
    devices = Compute(plan.jobs).devices_for(config, str(path))
    made_of = fit_fingerprint(context, config)
    return Work(context.root, name, plain(read_yaml(path)), plan.inner, seed, made_of, devices)


def _space(context: Context, work: Work, config: ModelPipeline, fold: int) -> Space:
    """What to search: what the file says, every bound of which the learner takes, or what it takes of the default.

    Raises:
        ConfigError: a bound that it does not take, or nothing to search.
    """
    path = context.layout.pipeline_config(work.name)
    space: dict[str, Any] = {}
    make_learner(context.contest, config, work.name, Reporter())  # what is wrong with it as it stands
    for key, search in (config.tune or default_space(config)).items():
        try:
            for value in bounds(search):
                own = work.config(fold, {key: value})
                make_learner(context.contest, own, work.name, Reporter())
        except ConfigError as error:
            if config.tune:
                raise ConfigError(f"tune: {key}: {error.message}", remedy=error.remedy) from None
            context.reporter.note(f"tune {work.name}: {key} is left out: {error.message}")
        else:
            space[key] = search
    if not space:
        raise ConfigError(
            f"{path}: tune: nothing to search; learner: {config.learner} has no default",
            remedy="Name keys and their values: `tune: {seed: [0, 1], dropout: {low: 0.0, high: 0.5}}`.",
        )
    return space


def _search(context: Context, work: Work, space: Space, fold: int, storage: Any) -> Search:
    config = pipeline_of(context.layout.pipeline_config(work.name), work.content)
    inference = inference_fingerprint(config, work.made_of)
    made_of = fingerprint(
        scored=scoring_fingerprint(context, inference),
        inner=work.inner,
        seed=work.seed,
        space={key: search if isinstance(search, list) else search.model_dump() for key, search in space.items()},
    )
    return Search(
        storage,
        fold,
        f"fold {fold}, {made_of[:16]}",
        context.contest.metric.greater_is_better,
        space,
        own_values(work, fold, space),
        derive_seed(work.seed, fold),
    )


def own_values(work: Work, fold: int, space: Space) -> Mapping[str, Any]:
    """What a pipeline has under the keys to search, said or by default, where that is among what is searched."""
    content, config = work.written(fold, {}), work.config(fold, {})
    defaults = {"params": default_params(config.library)} if isinstance(config, GbdtPipeline) else {}
    said = {key: found(content, key, found(config, key, found(defaults, key, _UNKNOWN))) for key in space}
    return {key: value for key, value in said.items() if value is not _UNKNOWN and own_value(space[key], value)}


def _tell_cost(context: Context, searches: Sequence[Search], plan: Plan, name: str) -> None:
    settled = [len(search.trials) for search in searches]
    left = sum(max(0, plan.trials - count) for count in settled)
    done = f", {sum(settled)} of them are done" if any(settled) else ""
    where = f"each of {len(searches)} training parts" if len(searches) > 1 else "one training part"
    context.reporter.note(f"tune {name}: {', '.join(searches[0].space)}")
    context.reporter.note(f"tune {name}: {plan.trials} trials in {where}{done}; at most {left * plan.inner} fits")
    if plan.shared and len(context.folds.numbers()) > 1 and context.folds.kind != "time_series":
        context.reporter.warn(
            "--shared: rows that the other folds score are in the first one's training part and choose for them, too: "
            "their out-of-fold scores will be a little too good"
        )


def _tell_gain(context: Context, searches: Sequence[Search], written: Output, name: str, plan: Plan) -> None:
    starts = [search.start.value or 0.0 for search in searches if search.start is not None]
    best = [search.ranked[0].value or 0.0 for search in searches]
    metric, start, now = context.contest.metric.name, sum(starts) / len(starts), sum(best) / len(best)
    said = f"{metric} inside {start:.5f}, now {now:.5f}: the best of {plan.trials} is flattered; out of fold decides"
    if start == now:
        said = f"{metric} inside {start:.5f}: nothing that was tried is better than the pipeline as it stands"
    context.reporter.note(f"tune {name}: {said}")
    context.reporter.note(f"{written.path}: next `{command(context.root, 'train', name, written.path.stem)}`")
