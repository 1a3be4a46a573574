"""Test splits of a study: a network is tested once, and data without a test split are refused."""

import numpy as np
import pytest

from spikelet.data import read
from spikelet.errors import DataError, SpikeletError
from spikelet_converters.study.protocol import SealedTest
from studies import write_study


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("protocol")
    write_study(folder)
    return folder


def test_another_network_under_the_same_name_is_not_tested(folder, tmp_path):
    sealed = SealedTest(folder / "data", tmp_path)
    (tmp_path / "a").mkdir()
    assert len(sealed.open("a", "w1", "")) == 60
    assert len(sealed.open("a", "w1", "")) == 60, "an interrupted measurement may be repeated"
    with pytest.raises(SpikeletError, match="a: its test images were used on .* a network is tested once"):
        sealed.open("a", "w2", "")
    (tmp_path / "a" / "metrics.json").write_text("{}")
    with pytest.raises(SpikeletError, match="tested once"):
        sealed.open("a", "w1", "")
    assert len(sealed.open("b", "w2", "")) == 60


def test_data_without_a_test_split(folder, tmp_path):
    train = read(folder / "data", "train")
    np.savez(tmp_path / "all.npz", images=train.images, labels=train.labels)
    data = read(tmp_path / "all.npz", "train")
    with pytest.raises(DataError, match="has no test split"):
        SealedTest(tmp_path / "all.npz", tmp_path).open("a", "w", data.digest)
