"""Statistics of a study, computed by hand: paired differences, Holm's correction, deviations."""

from pathlib import Path

import pytest

from spikelet_converters.study.config import read_study
from spikelet_converters.study.summary import Cell, holm, mean_over, paired, selection_steps, summarise
from spikelet_converters.study.summary_text import to_markdown

STUDY = """
reference = "qcfs"
[test]
time_steps = [1, 2, 4]
[grid]
seed = [1, 2, 3]
[common]
epochs = 1
validation_steps = [1, 2]
[method.qcfs]
[method.exact]
residual = "exact"
[method.srp]
of = "qcfs"
baseline = "srp"
tau = 2
"""


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


def result(method, seed, **accuracy):
    """Return the metrics of a run; accuracy by T, as T1=0.5."""
    options = {} if method == "srp" else {"validation_steps": [1, 2]}
    point = {"seed": seed, "model": "vgg9", "levels": 4}
    by_time = {key[1:]: value for key, value in accuracy.items()}
    source = {"noise_off": 0.9, "noise_on": 0.9}
    return {"method": method, "point": point, "options": options, "accuracy": by_time, "source": source}


def test_methods_are_tested_once_by_the_mean_over_the_time_steps_of_the_selection(tmp_path):
    """Means over T = 1, 2 differ by 1, 2, 3 points, as in the test by hand; T = 4 is not part of them."""
    path = Path(tmp_path) / "s.toml"
    path.write_text(STUDY)
    study = read_study(path, data=tmp_path)
    metrics = [result("qcfs", seed, T1=0.5, T2=0.6, T4=0.7) for seed in (1, 2, 3)]
    metrics += [result("exact", s, T1=0.5 + s / 100, T2=0.6 + s / 100, T4=0.1) for s in (1, 2, 3)]
    metrics += [result("srp", seed, T4=0.7 + seed / 100) for seed in (1, 2, 3)]
    qcfs, exact, srp = summarise(study, metrics)
    assert (qcfs.overall, srp.overall, exact.overall_steps) == (None, None, (1, 2))
    assert exact.overall.mean == pytest.approx(0.02)
    assert exact.overall.p == pytest.approx(0.0742, abs=1e-4)
    text = to_markdown(study, [qcfs, exact, srp])
    assert "| method | T=1 | T=2 | T=4 | mean of T=1, 2 |" in text
    assert (
        "by which the epochs of `qcfs` are selected: 1 test. After Holm's correction, p < 0.05 remains for: none."
        in text
    )
    assert next(line for line in text.splitlines() if line.startswith("| srp | – | – | +2.00")).endswith("| – |")


def test_without_a_common_selection_there_is_no_such_column():
    stated = [{"options": {"validation_steps": steps}} for steps in ([1, 2], [4], ["4x1"], None)]
    assert selection_steps(stated[:1]) == (1, 2)
    for runs in ([], stated[:2], stated[2:3], stated[3:], [{"options": {}}]):
        assert selection_steps(runs) == ()
    assert mean_over({1: Cell({1: 0.5})}, (1, 2)).values == {}
    assert mean_over({1: Cell({1: 0.5, 2: 0.6}), 2: Cell({1: 0.7})}, (1, 2)).values == {1: pytest.approx(0.6)}
