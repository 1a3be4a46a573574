"""Names of exported files: distinct in every file system, and safe for any name of a table."""

import pytest

from spikelet.report.names import distinct
from spikelet_gui.models.export import DataTable, csv_files, safe_name, without_duplicates


def test_tables_of_equal_names_are_all_written(tmp_path):
    tables = [DataTable("a", ["n"], [[1]]), DataTable("A", ["n"], [[2]]), DataTable("a", ["n"], [[1]])]
    unique = without_duplicates([*tables, None, DataTable("empty", ["n"], [])])
    assert unique == tables[:2]
    files = csv_files(unique, tmp_path / "out.csv")
    assert {path.name: text for path, text in files.items()} == {"out-a.csv": "n\n1\n", "out-A-2.csv": "n\n2\n"}
    assert list(csv_files(unique[:1], tmp_path / "out.csv")) == [tmp_path / "out.csv"]


@pytest.mark.parametrize("names", [["a", "a", "a-2"], ["a", "A", "a"], ["x-2", "x", "x", "x-2"], [], ["", ""]])
def test_distinct_names_differ_in_every_file_system(names):
    result = distinct(names)
    assert len({name.casefold() for name in result}) == len(names)
    assert all(new.startswith(old) for old, new in zip(names, result, strict=True))


@pytest.mark.parametrize(
    "text", ["../../x", "/etc/passwd", "..", "", "a\\b", "C:x", ".hidden", "网络", "a\nb", "x" * 300]
)
def test_a_file_name_is_safe(text, tmp_path):
    name = safe_name(text)
    assert name
    assert not name.startswith(".")
    assert not set(name) & set('/\\:*?"<>|\n')
    (tmp_path / f"{name}.csv").write_text("")
    assert (tmp_path / f"{name}.csv").parent == tmp_path
