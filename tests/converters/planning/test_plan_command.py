"""The command `plan`: its table, its recommendation, and the commands that it prints."""

import json
import re

import numpy as np
import pytest

from comparators import bundle_of, comparator, images, leaky
from spikelet.bundle import write
from spikelet.data import arrays
from spikelet_converters.planning.commands import command_lines
from spikelet_converters.planning.settings import Setting

pytestmark = pytest.mark.usefixtures("nothing_compiled")


def test_command_lines():
    assert command_lines(Setting(1, 4, 1.5), "a.snnb", False, "half", ["DATA"]) == [
        "spikelet run a.snnb DATA --steps 4 --early-exit 1.5"
    ]
    assert command_lines(Setting(3, 2), "some folder/a b.snnb", True, "trained") == [
        "spikelet convert 'some folder/a b.snnb' --copies 3 --copies-start trained --steps 2 -o 'a b-x3.snnb'",
        "spikelet run 'a b-x3.snnb' --steps 2",
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plan")
    write(bundle_of(comparator()), folder / "small.snnb")
    data = images(90)
    arrays.write(folder / "data.npz", data)
    parts = {"valid": slice(0, 40), "test": slice(40, 90)}
    np.savez(
        folder / "splits.npz",
        **{f"x_{name}": data.images[part] for name, part in parts.items()},
        **{f"y_{name}": data.labels[part] for name, part in parts.items()},
    )
    write(bundle_of(comparator(leaky())), folder / "leaky.snnb")
    return folder


class TestCommand:
    def test_the_printed_commands_reach_the_accuracy_of_the_plan(self, call, folder):
        line = "plan small.snnb data.npz --max-steps 2.5 --max-neurons 6 --copies 1,2,3 --steps 4"
        facts = json.loads(call(f"{line} --json").out)
        text = call(line).out
        commands = facts["commands"]
        assert len(commands) == 2
        assert all(f"  {command}\n" in text for command in commands)
        call(commands[0].removeprefix("spikelet "))
        run = json.loads(call(f"{commands[1].removeprefix('spikelet ')} --json").out)
        assert run["accuracy"][-1] == facts["chosen"]["accuracy"]
        assert run["mean_exit_step"] == pytest.approx(facts["chosen"]["steps"])
        assert f"{facts['chosen']['accuracy']:.2%} ({facts['chosen']['low']:.2%}" in text
        assert "Recommended, with at most 2.5 time-steps and 6 neurons: k = " in text
        assert "chosen on data.npz, 90 images" in text or "chosen on random, 90 images" in text
        assert "--confirm DATA measures it on other images" in text
        assert facts["budget"] == {"steps": 2.5, "neurons": 6, "operations": None, "energy": None, "time": None}
        assert [point["front"] for point in facts["points"]].count(True) == len(facts["front"])

    def test_the_validation_split_chooses_and_test_images_are_named(self, call):
        line = "plan small.snnb splits.npz --copies 1,2 --steps 2 --no-early-exit"
        facts = json.loads(call(f"{line} --confirm splits.npz --json").out)
        assert (facts["chosen_on"]["data"], facts["chosen_on"]["images"]) == ("splits.npz valid", 40)
        assert not facts["test_images"]
        assert facts["confirmed"]["data"] == "splits.npz test"
        assert facts["commands"][-1].endswith("--split valid --steps 2")
        text = call(f"{line} --split test").out
        assert "chosen on splits.npz test, 50 images" in text
        assert "These are test images: choose on others" in text

    def test_options_of_data_may_describe_the_images_of_confirm(self, call, folder):
        images = np.random.default_rng(0).integers(0, 256, (3, 28, 28, 1)).astype(np.uint8)
        np.savez(folder / "own.npz", images=images, labels=np.arange(3))
        line = "plan vgg5-fashion-mnist --copies 1 --steps 1 --no-early-exit --count 3 --engine numpy --layout NHWC"
        assert json.loads(call(f"{line} --confirm own.npz --json").out)["confirmed"]["data"] == "own.npz"
        assert "--layout NHWC: describes images of your own" in call(line, code=2).err
        # --split never describes them: the images of --confirm are those of their test split
        assert "--split valid: describes images" in call(f"{line} --split valid --confirm own.npz", code=2).err

    def test_every_setting_is_listed_with_t_by_copies(self, call):
        line = "plan small.snnb data.npz --copies 1,3=1 --no-early-exit"
        text = call(f"{line} --steps 4 --all").out
        rows = [line.replace("→", " ").split()[:3] for line in text.splitlines() if line.endswith("%")][:5]
        assert [row[:2] for row in rows] == [["1", "1"], ["1", "2"], ["1", "3"], ["1", "4"], ["3", "1"]]
        facts = json.loads(call(f"{line} --json").out)
        assert [point["setting"]["steps"] for point in facts["points"]] == [*range(1, 9), 1]

    def test_a_budget_that_no_setting_meets(self, call):
        text = call("plan small.snnb data.npz --max-neurons 1 --copies 1 --steps 2", code=1).out
        assert "No setting is within the budget, at most 1 neuron. The least over all settings: 2 neurons." in text

    def test_the_least_cost_is_sufficient_as_a_budget(self, call):
        line = "plan small.snnb data.npz --copies 1 --steps 2 --profile loihi --max-energy"
        text = call(f"{line} 1e-9", code=1).out
        energy = re.search(r"The least over all settings: (\S+) µJ", text).group(1)
        assert len(energy.replace(".", "").lstrip("0")) <= 4
        assert "Recommended" in call(f"{line} {energy}").out

    def test_refusals_and_the_plot(self, call, folder):
        text = call("plan leaky.snnb data.npz --steps 2 --plot front.svg --profile loihi --time").out
        assert "Not possible: k = 2, k = 4, k = 8: if: LIF neurons leak" in text
        assert "Energy on loihi, upper bound. Energy is an estimate" in text
        assert (folder / "front.svg").read_text().startswith("<svg")
        assert "if: LIF neurons leak" in call("plan leaky.snnb data.npz --copies 2", code=1).err

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ("--max-neurons many", "expected a number such as 300k, 5M or 2e6, found 'many'"),
            ("--copies 1,x", "expected numbers of 1…255 such as 1,2,4 or 1=8,4=1, found '1,x'"),
            ("--copies 1,2=", "expected numbers of 1…255"),
            ("--copies 2=0", "expected numbers of 1…255"),
            ("--plot front.png", "front.png: expected a name that ends in .svg"),
            ("--tolerance 200", "--tolerance: expected 0…100 points of accuracy, found 200"),
            ("--max-energy 1", "a limit of energy needs a hardware profile: give --profile NAME"),
        ],
    )
    def test_invalid_calls_are_refused(self, call, options, message):
        assert message in call(f"plan small.snnb data.npz {options}", code=2).err
