"""Code of the user: FILE.py:NAME."""

import sys

import pytest
from torch import nn

from spikelet_converters.frontends.torch.python_file import factory

NETWORK = """
from dataclasses import dataclass

from torch import nn

from blocks import width
from parts.layers import depth

@dataclass
class Sizes:
    width: "int" = width

def network():
    from late import classes

    return nn.Sequential(*[nn.Linear(Sizes().width, Sizes().width) for _ in range(depth)], nn.Linear(width, classes))
"""


@pytest.fixture
def folders(tmp_path):
    """Return two folders with the same file, beside which there are modules and a package of equal names."""
    folders = [tmp_path / "a", tmp_path / "b"]
    for number, folder in enumerate(folders, start=1):
        (folder / "parts").mkdir(parents=True)
        (folder / "net.py").write_text(NETWORK)
        (folder / "blocks.py").write_text(f"width = {number}")
        (folder / "parts" / "layers.py").write_text(f"depth = {number}")
        (folder / "late.py").write_text(f"classes = {number}")
    yield folders
    for name in ("blocks", "parts", "parts.layers", "late"):
        sys.modules.pop(name, None)


def sizes(network):
    """Return the widths of its linear layers."""
    return [layer.out_features for layer in network.modules() if isinstance(layer, nn.Linear)]


def test_each_file_imports_the_files_beside_it(folders):
    """Also those that it imports when the network is made, after the code of another folder has run."""
    first, second = (factory(f"{folder / 'net.py'}:network") for folder in folders)
    assert sizes(second()) == [2, 2, 2]
    assert sizes(first()) == [1, 1]
    assert sizes(second()) == [2, 2, 2]
    kept = sys.modules["blocks"]
    assert kept.width == 2, "the last code that has run can still find its modules"


def test_the_files_beside_a_link_are_those_of_its_folder(tmp_path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "net.py").write_text(
        "from torch import nn\nfrom beside_link import width\nnetwork = nn.Linear(width, 2)\n"
    )
    (tmp_path / "beside_link.py").write_text("width = 3\n")
    (tmp_path / "net.py").symlink_to(tmp_path / "code" / "net.py")
    assert factory(f"{tmp_path / 'net.py'}:network")().in_features == 3


def test_modules_of_others_stay(folders):
    before = {name for name in sys.modules if name.startswith(("torch", "numpy", "spikelet"))}
    for folder in folders:
        factory(f"{folder / 'net.py'}:network")()
    assert before <= set(sys.modules)


def test_a_file_that_was_changed_within_a_second_is_read_again(tmp_path):
    """Python's cache of bytecode compares whole seconds and the size."""
    file = tmp_path / "net.py"
    for features in (3, 4, 5):
        file.write_text(f"from torch import nn\nnetwork = nn.Linear(2, {features})")
        assert factory(f"{file}:network")().out_features == features
    assert not (tmp_path / "__pycache__").exists()


def test_code_may_change_the_path_of_its_imports(tmp_path):
    (tmp_path / "net.py").write_text("import sys\nfrom torch import nn\ndel sys.path[0]\nnetwork = nn.Linear(2, 3)")
    paths = list(sys.path)
    assert factory(f"{tmp_path / 'net.py'}:network")().out_features == 3
    assert sys.path == paths
