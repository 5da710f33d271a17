"""Claims about ImageNet weights: checkpoints are written from the documented key names, neither package is imported."""

import pytest
import torch

from DINSegmentLib.network.convnext import Encoder
from DINSegmentLib.network.pretrained import load_imagenet

WIDTHS, DEPTHS = (8, 16, 24, 32), (1, 2, 3, 1)


def torchvision_state() -> dict[str, torch.Tensor]:
    """Random tensors under the keys of ``torchvision.models.convnext_*``."""
    shapes = {"features.0.0.weight": (WIDTHS[0], 3, 4, 4), "features.0.0.bias": (WIDTHS[0],)}
    shapes |= {f"features.0.1.{p}": (WIDTHS[0],) for p in ("weight", "bias")}
    for stage, (c, depth) in enumerate(zip(WIDTHS, DEPTHS, strict=True)):
        if stage:
            fine = WIDTHS[stage - 1]
            shapes |= {f"features.{2 * stage}.0.{p}": (fine,) for p in ("weight", "bias")}
            shapes |= {f"features.{2 * stage}.1.weight": (c, fine, 2, 2), f"features.{2 * stage}.1.bias": (c,)}
        for block in range(depth):
            name = f"features.{2 * stage + 1}.{block}"
            shapes |= {
                f"{name}.layer_scale": (c, 1, 1),
                f"{name}.block.0.weight": (c, 1, 7, 7),
                f"{name}.block.0.bias": (c,),
                f"{name}.block.2.weight": (c,),
                f"{name}.block.2.bias": (c,),
                f"{name}.block.3.weight": (4 * c, c),
                f"{name}.block.3.bias": (4 * c,),
                f"{name}.block.5.weight": (c, 4 * c),
                f"{name}.block.5.bias": (c,),
            }
    shapes |= {"classifier.0.weight": (32,), "classifier.0.bias": (32,)}
    shapes |= {"classifier.2.weight": (1000, 32), "classifier.2.bias": (1000,)}
    return random_tensors(shapes)


def timm_state() -> dict[str, torch.Tensor]:
    """Random tensors under the keys of timm's ``convnext_*``."""
    shapes = {"stem.0.weight": (WIDTHS[0], 3, 4, 4), "stem.0.bias": (WIDTHS[0],)}
    shapes |= {f"stem.1.{p}": (WIDTHS[0],) for p in ("weight", "bias")}
    for stage, (c, depth) in enumerate(zip(WIDTHS, DEPTHS, strict=True)):
        if stage:
            name, fine = f"stages.{stage}.downsample", WIDTHS[stage - 1]
            shapes |= {f"{name}.0.{p}": (fine,) for p in ("weight", "bias")}
            shapes |= {f"{name}.1.weight": (c, fine, 2, 2), f"{name}.1.bias": (c,)}
        for block in range(depth):
            name = f"stages.{stage}.blocks.{block}"
            shapes |= {
                f"{name}.gamma": (c,),
                f"{name}.conv_dw.weight": (c, 1, 7, 7),
                f"{name}.conv_dw.bias": (c,),
                f"{name}.norm.weight": (c,),
                f"{name}.norm.bias": (c,),
                f"{name}.mlp.fc1.weight": (4 * c, c),
                f"{name}.mlp.fc1.bias": (4 * c,),
                f"{name}.mlp.fc2.weight": (c, 4 * c),
                f"{name}.mlp.fc2.bias": (c,),
            }
    shapes |= {"head.norm.weight": (32,), "head.norm.bias": (32,)}
    shapes |= {"head.fc.weight": (1000, 32), "head.fc.bias": (1000,)}
    return random_tensors(shapes)


def random_tensors(shapes: dict[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


LAYOUTS = {"torchvision": (torchvision_state, "features.0.0.weight"), "timm": (timm_state, "stem.0.weight")}


@pytest.fixture(params=LAYOUTS)
def checkpoint(request) -> tuple[dict[str, torch.Tensor], str]:
    """A state dict, and the name of its first convolution."""
    make, stem = LAYOUTS[request.param]
    return make(), stem


def encoder(widths=WIDTHS, depths=DEPTHS, stem="patchify") -> Encoder:
    return Encoder(widths, depths, stem)


def save(state, path):
    torch.save(state, path)
    return path


def test_every_tensor_but_the_classifier_arrives_and_every_parameter_gets_one(tmp_path, checkpoint):
    state, stem = checkpoint
    loaded = encoder()
    load_imagenet(loaded, save(state, tmp_path / "imagenet.pt"))

    # tensors are random, so equal sums mean equal tensors; the sum over RGB does not change the stem's
    sent = sorted(v.double().sum().item() for k, v in state.items() if not k.startswith(("classifier.", "head.")))
    arrived = sorted(v.double().sum().item() for v in loaded.state_dict().values())
    assert arrived == pytest.approx(sent, abs=1e-5)


def test_the_output_is_that_of_convnext_written_out_by_hand(tmp_path):
    state = torchvision_state()
    loaded = encoder().eval()
    load_imagenet(loaded, save(state, tmp_path / "imagenet.pt"))
    image = torch.rand(2, 1, 64, 32)
    F = torch.nn.functional

    def norm(x, name):
        weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
        mean, variance = x.mean(1, keepdim=True), x.var(1, keepdim=True, unbiased=False)
        return (x - mean) / (variance + 1e-6).sqrt() * weight[:, None, None] + bias[:, None, None]

    def dense(x, name):
        return torch.einsum("oc,nchw->nohw", state[f"{name}.weight"], x) + state[f"{name}.bias"][:, None, None]

    rgb = ((image - 0.449) / 0.226).expand(-1, 3, -1, -1)
    x = norm(F.conv2d(rgb, state["features.0.0.weight"], state["features.0.0.bias"], stride=4), "features.0.1")
    for stage, depth in enumerate(DEPTHS):
        if stage:
            name = f"features.{2 * stage}"
            x = F.conv2d(norm(x, f"{name}.0"), state[f"{name}.1.weight"], state[f"{name}.1.bias"], stride=2)
        for block in range(depth):
            name = f"features.{2 * stage + 1}.{block}"
            kernel, bias = state[f"{name}.block.0.weight"], state[f"{name}.block.0.bias"]
            y = F.conv2d(x, kernel, bias, padding=3, groups=WIDTHS[stage])
            y = dense(F.gelu(dense(norm(y, f"{name}.block.2"), f"{name}.block.3")), f"{name}.block.5")
            x = x + state[f"{name}.layer_scale"] * y
        got = loaded(image)[1][stage].high
        assert (got - x).abs().max() < 1e-4 * x.abs().max()


def test_both_layouts_of_one_network_give_the_same_encoder(tmp_path):
    timm, torchvision = timm_state(), torchvision_state()
    assert len(timm) == len(torchvision)
    pairs = zip(timm.items(), torchvision.values(), strict=True)
    same = {name: value.reshape(ours.shape) for (name, ours), value in pairs}
    one, other = encoder(), encoder()
    load_imagenet(one, save(torchvision, tmp_path / "torchvision.pt"))
    load_imagenet(other, save(same, tmp_path / "timm.pt"))

    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


def test_a_grey_image_sees_the_kernels_summed_over_red_green_and_blue(tmp_path, checkpoint):
    state, stem = checkpoint
    loaded = encoder()
    load_imagenet(loaded, save(state, tmp_path / "imagenet.pt"))

    assert torch.equal(loaded.stem[0].weight[:, 0], state[stem][:, 0] + state[stem][:, 1] + state[stem][:, 2])


def change(state, stem):
    return {k: v for k, v in state.items() if k != stem}, encoder(), "other layers"


def unknown_block(state, stem):
    return state | {"stages.0.blocks.0.mlp.grn.weight": torch.ones(1)}, encoder(), "other layers"


def deeper(state, stem):
    return state, encoder(depths=(1, 2, 4, 1)), "other layers"


def wider(state, stem):
    return state, encoder(widths=(16, 16, 24, 32)), "another width"


def other_stem(state, stem):
    return state, encoder(stem="convolution"), "stem patchify"


def facebook(state, stem):
    return {"downsample_layers.0.0.weight": torch.ones(1), "norm.weight": torch.ones(1)}, encoder(), "neither torch"


def wrapped(state, stem):
    return {"epoch": 3, "model": state}, encoder(), "no plain state dict"


@pytest.mark.parametrize("case", [change, unknown_block, deeper, wider, other_stem, facebook, wrapped])
def test_a_checkpoint_that_does_not_fit_is_refused_in_words_and_changes_nothing(tmp_path, checkpoint, case):
    state, target, words = case(*checkpoint)
    before = {name: value.clone() for name, value in target.state_dict().items()}
    with pytest.raises(ValueError, match=words):
        load_imagenet(target, save(state, tmp_path / "imagenet.pt"))

    assert all(torch.equal(value, before[name]) for name, value in target.state_dict().items())


def test_a_file_that_holds_no_tensors_is_refused(tmp_path):
    text, empty = tmp_path / "text.pt", tmp_path / "empty.pt"
    text.write_text("not weights", encoding="utf-8")
    empty.write_bytes(b"")
    for path in (text, empty, tmp_path / "missing.pt", save({"a": object()}, tmp_path / "object.pt")):
        with pytest.raises(ValueError, match="cannot be read"):
            load_imagenet(encoder(), path)
