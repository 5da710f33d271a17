"""The training file: its settings, and what is rejected."""

from dataclasses import replace

import pytest
import torch

from DINSegmentLib.errors import InputError
from DINSegmentLib.model import catalogue, find_model
from DINSegmentLib.training.initial import load_initial
from DINSegmentLib.training.recipe import Recipe, read_config
from DINSegmentLib.training.train import Trainer


@pytest.fixture
def config(tmp_path):
    def write(text):
        path = tmp_path / "training.toml"
        path.write_text(text, encoding="utf-8")
        return read_config(path)

    return write


def test_entries_replace_the_defaults_and_the_others_stay(config):
    found = config(
        'model = "cardiac-mr"\ndata = "heart"\n[network]\nneighbours = 1\n'
        "[recipe]\nsteps = 7\nsizes = [64, 96]\nsize_shares = [1, 3]\nrate = 1\n[augmentation]\nmirror = false\n"
    )
    assert found.model == "cardiac-mr" and found.data.name == "heart" and found.data.is_absolute()
    assert found.network == {"neighbours": 1}
    assert (found.recipe.steps, found.recipe.sizes, found.recipe.size_shares) == (7, (64, 96), (1.0, 3.0))
    assert found.recipe.rate == 1.0 and found.recipe.batch == Recipe().batch
    assert not found.recipe.augmentation.mirror and found.recipe.gentle == Recipe().gentle


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("speed = 3", "unknown entry 'speed'"),
        ("[recipe]\nspeed = 3", "no setting 'speed'"),
        ("[recipe]\naugmentation = 3", "no setting 'augmentation'"),
        ('[recipe]\nbatch = "8"', "recipe.batch must be a whole number"),
        ("[recipe]\nbatch = 8.5", "recipe.batch must be a whole number"),
        ("[recipe]\ncompile = 1", "recipe.compile must be true or false"),
        ("[recipe]\nsizes = 64", "recipe.sizes must be a list"),
        ("[recipe]\nbatch = 1", "too small for batch norm"),
        ("[recipe]\nsteps = -1", "neither steps nor minutes"),
        ("[recipe]\nsizes = [65]\nsize_shares = [1]", "multiples of 32"),
        ("[recipe]\nsizes = [64]", "one entry each"),
        ("[recipe]\nbalance = 2", "outside"),
        ("[recipe]\nspacing = -1", "negative"),
        ("[recipe]\nspacing = nan", "not a number"),
        ('[recipe]\nsupervision = "none"', "neither scales nor combined"),
        ('[recipe]\nkeep = "first"', "neither best nor last"),
        ("[recipe]\nsplits = []", "names no split"),
        ('[recipe]\nsplits = ["train", "valid"]', 'set keep = "last"'),
        ("[partial]", "is empty"),
        ("[partial.labels]\nWall = []", "a list of whole numbers from 1 to 255"),
        ("[partial.labels]\nWall = [0]", "a list of whole numbers from 1 to 255"),
        ("[partial]\nshare = 1\n[partial.labels]\nWall = [2]", "between 0 and 1"),
        ("[partial]\nspeed = 1", "partial has no setting 'speed'"),
        ("recipe = 3", "recipe is not a table"),
        ("model = 3", "model is not text"),
        ("[recipe", "cannot be read"),
    ],
)
def test_a_wrong_entry_is_refused_with_its_name(config, text, wrong):
    with pytest.raises(InputError, match="training.toml") as found:
        config(text)
    assert wrong in str(found.value) and "\n" not in str(found.value).strip()


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_config(tmp_path / "none.toml")


@pytest.mark.parametrize("name", ["training.toml", "ablation.toml"])
def test_the_bundled_files_name_the_model_of_their_folder(name):
    found = 0
    for model in catalogue().values():
        if (model.folder / name).is_file():
            assert find_model(read_config(model.folder / name).model).id == model.id
            found += 1
    assert found == {"training.toml": len(catalogue()), "ablation.toml": 1}[name]


def test_partial_labels_name_structures_and_their_values(config):
    found = config('[partial]\ndata = "more"\nshare = 0.5\n[partial.labels]\nWall = [2, 3]').partial
    assert found.labels == {"Wall": (2, 3)} and found.share == 0.5 and found.data.name == "more"
    assert config("[partial]\n[partial.labels]\nWall = [2]").partial.data is None


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("cardiac-mr-neighbours.toml", 4000), ("abdomen-ct-context.toml", 4000), ("abdomen-ct-views.toml", 600),
        ("abdomen-ct-regularized.toml", 600), ("abdomen-ct-combined.toml", 600),
    ],
)  # fmt: skip
def test_a_plan_that_comes_with_the_program_can_be_trained(repository, name, steps):
    found = read_config(repository / "Resources" / "Recipes" / name)
    known = find_model(found.model)
    model = replace(known, network=replace(known.network, **found.network))
    assert found.recipe.steps == steps and found.recipe.batch == 16
    assert set(found.partial.labels if found.partial else ()) <= {label.name for label in model.labels}
    initial = "AbdomenCT" if model.modality == "CT" else "CardiacMR"
    network = Trainer(model, found.recipe, torch.device("cpu")).network
    missing = load_initial(network, repository / "Resources" / "Models" / initial / "weights.pt")
    assert all(name.startswith("decode.") for name in missing)
    first = network.encode_original.stem[0].weight
    assert first.shape[1] == model.network.channels and first[:, first.shape[1] // 2].any()
