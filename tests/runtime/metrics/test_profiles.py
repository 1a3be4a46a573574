"""Hardware profiles: those of the package, and user files."""

import tomllib
from importlib import resources

import pytest

from spikelet.choices import profiles
from spikelet.errors import UsageError
from spikelet.metrics import builtin, load_profile
from spikelet.metrics.hardware import PublishedValue, find_profile

BUILTIN = builtin()


class TestBuiltin:
    def test_file_and_name_are_one(self):
        assert list(BUILTIN) == profiles()
        assert all(name == profile.name for name, profile in BUILTIN.items())

    @pytest.mark.parametrize("name", profiles())
    def test_every_number_has_a_source_and_an_order(self, name):
        profile = BUILTIN[name]
        assert profile.priced or profile.unpublished
        for operation, value in profile.sources():
            assert len(value.source) > 10, operation
            assert 0 < value.low <= value.high, operation

    def test_every_number_of_the_files_is_read(self):
        folder = resources.files("spikelet.metrics") / "profiles"
        for name in profiles():
            text = (folder / f"{name}.toml").read_text("utf-8")
            assert len(BUILTIN[name].sources()) == text.count("source = "), name
            assert tomllib.loads(text)["name"] == name

    @pytest.mark.parametrize(
        ("name", "operation", "low", "high"),
        [
            ("cmos45-fp32", "ac", 0.9, 0.9),
            ("cmos45-fp32", "mac", 4.6, 4.6),
            ("cmos45-int8", "ac", 0.03, 0.1),
            ("cmos45-int8", "int8_mac", 0.23, 0.3),
            ("loihi", "ac", 23.6, 27.1),
            ("loihi", "neuron_update", 81, 81),
            ("spinnaker", "ac", 45, 13_300),
            ("spinnaker2", "ac", 10, 450),
            ("truenorth", "ac", 2.5, 2.5),
            ("seneca", "ac", 2.8, 2.8),
            ("cpu", "ac", 8_600, 8_600),
            ("gpu", "ac", 300, 300),
            ("cortex-a", "ac", 900, 900),
        ],
    )
    def test_figures_in_picojoules(self, name, operation, low, high):
        figure = BUILTIN[name].figures[operation]
        assert (figure.low, figure.high) == pytest.approx((low, high))

    def test_memory_in_picojoules_per_bit(self):
        profile = BUILTIN["cmos45-int8"]
        assert (profile.dram.low, profile.dram.high) == pytest.approx((1300 / 64, 2600 / 64))
        assert [size for size, _ in profile.sram] == [2**13, 2**15, 2**20]
        assert (profile.buffer(2**13).low, profile.buffer(2**15).low, profile.buffer(2**20).low) == pytest.approx(
            (10 / 64, 20 / 64, 100 / 64)
        )
        assert profile.buffer(2**13 + 1) == profile.buffer(2**15)
        assert profile.buffer(2**30) == profile.buffer(2**20)

    @pytest.mark.parametrize("name", ["loihi2", "akida", "speck", "xylo"])
    def test_chips_without_a_figure_have_none(self, name):
        assert not BUILTIN[name].priced


GOOD = """
name = "mine"
title = "Mine"
[figures.ac]
value = 2
unit = "nJ"
source = "me, here, today"
"""


class TestProfileFiles:
    @pytest.fixture
    def path(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        return tmp_path / "my.toml"

    def test_a_good_one(self, path):
        path.write_text(GOOD)
        profile = find_profile(str(path))
        assert (profile.name, profile.counts, profile.memory) == ("mine", "events", "unstated")
        assert profile.figures == {"ac": PublishedValue(2000, 2000, "me, here, today")}

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            (
                'source = "me, here, today"',
                "",
                'my.toml: figures: ac: has no source; every number needs a citation (source = "who, where")',
            ),
            (
                "me, here, today",
                "  ",
                'my.toml: figures: ac: has no source; every number needs a citation (source = "who, where")',
            ),
            ("value = 2", "value = -2", "my.toml: figures: ac: value: expected a number of 0…1e+12, found -2"),
            ("value = 2", "low = 2\nhigh = -1", "my.toml: figures: ac: high: expected a number of 0…1e+12, found -1"),
            (
                "value = 2",
                "low = 2\nhigh = 1",
                "my.toml: figures: ac: low is 2 and high is 1; expected low to be the smaller",
            ),
            ("value = 2", "low = 2", "my.toml: figures: ac: high is missing"),
            ("value = 2", "value = inf", "my.toml: figures: ac: value: expected a number of 0…1e+12, found inf"),
            ("value = 2", "value = nan", "my.toml: figures: ac: value: expected a number of 0…1e+12, found nan"),
            ("value = 2", "value = 1e308", "my.toml: figures: ac: value: expected a number of 0…1e+12, found 1e+308"),
            (
                "value = 2",
                f"value = {10**400}",
                "my.toml: figures: ac: value: expected a number of 0…1e+12, found an integer of 1329 bits",
            ),
            (
                "value = 2",
                'value = 2\nwhat = "a\\u001b[2J"',
                "my.toml: figures: ac: what: contains U+001B; expected text without control characters",
            ),
            ("value = 2", "value = true", "my.toml: figures: ac: value: expected a number of 0…1e+12, found True"),
            ('"nJ"', '"cal"', "my.toml: figures: ac: unit: expected pJ or nJ or uJ, found 'cal'"),
            (
                "figures.ac",
                "figures.synop",
                "my.toml: figures: unknown key 'synop'; known: ac, mac, neuron_update, fp32_mac, int8_mac",
            ),
            ("figures.ac", "figures.mac", "my.toml: [figures.ac] is missing: the energy of one synaptic operation"),
            (
                '"mine"',
                '"../mine"',
                "my.toml: name: expected letters, digits, '.', '_' and '-', not digits alone, found '../mine'",
            ),
            (
                'title = "Mine"',
                'title = "Mine"\nmemory = "separate"',
                'my.toml: memory is "separate"; expected [dram] and [[sram]] with their figures',
            ),
            ('title = "Mine"', "", "my.toml: title is missing"),
            ('title = "Mine"', "title = 3", "my.toml: title: expected a string, found 3"),
            (
                'title = "Mine"',
                'title = "Mine"\ncounts = "all"',
                "my.toml: counts: expected events or connections, found 'all'",
            ),
            (
                'title = "Mine"',
                'title = "Mine"\nweight_bits = 0',
                "my.toml: weight_bits: expected a whole number of 1…1,024, found 0",
            ),
            ('title = "Mine"', 'title = "Mine"\nsram = 3', "my.toml: sram: expected [[sram]], found 3"),
            ('title = "Mine"', 'title = "Mine"\ndram = 3', "my.toml: dram: expected a table, found 3"),
            (
                GOOD,
                'name = "mine"\ntitle = "Mine"',
                'my.toml: has no [figures.ac]; a chip without one says unpublished = "what is not known"',
            ),
        ],
    )
    def test_refused(self, path, old, new, message):
        path.write_text(GOOD.replace(old, new))
        with pytest.raises(UsageError) as caught:
            load_profile(path.relative_to(path.parent))
        assert str(caught.value) == message

    def test_not_toml(self, path):
        path.write_text("name = ")
        with pytest.raises(UsageError, match="my.toml: not a TOML file"):
            load_profile(path)
        path.write_bytes(b"\xff\xfe")
        with pytest.raises(UsageError, match="my.toml: not a TOML file"):
            load_profile(path)
        with pytest.raises(UsageError, match="none.toml: cannot be read"):
            load_profile(path.parent / "none.toml")

    def test_neither_name_nor_file(self):
        with pytest.raises(UsageError, match="profile 'abacus': neither a file nor one of akida, cmos45-fp32"):
            find_profile("abacus")
