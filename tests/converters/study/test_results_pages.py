"""The results pages of the documentation are those that their commands write."""

import shlex
from pathlib import Path

import pytest

from spikelet import cli

ROOT = Path(__file__).parents[3]
START = "Written by `spikelet study "
PAGES = [page for page in sorted((ROOT / "docs" / "results").glob("*.md")) if f"\n{START}" in page.read_text()]


@pytest.mark.parametrize(
    ("names", "title"),
    [
        (["vgg16-cifar10"], "vgg16 on CIFAR-10"),
        (["vgg16-cifar10", "resnet18-cifar10"], "CIFAR-10"),
        (["vgg16-cifar10", "vgg16-cifar100"], "2 studies"),
    ],
)
def test_a_page_is_titled_by_the_data_that_its_studies_have_in_common(names, title, tmp_path):
    files = [str(ROOT / "docs" / "studies" / f"{name}.toml") for name in names]
    assert cli.main(["study", *files, "--page", str(tmp_path / "page.md")]) == 0
    assert (tmp_path / "page.md").read_text().splitlines()[0] == f"# Results: {title}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_its_plots_and_tables_are_written_by_its_command(page, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    command = page.read_text().split(START)[1].split("`")[0]
    stated = f"docs/results/{page.name}"
    arguments = ["study", *(str(tmp_path / page.name) if word == stated else word for word in shlex.split(command))]
    assert cli.main(arguments) == 0
    written = (tmp_path / page.name).read_text()
    assert written.replace(f"--page {page.name}", f"--page {stated}") == page.read_text()
    names = sorted(file.name for file in page.with_suffix("").iterdir())
    assert names == sorted(file.name for file in (tmp_path / page.stem).iterdir())
    for name in names:
        assert (tmp_path / page.stem / name).read_bytes() == (page.with_suffix("") / name).read_bytes()
