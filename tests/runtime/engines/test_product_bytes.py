"""Products of bytes of processors, by which the native engine selects the forms of layers."""

import platform

import pytest

from spikelet.engines.native import compiler


@pytest.mark.parametrize(
    ("machine", "features", "expected"),
    [
        ("x86_64", "flags : sse2 avx2", 32),
        ("x86_64", "flags : avx2 avx512bw avx512_vnni", 64),
        ("x86_64", "flags : avx2 avx_vnni", 32),
        ("x86_64", "flags : sse2", 0),
        ("aarch64", "Features : fp asimd asimddp", 16),
        ("aarch64", "Features : fp asimd", 0),
        ("arm64", "Darwin arm64", 16),
        ("AMD64", "Windows AMD64", 32),
        ("riscv64", "isa : rv64gc", 0),
    ],
)
def test_the_width_of_products_follows_the_processor(machine, features, expected, monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(compiler, "processor", lambda: features)
    assert compiler.product_bytes() == expected


def test_an_instruction_set_that_is_disabled_is_not_used(monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(compiler, "processor", lambda: "flags : avx2 avx512_vnni")
    monkeypatch.setenv("SPIKELET_CFLAGS", "-O0 -mno-avx512vnni")
    assert compiler.product_bytes() == 32
    monkeypatch.setenv("SPIKELET_CFLAGS", "-mno-avx512vnni -mno-avx2")
    assert compiler.product_bytes() == 0
