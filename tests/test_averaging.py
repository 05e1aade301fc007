"""EMA and SWA: what members hold, step for step, and after a stop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from image_contest import digits_contest
from stopping import stopped_at_step
from test_training import recipe, results, train
from torch import Tensor, nn

from outfold.config.phase import Phase
from outfold.contest import Contest
from outfold.learners.neural.curves import read_history
from outfold.store.fold_dir import Shelf
from outfold.training.averaging import retake_statistics
from outfold.training.checkpoint import load_member
from outfold.training.device import Precision
from outfold.training.step import Step

pytestmark = pytest.mark.usefixtures("one_thread")
Weights = list[dict[str, Tensor]]


@pytest.fixture(scope="module")
def contest(tmp_path_factory: pytest.TempPathFactory) -> Contest:
    return digits_contest(tmp_path_factory.mktemp("digits"), train=200, test=20)


@pytest.fixture
def trail(monkeypatch: pytest.MonkeyPatch) -> Weights:
    """The model's own state before the first step and after each."""
    states: Weights = []
    whole = Step.__call__

    def watched(self: Step, *args: Any) -> Any:
        if not states:
            states.append({name: value.clone() for name, value in self.model.state_dict().items()})
        loss = whole(self, *args)
        states.append({name: value.clone() for name, value in self.model.state_dict().items()})
        return loss

    monkeypatch.setattr(Step, "__call__", watched)
    return states


def is_statistic(name: str) -> bool:
    return "running" in name or "num_batches" in name


def trained(contest: Contest, folder: Path, **keys: Any) -> Shelf:
    base = {"lr": 3e-3, "schedule": "constant", "epochs": 2}
    return train(contest, recipe(phases=[base | keys.pop("phase", {})], **keys), folder)[1]


def test_the_member_has_the_moving_average_and_the_training_goes_on_without_it(
    contest: Contest, tmp_path: Path, trail: Weights
) -> None:
    trained(contest, tmp_path / "plain")
    plain = trail[:]
    trail.clear()
    member = load_member(trained(contest, tmp_path / "ema", ema=0.7), "final")
    assert all(torch.equal(a[name], b[name]) for a, b in zip(plain, trail, strict=True) for name in a)

    mean = {name: value.double() for name, value in trail[0].items()}
    for t, state in enumerate(trail[1:], start=1):
        decay = min(0.7, (1 + t) / (10 + t))
        mean = {name: decay * mean[name] + (1 - decay) * value for name, value in state.items()}
    for name, value in member.items():
        wanted = trail[-1][name] if is_statistic(name) else mean[name].float()
        torch.testing.assert_close(value, wanted)
    assert not torch.allclose(member["conv1.0.weight"], trail[-1]["conv1.0.weight"], atol=1e-4)


def test_snapshots_and_validation_have_the_average_too(contest: Contest, tmp_path: Path) -> None:
    phase = {"schedule": "sgdr", "epochs": None, "cycles": 2, "snapshots": True}
    plain = trained(contest, tmp_path / "plain", phase=phase)
    ema = trained(contest, tmp_path / "ema", phase=phase | {"ema": 0.9})
    for member in ("snapshot-1", "snapshot-2"):
        assert not torch.equal(load_member(plain, member)["fc.weight"], load_member(ema, member)["fc.weight"])
    (a, b), (c, d) = ([entry["valid_loss"] for entry in read_history(shelf)] for shelf in (plain, ema))
    assert a != c and b != d


def test_a_phase_may_do_without_the_pipeline_s_average(contest: Contest, tmp_path: Path) -> None:
    plain = trained(contest, tmp_path / "plain")
    off = trained(contest, tmp_path / "off", ema=0.9, phase={"ema": 0})
    assert plain.path("final.safetensors").read_bytes() == off.path("final.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("phase", "ends"),
    [({"epochs": 3}, [5, 10, 15]), ({"schedule": "sgdr", "epochs": None, "cycles": 3, "cycle_len": 0.6}, [3, 6, 9])],
)
def test_a_phase_ends_with_the_mean_of_its_epochs_or_cycles(
    contest: Contest, tmp_path: Path, trail: Weights, phase: dict, ends: list[int]
) -> None:
    member = load_member(trained(contest, tmp_path, phase=phase | {"swa": True}), "final")
    for name, value in member.items():
        if not is_statistic(name):
            torch.testing.assert_close(value, torch.stack([trail[end][name] for end in ends]).mean(dim=0))
        elif "running" in name:
            assert not torch.allclose(value, trail[-1][name])


def test_statistics_are_those_of_the_average_on_images_without_augmentation() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.Conv2d(4, 2, 1), nn.BatchNorm2d(2))
    model[1].running_mean.fill_(100.0)
    still = model[4].running_mean.fill_(7.0).clone()
    images = torch.randn(40, 1, 8, 8)
    retake_statistics(model, [model[1]], images.split(10), Precision("fp32", torch.device("cpu")))
    inside = model[0](images)
    torch.testing.assert_close(model[1].running_mean, inside.mean(dim=(0, 2, 3)))
    torch.testing.assert_close(model[1].running_var, inside.var(dim=(0, 2, 3)), rtol=0.05, atol=0.0)
    assert torch.equal(model[4].running_mean, still), "a frozen layer keeps its own"
    assert model[1].momentum == 0.1 and not any(layer.training for layer in model)


@pytest.mark.slow
def test_the_mean_of_restless_weights_is_better_than_they_are(contest: Contest, tmp_path: Path) -> None:
    phase = {"epochs": 5, "lr": 1e-2, "schedule": "constant"}
    for name, keys in (("plain", {}), ("swa", {"swa": True})):
        config = recipe(phases=[phase, phase | keys], batch_size=16, augment="none", dropout=0.0)
        train(contest, config, tmp_path / name)
    plain, mean = ([e["valid_loss"] for e in read_history(Shelf(tmp_path / name))] for name in ("plain", "swa"))
    assert plain[:-1] == mean[:-1]
    assert mean[-1] < 0.7 * np.mean(plain[5:]), f"{mean[-1]} {plain[5:]}"


def test_beside_snapshots_the_mean_is_a_member_of_its_own(contest: Contest, tmp_path: Path) -> None:
    phases = [{"cycles": 2, "swa": True, "snapshots": True}, {"epochs": 1, "train": "head", "lr": 1e-5}]
    learner, shelf = train(contest, recipe(phases=phases), tmp_path)
    assert (shelf.done or {})["members"] == ["snapshot-1", "snapshot-2", "swa-1", "final"]
    one, two, mean, final = (load_member(shelf, name) for name in (shelf.done or {})["members"])
    name = "conv1.0.weight"
    torch.testing.assert_close(mean[name], (one[name] + two[name]) / 2)
    assert torch.equal(mean[name], final[name]), "the next phase begins with the mean"
    frame = learner.predict("test", contest.test.index, {0: shelf})
    assert np.isfinite(frame[contest.outputs].to_numpy()).all() and "swa-1" in set(frame["member"])


@pytest.mark.parametrize(
    "when", [pytest.param(6, marks=pytest.mark.slow), 11, pytest.param(14, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("keys", [{"ema": 0.9}, {"swa": True}], ids=["ema", "swa"])
def test_an_average_survives_a_stop(
    contest: Contest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys: dict, when: int
) -> None:
    config = recipe(phases=[{"epochs": 3, "lr": 2e-3} | keys])
    wanted = results(contest, *train(contest, config, tmp_path / "straight"))
    with stopped_at_step(monkeypatch, when):
        train(contest, config, tmp_path / "stopped")
    assert results(contest, *train(contest, config, tmp_path / "stopped")) == wanted


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"epochs": 3, "swa": True, "ema": 0.9}, "swa: or ema:, not both"),
        ({"epochs": 1, "swa": True}, "two at least"),
        ({"cycles": 1, "swa": True}, "two at least"),
    ],
)
def test_averages_that_make_no_sense_are_refused(keys: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Phase.model_validate(keys)
