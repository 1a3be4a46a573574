"""Statistics of a study, computed by hand: paired differences, Holm's correction, deviations."""

import pytest

from spikelet_converters.study.summary import Cell, holm, paired


def test_a_paired_t_test_by_hand():
    """d = 1, 2, 3: mean 2, sd 1, t = 2 sqrt(3) = 3.4641 with 2 degrees of freedom: p = 0.0742."""
    one, other = Cell({1: 11.0, 2: 12.0, 3: 13.0, 9: 50.0}), Cell({1: 10.0, 2: 10.0, 3: 10.0})
    difference = paired(one, other)
    assert difference.mean == pytest.approx(2)
    assert difference.p == pytest.approx(0.0742, abs=1e-4)
    assert (difference.low, difference.high) == pytest.approx((2 - 4.3027 / 3**0.5, 2 + 4.3027 / 3**0.5), abs=1e-3)


def test_without_spread_or_with_one_seed_nothing_is_tested():
    assert paired(Cell({1: 2.0, 2: 3.0}), Cell({1: 1.0, 2: 2.0})).p is None
    assert paired(Cell({1: 2.0}), Cell({1: 1.0})).p is None
    assert paired(Cell({1: 2.0}), Cell({2: 1.0})) is None


def test_holms_correction_by_hand():
    """Sorted: 0.01·4, 0.02·3, 0.03·2, 0.5·1, and never below the one before. Values without a test keep none."""
    assert holm([0.03, 0.01, None, 0.5, 0.02]) == pytest.approx([0.06, 0.04, None, 0.5, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_deviation_has_n_minus_1():
    assert Cell({1: 1.0, 2: 3.0}).sd == pytest.approx(2**0.5)
    assert Cell({1: 1.0}).sd is None
