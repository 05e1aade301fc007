"""The training loop: one engine for every neural model, in plain torch.

A fold's training is a list of phases; a phase has a number of optimizer steps, a learning rate for each layer group,
and a schedule that is a function of the step. What is random in an epoch (the order of rows, dropout, augmentation) is
seeded by (seed, fold, phase, epoch): a training that was killed ends with the same bytes as one that was not.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from outfold.progress import Bar, Reporter
from outfold.randomness import derive_seed
from outfold.store.fold_dir import Shelf
from outfold.training.averaging import Averaging, norms_that_learn
from outfold.training.checkpoint import Progress, load_checkpoint, save_checkpoint, save_member
from outfold.training.compiled import Compiled
from outfold.training.device import Precision
from outfold.training.distributed import ranks
from outfold.training.epoch import augmentation_seed, epoch_order, epoch_seed, mixing_seed, phase_rows
from outfold.training.epoch_meter import Watch
from outfold.training.losses import Loss
from outfold.training.lr_finder import Sweep, SweepPlan, leaving_nothing, sweep
from outfold.training.models import HeadDropout
from outfold.training.oom import memory_told
from outfold.training.optimizers import Rule
from outfold.training.recipe import PhasePlan
from outfold.training.sampler import Kinds, even_batches
from outfold.training.step import Inputs, Step


class Data(Protocol):
    """What a phase learns from, and is watched on."""

    @property
    def kinds(self) -> Kinds:
        """Which of the rows go well into one batch."""

    def batches(
        self, batches: Sequence[NDArray[np.int64]], strengths: Sequence[float], seed: int
    ) -> Iterator[tuple[Inputs, Tensor]]:
        """Inputs and targets of each batch of rows, on the device; what is random in them comes from ``seed``.

        Args:
            strengths: of the augmentation, one a batch.
        """

    def plain(self, batches: Sequence[NDArray[np.int64]]) -> Iterator[Inputs]:
        """Inputs of each batch of rows, on the device, without augmentation."""

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Numbers to show: ``valid_loss`` and the contest's metric."""


@dataclass(frozen=True)
class Fit:
    """One fold's training, all but its data.

    Attributes:
        label: for the progress bar.
        fold: its number.
        seed: of everything random.
        rows: (n,) the rows to learn from, named as the data's batches name them.
        strata: (n,) their classes, or what else a share of them is balanced on.
        phases: the recipe.
        data: what a phase learns from (its image size may be its own).
        loss: of a phase.
        optimizer: how a gradient becomes an update.
        precision: of the forward pass.
        compile: the steps of training go through torch.compile.
        shelf: where the checkpoint, the members and the history go.
    """

    label: str
    fold: int
    seed: int
    rows: NDArray[np.int64]
    strata: NDArray[np.int64]
    phases: Sequence[PhasePlan]
    data: Callable[[PhasePlan], Data]
    loss: Callable[[PhasePlan], Loss]
    optimizer: Rule
    precision: Precision
    shelf: Shelf
    reporter: Reporter
    compile: bool = False


def fit(job: Fit, model: nn.Module) -> Progress:
    """Train ``model``, on its device, through all phases; goes on from the shelf's checkpoint where there is one.

    Returns:
        What was done: the members saved on the shelf, in order, and the history.

    Raises:
        ConfigError: learning rates or groups that do not fit the model.
        OutfoldError: the loss is not finite, or the GPU's memory too small; members saved before are kept.
    """
    with memory_told(f"{job.label} fold {job.fold}"):
        return _Loop(job, model).run()


def find_lr(job: Fit, model: nn.Module) -> Sweep:
    """Train all phases but the last one, and sweep the learning rate where the last one would begin.

    Raises:
        OutfoldError: as :func:`fit`, or the sweep finds nothing.
    """
    *before, last = job.phases
    with memory_told(f"{job.label} fold {job.fold}"):
        loop = _Loop(replace(job, phases=before), model)
        if before:
            loop.run()
        return loop.sweep(last, job.data(last))


class _Loop:
    def __init__(self, job: Fit, model: nn.Module) -> None:
        self.job, self.ranks = job, ranks()
        self.device = next(model.parameters()).device
        self.model = self.ranks.synchronised(model, self.device)
        self.dropout = HeadDropout(self.model)
        self.progress = Progress()

    def run(self) -> Progress:
        job = self.job
        loaded = load_checkpoint(job.shelf, self.device)
        self.ranks.meet()  # the first one writes its next checkpoint when all have read this one
        state = None
        if loaded is not None:
            self.progress, state = loaded
            self.model.load_state_dict(state["model"])
        done = sum(p.steps for p in job.phases[: self.progress.phase])
        if self.progress.phase < len(job.phases):
            plan = job.phases[self.progress.phase]
            done += min(self.progress.epoch * plan.epoch_steps, plan.steps)
        with job.reporter.bar(f"{job.label} fold {job.fold}", sum(p.steps for p in job.phases), "steps") as bar:
            bar.advance(done)
            while self.progress.phase < len(job.phases):
                self._phase(job.phases[self.progress.phase], state, bar)
                state = None
        return self.progress

    def _begin(self, plan: PhasePlan) -> Step:
        """What a phase begins with: layers frozen, a new optimizer."""
        job = self.job
        seed = mixing_seed(plan, job.seed, job.fold)
        step = Step.begin(self.model, plan, job.loss(plan), job.optimizer, job.precision, seed)
        if job.compile and not plan.precompute:
            step.model = Compiled(self.model, job.reporter.warn)
        return self.ranks.in_step(step)

    def _phase(self, plan: PhasePlan, state: dict | None, bar: Bar) -> None:
        job, progress = self.job, self.progress
        self.ranks.agree(self.model)
        data = job.data(plan)
        if plan.finds_lr:
            plan = replace(plan, lr=self._found_lr(plan, data), finds_lr=False)
        step = self._begin(plan)
        optimizer, scaler, average = step.optimizer, step.scaler, Averaging(plan, self.model)
        if state is not None and state["optimizer"] is not None:
            optimizer.load_state_dict(state["optimizer"])
            scaler.load_state_dict(state["scaler"])
            average.load_state_dict(state.get("average"))
        while progress.epoch < plan.epochs:
            self._epoch(plan, step, average, data, bar)
            progress.epoch += 1
            last = progress.epoch == plan.epochs
            if last:
                progress.phase, progress.epoch = progress.phase + 1, 0
                self._keep_last(plan, average)
            states = (None, scaler, None) if last else (optimizer, scaler, average.state_dict())
            save_checkpoint(job.shelf, progress, self.model, *states)
            job.reporter.saved()
            if last:
                return

    def _found_lr(self, plan: PhasePlan, data: Data) -> float:
        """The valley of a sweep at the start of the phase; a run that goes on knows it from its checkpoint."""
        job, progress = self.job, self.progress
        if plan.number not in progress.found_lr:
            progress.found_lr[plan.number] = self.sweep(plan, data).suggestions()["valley"]
            save_checkpoint(job.shelf, progress, self.model, None, job.precision.scaler())
            found = progress.found_lr[plan.number]
            job.reporter.note(f"{job.label} fold {job.fold}, phase {plan.number}: learning rate {found:.2g} found")
        return progress.found_lr[plan.number]

    def sweep(self, plan: PhasePlan, data: Data) -> Sweep:
        """The learning-rate finder, as if the phase began now; it leaves the model as it was."""
        mock = SweepPlan.of(plan)
        seed = derive_seed(self.job.seed, self.job.fold, plan.number, "lr find")
        with leaving_nothing(self.model), contextlib.closing(self._endless(mock, data, seed)) as steps:
            torch.manual_seed(self.ranks.own(derive_seed(seed, "torch")))
            step = self._begin(mock)

            def update(number: int) -> float:
                self.dropout.rate = mock.at("dropout", number)
                batches, rows = next(steps)
                return float(step(number, batches, rows))

            return sweep(update, plan.where)

    def _endless(
        self, plan: PhasePlan, data: Data, seed: int
    ) -> Generator[tuple[Iterator[tuple[Inputs, Tensor]], int], None, None]:
        """The batches of each step and their rows, epoch after epoch."""
        for epoch in itertools.count():
            order, batches = self._order(plan, data, derive_seed(seed, epoch), 0)
            for group in order:
                yield itertools.islice(batches, len(group)), sum(map(len, group))

    def _order(
        self, plan: PhasePlan, data: Data, seed: int, first: int
    ) -> tuple[list[list[NDArray[np.int64]]], Iterator[tuple[Inputs, Tensor]]]:
        """The rows of an epoch's steps, each a list of batches, and one after the other what is in these batches."""
        order = epoch_order(plan, *self._rows(plan), data.kinds, seed, first)
        strengths = [plan.at("strength", number) for number, group in enumerate(order, start=first) for _ in group]
        batches = data.batches([batch for group in order for batch in group], strengths, augmentation_seed(seed))
        return order, batches

    def _rows(self, plan: PhasePlan) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return phase_rows(plan, self.job.rows, self.job.strata, self.job.seed, self.job.fold)

    def _epoch(self, plan: PhasePlan, step: Step, average: Averaging, data: Data, bar: Bar) -> None:
        job, epoch = self.job, self.progress.epoch
        seed = epoch_seed(plan, job.seed, job.fold, epoch)
        torch.manual_seed(self.ranks.own(derive_seed(seed, "torch")))
        first = epoch * plan.epoch_steps
        order, batches = self._order(plan, data, seed, first)
        watch = Watch(f"{job.label} fold {job.fold}", plan, len(job.phases), epoch, first, self.device, bar)
        for number, group in enumerate(order, start=first):
            self.dropout.rate = plan.at("dropout", number)
            watch.add(step(number, self._waiting_for(batches, len(group), watch), sum(map(len, group))), group)
            average.after_step(number)
            if number + 1 in plan.ends and plan.snapshots:
                watch.check()
                self._keep_next("snapshot", plan, average)
        watch.check()
        if epoch + 1 == plan.epochs:
            self._finish(plan, step, average, data)
        with average.applied():
            entry = watch.entry() | (data.validate(self.model) if self.ranks.leads else {})
        if plan.number in self.progress.found_lr:
            entry["found_lr"] = self.progress.found_lr[plan.number]
        self.progress.history.append(entry)
        bar.advance(0, **{key: _short(value) for key, value in entry.items() if key in watch.shown(entry)})

    def _waiting_for(
        self, batches: Iterator[tuple[Inputs, Tensor]], count: int, watch: Watch
    ) -> Iterator[tuple[Inputs, Tensor]]:
        """The next batches, the time to get them being counted as waiting."""
        for _ in range(count):
            began = time.perf_counter()
            batch = next(batches)
            watch.waited += time.perf_counter() - began
            yield batch

    def _finish(self, plan: PhasePlan, step: Step, average: Averaging, data: Data) -> None:
        step.freezing.train()
        rows = even_batches(self._rows(plan)[0], plan.batch_size, data.kinds)
        average.finish(step.model, norms_that_learn(self.model), data.plain(rows), step.precision)

    def _keep(self, member: str, plan: PhasePlan, average: Averaging) -> None:
        with average.applied():
            save_member(self.job.shelf, member, self.model)
        self.progress.members.append({"name": member, "size": plan.size})

    def _keep_next(self, kind: str, plan: PhasePlan, average: Averaging) -> None:
        self._keep(f"{kind}-{1 + sum(m['name'].startswith(kind) for m in self.progress.members)}", plan, average)

    def _keep_last(self, plan: PhasePlan, average: Averaging) -> None:
        """What a phase leaves beside its snapshots: the average, or the end of the last phase."""
        if plan.snapshots and plan.swa:
            self._keep_next("swa", plan, average)
        elif plan.number == len(self.job.phases) and not plan.snapshots:
            self._keep("final", plan, average)


def _short(value: float) -> str:
    return f"{value:.4f}"
