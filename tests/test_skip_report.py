"""The report of skipped tests names what brings them back."""

import pytest

from skip_report import lines, remedy


@pytest.mark.parametrize(
    ("reason", "short", "action"),
    [
        ("could not import 'brevitas': No module named 'brevitas'", "brevitas is not installed", "make peers"),
        ("Skipped: arduino-builder, arduino-core-avr or simavr is not installed",
         "arduino-builder, arduino-core-avr or simavr not installed", "install arduino-builder, arduino-core-avr or simavr"),
        ("aarch64-linux-gnu-gcc is not installed", "aarch64-linux-gnu-gcc not installed", "install aarch64-linux-gnu-gcc"),
        ("clang is not installed", "no clang", "install clang and lld"),
        ("needs valgrind", "valgrind not installed", "install valgrind"),
        ("needs a processor with AVX2", "the processor lacks AVX2", "run on an x86-64 processor with AVX2"),
        ("compiled, but not run: this processor lacks __AVXVNNI__",
         "the processor lacks AVX-512 or VNNI", "run on processors with AVX-512 VNNI and AVX-VNNI"),
    ],
)  # fmt: skip
def test_a_reason_has_a_remedy(reason, short, action):
    assert remedy(reason) == (short, action)


def test_equal_reasons_are_counted_together():
    reasons = ["needs valgrind", "Skipped: needs valgrind", "an unknown reason"]
    assert lines(reasons) == [
        "   2  valgrind not installed; to run: install valgrind",
        "   1  an unknown reason; to run: no remedy is known",
    ]
