"""A pipeline's keys as its library is to have them, checked against the contest."""

from __future__ import annotations

from pathlib import Path

from outfold.config.gbdt import CONTEST, GbdtPipeline, hook_named
from outfold.contest import Contest
from outfold.errors import ConfigError, under
from outfold.learners.gbdt.booster import Library, Settings
from outfold.learners.gbdt.objective import Objective
from outfold.metrics import Metric, get_metric

AUTO_ROWS = 100_000
"""Training rows from which ``device: auto`` takes a GPU: with fewer, a CPU is about as fast, and always the same."""


def library_of(contest: Contest, config: GbdtPipeline, where: Path) -> Library:
    """The library that a pipeline names, bound to its keys.

    Raises:
        ConfigError: parameters, an objective or a metric that do not fit, or a library that is not installed.
    """
    settings = Settings(
        task=contest.task,
        classes=len(contest.classes or ()) if contest.task == "multiclass" else 0,
        params=config.params,
        balanced=config.class_weight is not None,
        objective=_objective(contest, config, where),
        stop_by=_of_library(config, where),
        device=_device(contest, config, where),
        where=where,
    )
    if config.library == "xgboost":
        from outfold.learners.gbdt.xgboost_backend import XgBoost

        return XgBoost(settings)
    if config.library == "catboost":
        from outfold.learners.gbdt.catboost_backend import CatBoost

        return CatBoost(settings)
    from outfold.learners.gbdt.lightgbm_backend import LightGbm

    return LightGbm(settings)


def metric_of(contest: Contest, config: GbdtPipeline, where: Path) -> Metric | None:
    """The metric of ours that chooses the rounds; None: the library's own.

    An objective of the user's own has no metric with it: the contest's then chooses.

    Raises:
        ConfigError: there is no such function, or the contest's metric cannot be told from one booster.
    """
    hook = hook_named(config.stop_by)
    if hook is not None:
        with under(f"{where}: stop_by"):
            return contest.hooks.metric(hook, "binary" if contest.task == "ordinal" else contest.task)
    if config.stop_by == CONTEST and contest.task == "ordinal":
        raise ConfigError(
            f"{where}: stop_by: contest: each booster of an ordinal task is asked one step, of which "
            f"{contest.metric.name} has no score",
            remedy="Leave stop_by out, or name a metric of two classes.",
        )
    if config.stop_by is None and config.objective is not None:
        return get_metric("log_loss", task="binary") if contest.task == "ordinal" else contest.metric
    return contest.metric if config.stop_by == CONTEST else None


def _objective(contest: Contest, config: GbdtPipeline, where: Path) -> Objective | None:
    hook = hook_named(config.objective)
    if hook is None:
        return None
    for key in ("objective", "loss_function"):
        if key in config.params:
            raise ConfigError(f"{where}: objective: and params.{key} are two objectives; keep one")
    with under(f"{where}: objective"):
        function = contest.hooks.function(hook)
    if contest.task == "multiclass":
        return Objective(function, "classes")
    if contest.task == "regression":
        return Objective(function, "number", function.attribute("transform"))
    return Objective(function, "binary")


def _of_library(config: GbdtPipeline, where: Path) -> str | None:
    """The library's own metric that ``stop_by`` names."""
    if config.stop_by is None or config.stop_by == CONTEST or hook_named(config.stop_by) is not None:
        return None
    for key in ("metric", "metrics", "eval_metric"):
        if key in config.params:
            raise ConfigError(f"{where}: stop_by: and params.{key} both name a metric; keep one")
    if config.objective is not None:
        raise ConfigError(
            f"{where}: stop_by: {config.stop_by}: the library's metrics do not know what raw scores of an objective of "
            "your own mean",
            remedy="Say stop_by: contest, or hooks.py:function.",
        )
    return config.stop_by


def _device(contest: Contest, config: GbdtPipeline, where: Path) -> str:
    """``cpu``, or ``cuda`` with a number."""
    if config.device == "cpu" or (config.device == "auto" and not _takes_gpu(contest, config)):
        return "cpu"
    if config.library == "lightgbm":
        return config.device
    from outfold.training.device import pick_device

    device = pick_device(config.device, str(where))
    return f"cuda:{device.index or 0}" if device.type == "cuda" else "cpu"


def _takes_gpu(contest: Contest, config: GbdtPipeline) -> bool:
    """Whether a GPU, if there is one, is worth it and can do all that the pipeline asks."""
    if config.library == "lightgbm" or len(contest.train) < AUTO_ROWS:
        return False
    if config.library == "xgboost":
        return True
    # what CatBoost has on a CPU alone
    ours = config.objective, hook_named(config.stop_by), config.monotone or None
    on_cpu = {"rsm", "colsample_bylevel", "feature_fraction"} & set(config.params)
    return not (any(one is not None for one in ours) or config.stop_by == CONTEST or on_cpu)
