"""The phantom data set: pairs on one grid, different hearts, reproducible by number."""

import tomllib

import numpy as np
import pytest
import SimpleITK as sitk

from DINSegmentLib.errors import InputError
from DINSegmentLib.phantom import dataset
from DINSegmentLib.phantom.__main__ import main

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hearts")
    dataset.write_dataset(folder, cases=3)
    return folder


def test_every_case_is_a_pair_on_one_grid_with_all_structures_and_in_one_split(folder):
    split = tomllib.loads((folder / "dataset.toml").read_text(encoding="utf-8"))["split"]
    names = [name for part in split.values() for name in part]
    assert sorted(names) == ["heart01", "heart02", "heart03"] and all(split.values())
    for name in names:
        image, label = (sitk.ReadImage(str(folder / part / f"{name}.nii.gz")) for part in ("images", "labels"))
        assert image.GetSize() == label.GetSize()
        for get in ("GetOrigin", "GetSpacing", "GetDirection"):
            np.testing.assert_allclose(getattr(image, get)(), getattr(label, get)(), atol=1e-4)
        assert set(np.unique(sitk.GetArrayViewFromImage(label))) == {0, 1, 2, 3}


def test_hearts_differ_and_a_number_gives_the_same_one_again(folder):
    images = [sitk.ReadImage(str(path)) for path in sorted((folder / "images").iterdir())]
    assert len({image.GetSpacing() for image in images}) == 3
    np.testing.assert_array_equal(dataset.case(2)[0], sitk.GetArrayFromImage(images[1]))


def test_the_training_file_is_one_that_the_product_reads(folder):
    values = tomllib.loads((folder / "training.toml").read_text(encoding="utf-8"))
    assert values["recipe"]["canvas"] >= max(max(image) for image in [dataset.case(1)[0].shape[1:]])


def test_an_existing_data_set_stays_and_too_few_cases_are_refused(folder, tmp_path, capsys):
    before = (folder / "dataset.toml").read_bytes()
    assert main(["--dataset", str(folder), "--cases", "3"]) == 2
    assert "already contains a data set" in capsys.readouterr().err
    assert (folder / "dataset.toml").read_bytes() == before
    with pytest.raises(InputError, match="too few"):
        dataset.write_dataset(tmp_path / "new", cases=2)
    assert not (tmp_path / "new").exists()
