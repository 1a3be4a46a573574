"""Published figures of other work on the results page, with their sources, separate from our results."""

from pathlib import Path

import pytest

from spikelet import cli
from spikelet.errors import UsageError
from spikelet_converters.study.published import published_section

SHIPPED = Path(__file__).parents[3] / "docs" / "results" / "published-cifar10.toml"
STUDY = Path(__file__).parents[3] / "docs" / "studies" / "paper-cifar10.toml"


def test_the_page_ends_with_them(tmp_path):
    assert cli.main(["study", str(STUDY), "--page", str(tmp_path / "page.md"), "--others", str(SHIPPED)]) == 0
    page = (tmp_path / "page.md").read_text()
    assert page.index("## The paper's recipe") < page.index("## Published results of other work")
    assert (
        "| ResNet-20 | Huang et al. (Gaussian residual) | 85.18 | 65.99 | 77.30 | 84.54 | 87.43 | 88.26 | – |" in page
    )
    assert "\n* Selection: " in page


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('source = "Bu', 'sauce = "Bu', r"figure 4 \(QCFS\) has no source"),
        ("differences = [", "others = [", "expected .* `differences`"),
        ("[[figure]]", "[figure", "published.toml: not a TOML file"),
    ],
)
def test_a_figure_without_source_is_refused(tmp_path, before, after, message):
    path = tmp_path / "published.toml"
    path.write_text(SHIPPED.read_text("utf-8").replace(before, after, 1), "utf-8")
    with pytest.raises(UsageError, match=message):
        published_section(path)
