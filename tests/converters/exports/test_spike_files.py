"""Recorded spikes in three kinds of file."""

import nir
import numpy as np
import pytest

from counts.calls import peak_bytes
from hostile.names import NAMES
from spikelet.errors import UsageError
from spikelet_converters.exports import recording


def test_spikes_in_three_files_are_the_same(tmp_path):
    rng = np.random.default_rng(0)
    spikes = {"if1": rng.random((4, 2, 3, 2, 2)) < 0.3, "if2": rng.random((4, 2, 5)) < 0.3}
    for suffix in recording.SUFFIXES:
        recording.write(tmp_path / f"a{suffix}", spikes, 1e-3)
    arrays = np.load(tmp_path / "a.npz")
    data = nir.read_data(tmp_path / "a.nir")
    lines = [line.split(",") for line in (tmp_path / "a.csv").read_text().splitlines()]
    assert lines[0] == ["image", "step", "layer", "neuron"]
    for name, value in spikes.items():
        assert np.array_equal(arrays[name], value)
        flat = value.reshape(4, 2, -1)
        observed = data.nodes[name].observables["spikes"]
        assert np.array_equal(observed.data, flat.swapaxes(0, 1))
        assert observed.dt == 1e-3
        listed = np.zeros_like(flat)
        for image, step, layer, neuron in lines[1:]:
            if layer == name:
                listed[int(step) - 1, int(image), int(neuron)] = True
        assert np.array_equal(listed, flat)
    with pytest.raises(UsageError, match="expected a name that ends in .csv, .npz, .nir"):
        recording.write(tmp_path / "a.txt", spikes, 1e-3)


def test_layers_may_have_any_valid_name(tmp_path):
    """`file` is an argument of numpy.savez, and names of NIR may contain dots."""
    rng = np.random.default_rng(0)
    spikes = {name: rng.random((2, 1, 3)) < 0.5 for name in NAMES}
    for suffix in recording.SUFFIXES:
        recording.write(tmp_path / f"a{suffix}", spikes, 1e-3)
    arrays, data = np.load(tmp_path / "a.npz"), nir.read_data(tmp_path / "a.nir")
    lines = [line.split(",") for line in (tmp_path / "a.csv").read_text().splitlines()[1:]]
    assert set(arrays) == set(data.nodes) == set(NAMES)
    for name, value in spikes.items():
        assert np.array_equal(arrays[name], value)
        assert np.array_equal(data.nodes[name].observables["spikes"].data, value.swapaxes(0, 1))
        assert sum(layer == name for _, _, layer, _ in lines) == value.sum()


@pytest.mark.parametrize("suffix", [".csv", ".npz"])
def test_the_text_of_all_spikes_is_never_in_memory(suffix, tmp_path):
    """A spike takes a byte here, and 20 characters in CSV."""
    spikes = {"if1": np.ones((30, 4, 1_000), np.bool_)}
    used = peak_bytes(lambda: recording.write(tmp_path / f"a{suffix}", spikes, 1e-3))
    assert used < 8 * spikes["if1"].size
