"""Layer groups, differential learning rates, freezing: for the families that timm has."""

from __future__ import annotations

import itertools

import pytest
import timm
import torch
from torch import nn

from outfold.errors import ConfigError
from outfold.training.layer_groups import classifier_parameters, freeze, layer_groups, spread_lr
from outfold.training.models import HeadDropout
from outfold.training.optimizers import Rule, make_optimizer, set_rates

FAMILIES = {
    "resnet18": 3,
    "vgg11": 3,
    "densenet121": 3,
    "mobilenetv2_100": 9,
    "efficientnet_b0": 9,
    "convnext_atto": 6,
    "vit_tiny_patch16_224": 14,
    "resnext50_32x4d": 3,
    "mobilenetv3_small_050": 8,
    "mobilenetv3_rw": 9,
    "swin_tiny_patch4_window7_224": 6,
    "eva02_tiny_patch14_224": 14,
    "deit_tiny_distilled_patch16_224": 14,
}
SHARE = {"mobilenetv3_small_050": 0.55, "mobilenetv3_rw": 0.3}
"""What the head has of all weights at most, where timm counts the convolution after the pooling as part of it."""


@pytest.fixture(scope="module", params=FAMILIES)
def model(request: pytest.FixtureRequest) -> nn.Module:
    with torch.device("meta"):  # names and shapes are all that is asked
        return timm.create_model(request.param, num_classes=4)


def test_every_parameter_is_in_one_group(model: nn.Module) -> None:
    names = [name for group in layer_groups(model) for name in group]
    assert sorted(names) == sorted(name for name, _ in model.named_parameters())


def test_groups_are_disjoint_and_follow_the_network_from_its_stem_to_its_head(model: nn.Module) -> None:
    groups = layer_groups(model)
    names = [name for group in groups for name in group]
    assert len(set(names)) == len(names) and all(groups)
    place = {name: number for number, (name, _) in enumerate(model.named_parameters())}
    weights = [[place[name] for name in group if name.endswith(".weight")] for group in groups]
    assert [min(group) for group in weights] == sorted(min(group) for group in weights)
    assert all(max(lower) < max(upper) for lower, upper in itertools.pairwise(weights))


def test_training_the_head_trains_a_small_part_of_the_weights(model: nn.Module, request: pytest.FixtureRequest) -> None:
    sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}
    head = sum(sizes[name] for name in layer_groups(model)[-1])
    share = SHARE.get(request.node.callspec.params["model"], 0.01)
    assert head <= share * sum(sizes.values())


def test_the_classifier_is_in_the_last_group_and_the_stem_in_the_first(model: nn.Module) -> None:
    groups = layer_groups(model)
    assert classifier_parameters(model) <= set(groups[-1])
    assert model.pretrained_cfg["first_conv"] + ".weight" in groups[0]


@pytest.mark.parametrize(("name", "count"), FAMILIES.items())
def test_the_number_of_groups_of_each_family(name: str, count: int) -> None:
    with torch.device("meta"):
        assert len(layer_groups(timm.create_model(name))) == count


def test_resnets_have_the_three_groups_of_the_course() -> None:
    with torch.device("meta"):
        stem, middle, head = layer_groups(timm.create_model("resnext50_32x4d"))
    assert {name.split(".")[0] for name in stem} == {"conv1", "bn1", "layer1", "layer2"}
    assert {name.split(".")[0] for name in middle} == {"layer3", "layer4"}
    assert head == ["fc.weight", "fc.bias"]


@pytest.mark.parametrize("name", ["vgg11", "vgg16", "vgg16_bn", "vgg19"])
def test_the_head_of_a_vgg_is_its_classifier_and_not_the_hidden_layers_before_it(name: str) -> None:
    with torch.device("meta"):
        model = timm.create_model(name, num_classes=3)
    stem, middle, head = layer_groups(model)
    assert head == ["head.fc.weight", "head.fc.bias"]
    assert {one.split(".")[0] for one in stem} == {"features"}
    assert {"pre_logits.fc1.weight", "pre_logits.fc2.weight"} <= set(middle)
    sizes = {one: parameter.numel() for one, parameter in model.named_parameters()}
    assert sum(sizes[one] for one in head) == 12_291


def test_a_distilled_model_has_both_of_its_classifiers_in_the_head() -> None:
    with torch.device("meta"):
        groups = layer_groups(timm.create_model("deit_tiny_distilled_patch16_224"))
    assert sorted(groups[-1]) == ["head.bias", "head.weight", "head_dist.bias", "head_dist.weight"]


def test_learning_rates_spread_over_groups() -> None:
    assert spread_lr(0.1, None, 3, "x") == [0.1, 0.1, 0.1]
    assert spread_lr(0.1, 10, 3, "x") == pytest.approx([0.001, 0.01, 0.1])
    assert spread_lr([1e-4, 1e-2], None, 3, "x") == pytest.approx([1e-4, 1e-3, 1e-2])
    assert spread_lr([1e-4, 2e-4, 1e-2], None, 3, "x") == [1e-4, 2e-4, 1e-2]
    assert spread_lr([0.1], None, 4, "x") == [0.1] * 4


def test_a_list_of_the_wrong_length_says_how_many_groups_there_are() -> None:
    with pytest.raises(ConfigError, match=r"cnn\.yaml.*has 4 numbers; the model has 3 layer groups"):
        spread_lr([1e-4, 1e-3, 1e-2, 1e-1], None, 3, "cnn.yaml: phases[0]")


def _small() -> nn.Module:
    torch.manual_seed(0)
    return timm.create_model("resnet10t", num_classes=3)


def _moved(model: nn.Module, *, train: str | int, train_bn: bool) -> set[str]:
    """Names of all that changed (parameters, BatchNorm statistics) in one step."""
    groups = layer_groups(model)
    freezing = freeze(model, groups, train, train_bn=train_bn)  # type: ignore[arg-type]
    optimizer = make_optimizer(Rule("sgd"), model, groups, [0.1] * len(groups), 0.0, 0.9)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    freezing.train()
    model(torch.randn(4, 3, 32, 32)).square().sum().backward()
    optimizer.step()
    return {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}


def test_training_the_head_moves_nothing_else_not_even_batchnorm_statistics() -> None:
    assert _moved(_small(), train="head", train_bn=False) == {"fc.weight", "fc.bias"}


def test_with_train_bn_frozen_batchnorm_goes_on_learning() -> None:
    model = _small()
    norms = {n for n, m in model.named_modules() if isinstance(m, nn.BatchNorm2d)}
    moved = _moved(model, train="head", train_bn=True)
    assert {name for name in moved if name.endswith("running_mean")} == {f"{n}.running_mean" for n in norms}
    assert {name.rpartition(".")[0] for name in moved} == norms | {"fc"}


def test_the_last_two_groups_learn_and_the_first_stands_still() -> None:
    moved = _moved(_small(), train=2, train_bn=False)
    assert {name.split(".")[0] for name in moved} == {"layer3", "layer4", "fc"}


def test_all_layers_learn_again_after_they_were_frozen() -> None:
    model = _small()
    freeze(model, layer_groups(model), "head", train_bn=False)
    freeze(model, layer_groups(model), "all", train_bn=False)
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_more_groups_than_there_are_is_an_error() -> None:
    model = _small()
    with pytest.raises(ConfigError, match="train: 5; the model has 3 layer groups"):
        freeze(model, layer_groups(model), 5, train_bn=False)


def test_norms_and_biases_do_not_decay_and_each_group_has_its_rate() -> None:
    model = _small()
    groups = layer_groups(model)
    optimizer = make_optimizer(Rule("adamw"), model, groups, [0.1, 0.2, 0.3], 0.05, 0.9)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    for settings in optimizer.param_groups:
        for parameter in settings["params"]:
            assert settings["weight_decay"] == (0.05 if parameter.ndim > 1 else 0.0)
            number = next(i for i, group in enumerate(groups) if names[id(parameter)] in group)
            assert settings["peak_lr"] == [0.1, 0.2, 0.3][number]
    set_rates(optimizer, 0.5, 0.8, 0.01)
    assert {settings["lr"] for settings in optimizer.param_groups} == {0.05, 0.1, 0.15}
    assert {settings["betas"][0] for settings in optimizer.param_groups} == {0.8}
    for settings in optimizer.param_groups:
        assert {settings["weight_decay"]} == {0.01 if value.ndim > 1 else 0.0 for value in settings["params"]}


@pytest.mark.parametrize("name", ["resnet10t", "mobilenetv3_small_050", "convnext_atto"])
def test_dropout_before_the_classifier_acts_in_training_alone(name: str) -> None:
    model = timm.create_model(name, num_classes=3)
    images = torch.randn(2, 3, 64, 64)
    dropout = HeadDropout(model)
    model.eval()
    plain = model(images)
    dropout.rate = 0.9
    assert torch.equal(model(images), plain)
    classifier = model.get_classifier()
    seen: list[torch.Tensor] = []
    classifier.register_forward_hook(lambda layer, inputs, output: seen.append(inputs[0]))
    classifier.train()
    model(images)
    assert (seen[0] == 0).float().mean() > 0.5
