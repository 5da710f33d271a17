"""Initial weights: what is loaded, what is rejected, and that new heads do no harm."""

from dataclasses import replace

import pytest
import torch

from DINSegmentLib.errors import InputError
from DINSegmentLib.model import Model, find_model
from DINSegmentLib.network import DIN, stored
from DINSegmentLib.training.augmentation import Augmentation
from DINSegmentLib.training.initial import load_initial
from DINSegmentLib.training.recipe import Recipe
from DINSegmentLib.training.slices import Slices
from DINSegmentLib.training.train import Trainer

STILL = Augmentation(
    free_rotation=0, rotation=0, mirror=False, scale=(1.0, 1.0), aspect=0, shift=0, elastic=0, intensity=0, curves=0,
    structures=0,
)  # fmt: skip
RECIPE = Recipe(
    steps=200, batch=4, sizes=(64,), size_shares=(1.0,), canvas=64, rate=1e-2, ema=0.9, augmentation=STILL, gentle=STILL
)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def model(tiny_model) -> Model:
    return find_model(str(tiny_model))


@pytest.fixture(scope="module")
def slices() -> Slices:
    """Six slices with a bright square of label 3 in a gray one of label 1."""
    images, labels = torch.full((6, 64, 64), 0.1), torch.zeros(6, 64, 64, dtype=torch.uint8)
    images[:, 16:48, 16:48], labels[:, 16:48, 16:48] = 0.5, 1
    images[:, 24:40, 24:40], labels[:, 24:40, 24:40] = 0.9, 3
    return Slices(images.half(), labels, torch.arange(6)[:, None], torch.ones(6, 2), torch.full((6, 2), 64))


def batches(slices: Slices):
    return slices.batches(4, 0.3, torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def source(model) -> DIN:
    return Trainer(model, RECIPE, CPU).average


@pytest.fixture(scope="module")
def packed(model, source, tmp_path_factory):
    path = tmp_path_factory.mktemp("packed") / "weights.pt"
    save_packed(model, source, path)
    return path


def save_packed(model: Model, network: DIN, path) -> None:
    """Weights as a model folder has them: without the heads of the four scales."""
    like = DIN(replace(model.network, deep_supervision=False)).state_dict()
    torch.save({name: value for name, value in network.state_dict().items() if name in like}, path)


def loss_of(trainer: Trainer, slices: Slices) -> float:
    """Of the last scores alone, as inference sees them."""
    original, enhanced, truth = trainer._views(next(batches(slices)))
    with torch.inference_mode():
        return trainer.loss(trainer.network.eval()(original, enhanced), [], truth).item()


def test_a_warm_start_takes_what_fits_and_names_the_heads_that_do_not(model, source, packed):
    other = replace(model, network=replace(model.network, classes=9))
    network = Trainer(other, replace(RECIPE, seed=9), CPU).network
    missing = load_initial(network, packed)
    assert torch.equal(network.decode.draw[0].weight, source.decode.draw[0].weight)
    assert network.decode.head.weight.shape[0] == 9
    assert len(missing) == 10 and {"decode.head.weight", "decode.scale_heads.3.bias"} <= set(missing)


def test_weights_of_8_bits_are_taken_too(model, source, tmp_path):
    torch.save(stored(source.state_dict(), 8), tmp_path / "weights.pt")
    network = Trainer(model, replace(RECIPE, seed=9), CPU).network
    assert load_initial(network, tmp_path / "weights.pt") == []
    own = source.state_dict()
    for name, value in network.state_dict().items():
        assert (value - own[name]).abs().max() <= own[name].abs().max() / 200, name


def test_a_whole_checkpoint_lacks_no_head(model, source, tmp_path):
    torch.save(source.state_dict(), tmp_path / "best.pt")
    assert load_initial(Trainer(model, RECIPE, CPU).network, tmp_path / "best.pt") == []


def test_fitting_the_missing_heads_changes_nothing_else(model, packed, slices):
    trainer = Trainer(model, replace(RECIPE, seed=9), CPU)
    missing = load_initial(trainer.network, packed)
    before = {name: value.clone() for name, value in trainer.network.state_dict().items()}
    trainer.fit_heads(missing, batches(slices))
    changed = [name for name, value in trainer.network.state_dict().items() if not torch.equal(value, before[name])]
    assert sorted(changed) == sorted(missing)
    assert all(parameter.requires_grad for parameter in trainer.network.parameters())


@pytest.mark.slow
def test_fine_tuning_never_falls_below_its_start_by_more_than_noise(model, slices, tmp_path):
    trained, source, packed = Trainer(model, RECIPE, CPU), batches(slices), tmp_path / "weights.pt"
    for _ in range(RECIPE.steps):
        trained.train_step(source)
    save_packed(model, trained.average, packed)
    start = Trainer(model, replace(RECIPE, seed=9), CPU)
    load_initial(start.network, packed)
    before = loss_of(start, slices)

    def worst(fitted: bool) -> float:
        trainer = Trainer(model, replace(RECIPE, seed=9, rate=3e-3), CPU)
        missing, source = load_initial(trainer.network, packed), batches(slices)
        if fitted:
            trainer.fit_heads(missing, source)
        losses = []
        for _ in range(12):
            trainer.train_step(source)
            losses.append(loss_of(trainer, slices))
        return max(losses)

    assert worst(fitted=True) < 1.15 * before
    assert worst(fitted=False) > 1.3 * before  # as it was without: the fresh heads' gradients undo what was learned


def test_a_first_layer_for_neighbors_begins_with_the_scores_of_one_slice(model, source, packed):
    wider = replace(model, network=replace(model.network, neighbours=2))
    network = Trainer(wider, replace(RECIPE, seed=9), CPU).network.eval()
    load_initial(network, packed)
    seen = torch.rand(2, 5, 64, 64)
    middle = seen[:, 2:3]
    with torch.inference_mode():
        torch.testing.assert_close(network(seen, seen), source(middle, middle), atol=1e-4, rtol=1e-4)


def test_weights_of_another_architecture_are_no_warm_start(model, tmp_path):
    torch.save({"encoder.weight": torch.zeros(3)}, tmp_path / "other.pt")
    (tmp_path / "text.pt").write_text("no weights", encoding="utf-8")
    network = Trainer(model, RECIPE, CPU).network
    with pytest.raises(InputError, match="another architecture"):
        load_initial(network, tmp_path / "other.pt")
    for name in ("text.pt", "none.pt"):
        with pytest.raises(InputError, match="use a weights.pt or best.pt"):
            load_initial(network, tmp_path / name)
