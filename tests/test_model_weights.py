"""Models by name with random or own weights: classes and channels are adapted, and what cannot work is told."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from huggingface_hub import constants
from safetensors.torch import save_file
from torch import nn

from outfold.errors import ConfigError
from outfold.training.device import cpu_has_bf16, pick_device, pick_precision
from outfold.training.models import ModelSpec, build_model, normalisation


def spec(name: str = "mobilenetv3_small_050", outputs: int = 5, channels: int = 3, **args: object) -> ModelSpec:
    return ModelSpec(name, outputs, channels, 32, args, "pipelines/cnn.yaml")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, torch.Tensor]]:
    """A small model of 7 classes, saved in both formats."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(1)
    state = timm.create_model("mobilenetv3_small_050", num_classes=7).state_dict()
    save_file(state, folder / "small.safetensors")
    torch.save(state, folder / "small.pth")
    return folder, state


@pytest.mark.parametrize("file", ["small.safetensors", "small.pth"])
def test_a_file_is_loaded_but_for_its_classifier(weights: tuple, file: str) -> None:
    folder, state = weights
    model = build_model(spec(outputs=5), file, folder)
    assert model.get_classifier().out_features == 5
    for name, value in model.state_dict().items():
        if "classifier" not in name:
            assert torch.equal(value, state[name]), name


def test_a_file_with_as_many_classes_keeps_its_classifier(weights: tuple) -> None:
    folder, state = weights
    model = build_model(spec(outputs=7), "small.safetensors", folder)
    assert torch.equal(model.get_classifier().weight, state["classifier.weight"])


def test_colour_weights_serve_grey_images(weights: tuple) -> None:
    folder, state = weights
    stem = build_model(spec(channels=1), "small.pth", folder).state_dict()["conv_stem.weight"]
    torch.testing.assert_close(stem, state["conv_stem.weight"].sum(dim=1, keepdim=True))


def test_a_pickle_that_would_run_code_is_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple:
            return (os.mkdir, (str(tmp_path / "pwned"),))

    torch.save({"a": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(ConfigError, match=r"evil\.pth is not a file of weights"):
        build_model(spec(), "evil.pth", tmp_path)
    assert not (tmp_path / "pwned").exists()


def test_a_file_of_another_model_is_refused(weights: tuple) -> None:
    folder, _ = weights
    with pytest.raises(ConfigError, match=r"small\.pth does not fit resnet10t"):
        build_model(spec("resnet10t"), "small.pth", folder)


def test_nonsense_is_not_a_file_of_weights(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(b"nonsense")
    with pytest.raises(ConfigError, match=r"cnn\.yaml(:\d+)?: weights: .*a\.safetensors is not a file of weights"):
        build_model(spec(), "a.safetensors", tmp_path)


def test_without_a_network_the_error_says_how_to_bring_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # a proxy where nobody listens: every download fails at once
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ConfigError) as told:
        build_model(spec("lcnet_050"), "pretrained", tmp_path)
    assert "weights: pretrained: the weights of lcnet_050 could not be downloaded" in str(told.value)
    assert "weights: path/to/it" in str(told.value)


@pytest.fixture
def cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """No name has an address, and the hub's cache is empty; the names that were asked for."""
    asked: list[str] = []

    def unknown(host: str, *args: object, **keys: object) -> None:
        asked.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return asked


def test_a_machine_without_internet_is_told_so_at_once(tmp_path: Path, cut_off: list[str]) -> None:
    with pytest.raises(ConfigError, match="their hub cannot be reached, and they were never fetched before"):
        build_model(spec("lcnet_050"), "pretrained", tmp_path)
    assert len(cut_off) == 1, "nobody knocks twice"
    assert not constants.HF_HUB_OFFLINE


def test_weights_that_were_fetched_before_need_no_internet(tmp_path: Path, cut_off: list[str]) -> None:
    torch.manual_seed(0)
    fetched = timm.create_model("lcnet_050")
    folder = tmp_path / "hub" / f"models--{timm.get_pretrained_cfg('lcnet_050').hf_hub_id.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("0" * 40)
    (folder / "snapshots" / ("0" * 40)).mkdir(parents=True)
    save_file(fetched.state_dict(), folder / "snapshots" / ("0" * 40) / "model.safetensors")
    model = build_model(spec("lcnet_050"), "pretrained", tmp_path)
    assert torch.equal(model.state_dict()["conv_stem.weight"], fetched.state_dict()["conv_stem.weight"])


def test_random_weights_come_from_torch_s_generator(tmp_path: Path) -> None:
    built = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        built.append(build_model(spec(), "none", tmp_path).state_dict()["conv_stem.weight"])
    assert torch.equal(built[0], built[1])
    assert not torch.equal(built[0], built[2])


def test_timm_s_own_arguments_are_passed_on(tmp_path: Path) -> None:
    model = build_model(spec("mobilenetv2_050", pad_type="same"), "none", tmp_path)
    assert any(type(layer).__name__ == "Conv2dSame" for layer in model.modules())


def test_a_transformer_with_a_fixed_input_is_built_for_the_pipeline_s_size(tmp_path: Path) -> None:
    model = build_model(spec("vit_tiny_patch16_224", channels=1), "none", tmp_path)
    assert model(torch.zeros(1, 1, 32, 32)).shape == (1, 5)


def test_normalisation_is_the_model_s_own_unless_given() -> None:
    with torch.device("meta"):
        own = timm.create_model("vit_tiny_patch16_224")
        imagenet = timm.create_model("resnet18")
    assert normalisation(own, 3, None, None) == ([0.5] * 3, [0.5] * 3)
    mean, std = normalisation(imagenet, 1, None, None)
    assert mean == pytest.approx([np.mean([0.485, 0.456, 0.406])]) and len(std) == 1
    assert normalisation(imagenet, 3, [0.5], [0.25, 0.5, 1.0]) == ([0.5] * 3, [0.25, 0.5, 1.0])


def test_auto_precision_on_a_cpu_is_bf16_only_where_it_is_in_hardware(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "new").write_text("flags : avx512f avx512_bf16")
    (tmp_path / "old").write_text("flags : avx2")
    assert cpu_has_bf16(tmp_path / "new") and not cpu_has_bf16(tmp_path / "old")
    assert not cpu_has_bf16(tmp_path / "nowhere")
    cpu = pick_device("cpu", "x")
    monkeypatch.setattr("outfold.training.device.cpu_has_bf16", lambda: True)
    assert pick_precision("auto", cpu, 32, "x").name == "bf16"
    assert pick_precision("auto", cpu, 31, "x").name == "fp32"  # see SAFE_BF16_PIXELS
    with pytest.raises(ConfigError, match="needs a size: of 32 or more; it is 16"):
        pick_precision("bf16", cpu, 16, "x")
    monkeypatch.setattr("outfold.training.device.cpu_has_bf16", lambda: False)
    assert pick_precision("auto", cpu, 224, "x").name == "fp32"


@pytest.mark.parametrize(("name", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_precision_is_that_of_the_forward_pass(name: str, dtype: torch.dtype) -> None:
    layer, precision = nn.Linear(4, 4), pick_precision(name, pick_device("cpu", "x"), 32, "x")
    with precision.autocast():
        assert layer(torch.zeros(1, 4)).dtype == dtype
    assert layer.weight.dtype == torch.float32


@pytest.mark.skipif("OUTFOLD_TEST_DATA" not in os.environ, reason="OUTFOLD_TEST_DATA is not set")
def test_real_imagenet_weights_tell_cats_from_dogs_by_their_head_alone() -> None:
    """ImageNet's classes 151 to 268 are dogs, 281 to 285 cats: whether the weights sit right needs no training."""
    from outfold.data.images.decode import decode, to_square

    data = Path(os.environ["OUTFOLD_TEST_DATA"])
    model = build_model(
        ModelSpec("mobilenetv2_100", 1000, 3, 160, {"pad_type": "same"}, "x"),
        "weights/mobilenetv2_100.safetensors",
        data,
    ).eval()
    right = []
    for kind, classes in (("dog", slice(151, 269)), ("cat", slice(281, 286))):
        paths = sorted((data / "dogs-vs-cats/train" / kind).iterdir())[:20]
        batch = np.stack([to_square(decode(path), 160, "crop") for path in paths])
        with torch.inference_mode():
            p = model((torch.from_numpy(batch).permute(0, 3, 1, 2) / 255 - 0.5) / 0.5).softmax(1)
        other = slice(281, 286) if kind == "dog" else slice(151, 269)
        right += (p[:, classes].sum(1) > p[:, other].sum(1)).tolist()
    assert np.mean(right) > 0.85
