"""Schedules are functions of the optimizer step."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from outfold.config.image import ImagePhase, ImagePipeline
from outfold.config.load import load_pipeline
from outfold.config.phase import Ramp
from outfold.errors import ConfigError
from outfold.training.recipe import plan_phases
from outfold.training.sampler import epoch_steps, even_batches, steps_per_epoch
from outfold.training.schedules import (
    cosine,
    cycle_ends,
    flat_cosine,
    lr_scale,
    one_cycle,
    one_cycle_momentum,
    sgdr,
    slanted_triangular,
    warm_up,
)


def test_three_cycles_of_multiplier_two_last_seven_epochs() -> None:
    assert cycle_ends([1, 2, 4], steps_per_epoch=16) == [16, 48, 112]


@given(
    st.floats(0.05, 5), st.floats(1, 3), st.integers(1, 6), st.integers(1, 500)
)  # cycle_len, cycle_mult, cycles, steps an epoch
def test_cycles_follow_each_other_and_add_up_to_the_phase(length: float, mult: float, cycles: int, steps: int) -> None:
    epochs = [length * mult**k for k in range(cycles)]
    ends = cycle_ends(epochs, steps)
    assert all(a < b for a, b in zip([0, *ends], ends, strict=False))
    if length * steps >= 2:
        assert abs(ends[-1] - sum(epochs) * steps) <= 0.5 + 1e-6


@given(st.lists(st.integers(1, 60), min_size=1, max_size=5))
def test_sgdr_restarts_at_the_peak_and_never_reaches_zero(lengths: list[int]) -> None:
    ends = list(np.cumsum(lengths))
    values = [sgdr(step, ends) for step in range(ends[-1])]
    for start, length in zip([0, *ends], lengths, strict=False):
        cycle = values[start : start + length]
        assert cycle[0] == 1.0
        assert cycle == sorted(cycle, reverse=True)
        assert cycle[-1] > 0
        assert cycle == pytest.approx([(1 + math.cos(math.pi * i / length)) / 2 for i in range(length)])


def test_cosine_is_at_half_half_way() -> None:
    assert cosine(50, 100) == pytest.approx(0.5)


def test_one_cycle_rises_from_a_25th_for_a_quarter_and_ends_at_a_100000th() -> None:
    values = [one_cycle(step, 401) for step in range(401)]
    assert values[0] == pytest.approx(1 / 25)
    assert int(np.argmax(values)) == 100
    assert max(values) == pytest.approx(1)
    assert values[-1] == pytest.approx(1e-5)


def test_one_cycle_moves_momentum_against_the_learning_rate() -> None:
    momenta = [one_cycle_momentum(step, 401) for step in range(401)]
    assert (momenta[0], momenta[100], momenta[-1]) == pytest.approx((0.95, 0.85, 0.95))


@given(st.integers(1, 75).map(lambda quarter: 4 * quarter + 1))
def test_one_cycle_is_torch_s_one_cycle(total: int) -> None:
    import torch

    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=1.0, momentum=0.9)
    # torch's three numbers: the step of the peak is pct_start * total - 1 there; ours is pct_start * (total - 1)
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 1.0, total_steps=total, pct_start=((total - 1) / 4 + 1) / total, div_factor=25, final_div_factor=4000
    )
    for step in range(total):
        assert one_cycle(step, total) == pytest.approx(theirs.get_last_lr()[0], abs=1e-9)
        optimizer.step()
        if step + 1 < total:
            theirs.step()


def test_warm_up_begins_at_a_hundredth_and_ends_at_one() -> None:
    assert warm_up(0, 20) == pytest.approx(0.01)
    assert warm_up(10, 20) == pytest.approx(0.505)
    assert warm_up(20, 20) == warm_up(1000, 20) == 1.0


def test_warm_up_multiplies_the_first_cycle_alone() -> None:
    ends = [40, 80]
    assert lr_scale("sgdr", 5, ends, warmup_steps=10) == pytest.approx(sgdr(5, ends) * warm_up(5, 10))
    assert lr_scale("sgdr", 40, ends, warmup_steps=10) == 1.0


@pytest.mark.parametrize("kind", ["sgdr", "cosine", "one_cycle", "slanted_triangular", "flat_cosine", "constant"])
def test_every_schedule_stays_between_zero_and_one(kind: str) -> None:
    values = [lr_scale(kind, step, [30, 90], warmup_steps=7) for step in range(90)]  # type: ignore[arg-type]
    assert min(values) > 0 and max(values) <= 1


@given(st.integers(1, 500), st.integers(1, 64), st.integers(1, 5))
def test_an_epoch_sees_every_row_once_in_as_many_steps_as_counted(rows: int, batch: int, accumulate: int) -> None:
    steps = epoch_steps(np.arange(rows), batch, accumulate, seed=3)
    assert len(steps) == steps_per_epoch(rows, batch, accumulate)
    assert sorted(np.concatenate([b for step in steps for b in step])) == list(range(rows))
    assert max(len(b) for step in steps for b in step) <= batch


@given(st.integers(1, 500), st.integers(1, 64))
def test_batches_differ_in_size_by_one_at_most(rows: int, batch: int) -> None:
    sizes = [len(b) for b in even_batches(np.arange(rows), batch)]
    assert max(sizes) - min(sizes) <= 1


def test_accumulation_makes_fewer_steps_and_the_schedule_counts_steps() -> None:
    phase = ImagePhase(cycles=1, cycle_len=2)
    plain = ImagePipeline(learner="image", batch_size=10, phases=[phase])
    summed = plain.model_copy(update={"accumulate": 4})
    assert plan_phases(plain, 400, "cnn.yaml")[0].ends == (80,)
    assert plan_phases(summed, 400, "cnn.yaml")[0].ends == (20,)


def test_a_phase_overrides_the_pipeline_and_takes_the_rest_from_it() -> None:
    config = ImagePipeline(
        learner="image",
        weight_decay=0.3,
        dropout=0.2,
        phases=[ImagePhase(epochs=1, dropout=0.0), ImagePhase(epochs=1, size=64)],
    )
    first, second = plan_phases(config, 100, "cnn.yaml")
    assert (first.dropout, first.weight_decay, first.size) == (0.0, 0.3, 224)
    assert (second.dropout, second.size) == (0.2, 64)


def test_one_cycle_moves_the_momentum_unless_the_phase_sets_it() -> None:
    config = ImagePipeline(
        learner="image", phases=[ImagePhase(epochs=4), ImagePhase(epochs=4, momentum=0.7), ImagePhase(cycles=1)]
    )
    moved, fixed, sgdr_plan = plan_phases(config, 640, "cnn.yaml")
    assert moved.momentum_at(0) == pytest.approx(0.95)
    assert {fixed.momentum_at(step) for step in range(fixed.steps)} == {0.7}
    assert sgdr_plan.momentum_at(0) == 0.9


def test_slanted_triangular_rises_from_a_32nd_for_a_tenth_and_falls_in_a_line() -> None:
    values = [slanted_triangular(step, 200) for step in range(200)]
    assert values[0] == pytest.approx(1 / 32)
    assert values.index(max(values)) == 20 and max(values) == 1
    assert values[10] == pytest.approx((1 + 31 / 2) / 32)
    assert values[110] == pytest.approx((1 + 31 / 2) / 32)
    assert np.diff(values[:21]) == pytest.approx(31 / 32 / 20)
    assert np.diff(values[20:]) == pytest.approx(-31 / 32 / 180)


def test_flat_cosine_stays_for_three_quarters_and_then_falls_by_a_cosine() -> None:
    values = [flat_cosine(step, 400) for step in range(400)]
    assert set(values[:301]) == {1.0}
    assert values[350] == pytest.approx(0.5)
    assert 0 < values[399] < 1e-3


def test_a_ramp_begins_and_ends_with_the_phase() -> None:
    phase = ImagePhase.model_validate(
        {
            "epochs": 1,
            "weight_decay": {"from": 0.1, "to": 0.3},
            "dropout": {"from": 0.5, "to": 0.1, "shape": "cosine"},
            "momentum": {"from": 0.8, "to": 0.9},
        }
    )
    plan = plan_phases(ImagePipeline(learner="image", batch_size=10, phases=[phase]), 1010, "cnn.yaml")[0]
    assert plan.steps == 101
    assert [plan.at("weight_decay", step) for step in (0, 25, 50, 100)] == pytest.approx([0.1, 0.15, 0.2, 0.3])
    quarter = 0.5 - 0.4 * (1 - math.cos(math.pi / 4)) / 2
    assert [plan.at("dropout", step) for step in (0, 25, 50, 100)] == pytest.approx([0.5, quarter, 0.3, 0.1])
    assert [plan.momentum_at(step) for step in (0, 50, 100)] == pytest.approx([0.8, 0.85, 0.9])
    assert plan.at("strength", 70) == 1.0, "what is not scheduled stays"


def test_a_constant_shape_stays_and_says_where_in_one_number() -> None:
    phase = ImagePhase.model_validate({"epochs": 1, "dropout": {"from": 0.3, "shape": "constant"}})
    plan = plan_phases(ImagePipeline(learner="image", batch_size=10, phases=[phase]), 100, "cnn.yaml")[0]
    assert {plan.at("dropout", step) for step in range(plan.steps)} == {0.3}
    assert ImagePhase.model_validate(phase.effective_keys()) == phase
    assert Ramp.model_json_schema()["required"] == ["from"], "an editor asks for no end"


@pytest.mark.parametrize(
    ("key", "value"),
    [("dropout", {"from": 0.2, "to": 1.0}), ("weight_decay", {"from": -1, "to": 0}), ("strength", {"from": 1})],
)
def test_a_ramp_stays_in_the_range_of_its_key(key: str, value: object) -> None:
    with pytest.raises(ValidationError):
        ImagePhase.model_validate({"epochs": 1, key: value})


def test_a_ramp_is_part_of_the_fingerprint_and_is_printed_as_it_is_written() -> None:
    phases = [{"epochs": 1, "strength": {"from": 0.5, "to": 1.5}}]
    config = ImagePipeline.model_validate({"learner": "image", "phases": phases})
    (written,) = config.fit_key()["phases"]
    assert written == {"epochs": 1.0, "strength": {"from": 0.5, "to": 1.5, "shape": "linear"}}
    assert ImagePipeline.model_validate(config.effective_keys()) == config


def test_a_cycle_may_be_shorter_than_an_epoch() -> None:
    plan = plan_phases(ImagePipeline(learner="image", phases=[ImagePhase(cycles=3, cycle_len=0.5)]), 640, "cnn.yaml")[0]
    assert plan.ends == (5, 10, 15)
    assert plan.epochs == 2


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("dropout: 1.2", "p.yaml:4: phases[0].dropout: input should be less than 1 (found 1.2, a number)"),
        ("dropout: {from: 0.1, to: 1.5}", "p.yaml:4: phases[0].dropout: from and to must be less than 1"),
        (
            "dropout: {from: 0.1, to: 0.5, shape: constant}",
            "p.yaml:4: phases[0].dropout.shape: constant stays at from:; leave to: out, or take linear or cosine",
        ),
        ("dropout: {from: 0.1, shape: cosine}", "p.yaml:4: the key 'phases[0].dropout.to' is missing"),
        (
            "mixup: {from: 0.1, to: 1, shap: cosine}",
            "p.yaml:4: unknown key 'phases[0].mixup.shap'; did you mean shape?",
        ),
    ],
)
def test_an_error_in_what_can_be_scheduled_is_one_line(tmp_path: Path, line: str, told: str) -> None:
    (tmp_path / "p.yaml").write_text(f"learner: image\nphases:\n  - epochs: 1\n    {line}\n")
    with pytest.raises(ConfigError) as error:
        load_pipeline(tmp_path / "p.yaml")
    assert str(error.value) == f"{tmp_path}/{told}"
