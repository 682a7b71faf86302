"""Array files: what is written is read, whole or by rows; what is no array file is refused in a sentence."""

import numpy as np
import pytest
from safetensors.numpy import save_file

from torchcell_assets.storage import arrays

GENES = [f"YAL{at:03d}C" for at in range(400)]
VALUES = np.random.default_rng(1).normal(size=(5, len(GENES))).astype(np.float32)
VALUES[3, 7] = np.nan


@pytest.fixture
def path(tmp_path):
    arrays.write(tmp_path / "expression.safetensors", VALUES, GENES)
    return tmp_path / "expression.safetensors"


def test_an_array_is_read_as_it_was_written(path):
    np.testing.assert_array_equal(arrays.read(path), VALUES)
    assert arrays.read(path).dtype == np.float32
    assert arrays.features(path) == GENES


@pytest.mark.parametrize("rows", [[], [0], [4, 1, 1], np.array([2, 0])])
def test_rows_are_read_in_the_order_in_which_they_are_asked_for(path, rows):
    np.testing.assert_array_equal(arrays.read(path, rows), VALUES[list(rows)])


@pytest.mark.parametrize("row", [-1, 5])
def test_a_row_that_is_not_there_is_refused(path, row):
    with pytest.raises(arrays.ArrayFileError, match="has the rows 0 to 4"):
        arrays.read(path, [0, row])


@pytest.mark.parametrize("names", [GENES[1:], GENES[1:] * 2, [*GENES[1:], GENES[1]]])
def test_an_array_has_a_name_for_each_column(tmp_path, names):
    with pytest.raises(arrays.ArrayFileError, match="does not have one column for each of 399 names"):
        arrays.write(tmp_path / "a.safetensors", VALUES, names)
    assert not (tmp_path / "a.safetensors").exists()


def test_what_is_no_array_file_is_refused(path, tmp_path):
    with pytest.raises(arrays.ArrayFileError, match="There is no array file"):
        arrays.read(tmp_path / "other.safetensors")
    save_file({"vectors": VALUES}, tmp_path / "other.safetensors")
    with pytest.raises(arrays.ArrayFileError, match="is a safetensors file and no array file"):
        arrays.read(tmp_path / "other.safetensors")
    path.write_bytes(path.read_bytes()[:-8])
    for reader in (arrays.read, arrays.features):
        with pytest.raises(arrays.ArrayFileError, match="is cut off or no array file"):
            reader(path)
