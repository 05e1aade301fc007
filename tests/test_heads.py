"""Heads of our own: what they pool, how they drop out, and that groups, snapshots and phases know them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from conftest import outfold
from image_contest import digits_contest
from pydantic import ValidationError
from test_training import recipe, train
from torch import nn

from outfold.contest import Contest
from outfold.errors import ConfigError
from outfold.training.checkpoint import load_member
from outfold.training.heads import ConcatPool, PoolHead, PyramidPool, map_warning
from outfold.training.layer_groups import classifiers, layer_groups
from outfold.training.models import HeadDropout, ModelSpec, build_model
from outfold.training.recipe import plan_phases

pytestmark = pytest.mark.usefixtures("one_thread")


def built(name: str, head: str, **args: object) -> nn.Module:
    return build_model(ModelSpec(name, 4, 3, 64, args, "pipelines/cnn.yaml", head), "none", Path())  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def contest(tmp_path_factory: pytest.TempPathFactory) -> Contest:
    return digits_contest(tmp_path_factory.mktemp("digits"), train=200, test=20)


def test_concat_pool_is_the_maximum_and_the_mean_of_each_channel() -> None:
    features = torch.tensor([[[[1.0, 2.0], [3.0, 6.0]], [[-1.0, -1.0], [-1.0, -5.0]]]])
    assert ConcatPool()(features).tolist() == [[6.0, -1.0, 3.0, -2.0]]


def test_a_pyramid_knows_where_and_a_plain_pooling_does_not() -> None:
    left, right = torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 8, 8)
    left[0, 0, 0, 0] = right[0, 0, 7, 7] = 1
    assert torch.equal(ConcatPool()(left), ConcatPool()(right))
    told = PyramidPool()(left)[0], PyramidPool()(right)[0]
    assert told[0].tolist()[:5] == [1, 1, 0, 0, 0] and told[1].tolist()[:5] == [1, 0, 0, 0, 1]
    assert told[0].shape == (21,)


@pytest.mark.parametrize("head", ["concat_pool", "spp"])
@pytest.mark.parametrize(
    "name",
    [
        "resnet18",
        "mobilenetv3_small_050",
        pytest.param("densenet121", marks=pytest.mark.slow),
        pytest.param("convnext_atto", marks=pytest.mark.slow),
    ],
)
def test_the_head_takes_the_classifier_s_place_and_is_the_last_layer_group(name: str, head: str) -> None:
    with torch.no_grad():
        model = built(name, head).eval()
        # whatever the size of the images
        assert model(torch.zeros(2, 3, 64, 64)).shape == model(torch.zeros(2, 3, 96, 64)).shape == (2, 4)
    (found,) = classifiers(model)
    assert isinstance(found, PoolHead)
    own = {id(parameter) for parameter in found.parameters()}
    assert own == {id(p) for n, p in model.named_parameters() if n in layer_groups(model)[-1]} & own
    groups = layer_groups(model)
    assert len(groups) == len(layer_groups(built(name, "timm")))
    assert not any(id(p) in own for n, p in model.named_parameters() for group in groups[:-1] if n in group)


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "deit_tiny_distilled_patch16_224"])
def test_a_model_without_a_feature_map_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"cnn\.yaml: head: concat_pool needs a feature map"):
        built(name, "concat_pool")


def test_dropout_is_halved_before_the_hidden_layer() -> None:
    head = PoolHead(ConcatPool(), 2000, 4).train()
    with torch.no_grad():
        head.hidden.weight.zero_(), head.hidden.bias.fill_(1)  # every hidden value is 1 before norm2
    shares: dict[str, float] = {}

    def note(name: str) -> object:
        return lambda layer, inputs: shares.update({name: float((inputs[0] == 0).float().mean())})

    head.hidden.register_forward_pre_hook(note("hidden"))  # type: ignore[arg-type]
    head.output.register_forward_pre_hook(note("output"))  # type: ignore[arg-type]
    head.norm2 = nn.Identity()  # type: ignore[assignment]
    features = torch.randn(32, 2000, 2, 2, generator=torch.manual_seed(0))
    for rate in (0.6, 0.0):
        head.rate = rate
        head(features)
        assert shares["hidden"] == pytest.approx(rate / 2, abs=0.01)
        assert shares["output"] == pytest.approx(rate, abs=0.02)


def test_a_phase_sets_the_head_s_dropout_and_ps_is_what_holds_otherwise() -> None:
    phases = [{"epochs": 1}, {"epochs": 1, "dropout": 0.3}]
    plans = plan_phases(recipe(head="spp", ps=0.8, dropout=0, phases=phases), 100, "x")
    assert [plan.dropout for plan in plans] == [0.8, 0.3]
    assert plan_phases(recipe(head="spp", dropout=0), 100, "x")[0].dropout == 0.5
    model = built("resnet18", "spp")
    dropout = HeadDropout(model)
    dropout.rate = 0.3
    with torch.no_grad():
        model.eval()(torch.zeros(1, 3, 64, 64))
    assert classifiers(model)[0].rate == 0.3


@pytest.mark.parametrize("keys", [{"ps": 0.5}, {"head": "spp", "dropout": 0.2}])
def test_two_names_for_the_same_dropout_are_refused(keys: dict) -> None:
    with pytest.raises(ValidationError, match="ps:"):
        recipe(**{"dropout": 0, **keys})


@pytest.mark.parametrize("head", ["concat_pool", "spp"])
def test_a_head_learns_alone_and_its_snapshots_are_predicted_with_it(
    contest: Contest, tmp_path: Path, head: str
) -> None:
    phases = [{"epochs": 6, "lr": 4e-3, "snapshots": True}, {"epochs": 1, "lr": 1e-3, "train": "head"}]
    config = recipe(head=head, ps=0.2, dropout=0, phases=phases, batch_size=16, size=32)
    learner, shelf = train(contest, config, tmp_path)
    first, last = load_member(shelf, "snapshot-1"), load_member(shelf, "final")
    changed = {name for name in first if not torch.equal(first[name], last[name])}
    assert {name.split(".")[0] for name in changed} == {"fc"}
    oof = learner.predict("train", contest.train.index[160:], {0: shelf}).query("member == 'final'").set_index("id")
    right = oof[contest.outputs].to_numpy().argmax(axis=1) == contest.truth(oof.index)
    assert right.mean() > 0.7


SMALL_VGG = {"mlp_ratio": 0.01}
FAMILIES: dict[str, dict[str, object]] = {
    "vgg11": SMALL_VGG,
    "vgg11_bn": SMALL_VGG,
    "resnet18": {},
    "resnext50_32x4d": {},
    "densenet121": {},
    "mobilenetv3_small_050": {},
    "efficientnet_b0": {},
    "convnext_atto": {},
}


@pytest.mark.parametrize("head", ["concat_pool", "spp"])
@pytest.mark.parametrize("name", FAMILIES)
def test_the_head_pools_a_map_of_more_than_one_point(name: str, head: str) -> None:
    model = built(name, head, **FAMILIES[name]).eval()
    (found,) = classifiers(model)
    assert isinstance(found, PoolHead)
    seen: list[torch.Size] = []
    found.pool.register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0].shape))
    with torch.no_grad():
        assert model(torch.zeros(1, 3, 128, 160)).shape == (1, 4)
    assert seen[0][2:] == (4, 5)
    assert map_warning(model, 3, [(128, 160), (128, 128)]) is None
    own = {id(parameter) for parameter in found.parameters()}
    assert own <= {id(dict(model.named_parameters())[one]) for one in layer_groups(model)[-1]}


@pytest.mark.parametrize("head", ["concat_pool", "spp"])
def test_a_vgg_with_a_head_of_ours_is_a_convolutional_body_and_that_head(head: str) -> None:
    model = built("vgg11", head, **SMALL_VGG)
    assert {name.split(".")[0] for name, _ in model.named_parameters()} == {"features", "head"}
    stem, middle, last = layer_groups(model)
    assert all(name.startswith("features.") for name in [*stem, *middle])
    (found,) = classifiers(model)
    assert len(last) == len(list(found.parameters()))


@pytest.mark.parametrize(
    ("head", "size", "told"),
    [
        ("concat_pool", 32, "concat_pool pools a feature map of 1 x 1, from images of 32 x 32 pixels; it needs 2 x 2"),
        ("spp", 64, "spp pools a feature map of 2 x 2, from images of 64 x 64 pixels; it needs 4 x 4 or more"),
        ("concat_pool", 64, None),
        ("timm", 32, None),
    ],
)
def test_a_map_too_small_to_be_pooled_is_warned_of(head: str, size: int, told: str | None) -> None:
    warning = map_warning(built("resnet18", head), 3, [(size, size), (256, 256)])
    assert (warning is None) == (told is None)
    assert told is None or (warning is not None and told in warning)


def test_check_warns_of_such_a_map(tmp_path: Path) -> None:
    digits_contest(tmp_path, train=40, test=4)
    recipe = (
        "learner: image\nmodel: resnet18\nweights: none\nhead: concat_pool\nsize: 32\nphases: [{epochs: 1, lr: 0.1}]\n"
    )
    (tmp_path / "pipelines/cnn.yaml").write_text(recipe)
    done = outfold(tmp_path, "check")
    assert "warning: " in done.stderr + done.stdout
    assert "head: concat_pool pools a feature map of 1 x 1" in " ".join((done.stdout + done.stderr).split())
