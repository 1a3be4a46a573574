"""Names and texts of a bundle never reach generated C as they are."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from networks import Builder
from spikelet.graph import NAME, Graph
from spikelet.lowering.c import HostProgram, names
from spikelet.lowering.c.interface import library_source

ANY = st.text(st.characters(), max_size=60) | st.text(st.sampled_from('*/\\?"\n\r\u2028%{}#=<'), max_size=30)
VALID = st.from_regex(NAME, fullmatch=True)


@settings(max_examples=400, deadline=None)
@given(text=ANY)
def test_a_comment_ends_where_it_should(text):
    found = names.comment(text)
    assert re.fullmatch(r"[ -~]*", found)
    for odd in ("*/", "/*", "//", "\\", "??"):
        assert odd not in found
    assert f"/* {found}: x */".count("*/") == 1


@settings(max_examples=400, deadline=None)
@given(
    text=ANY.filter(
        lambda text: "\ud800" <= max(text, default="a") <= "\udfff" or not re.search("[\ud800-\udfff]", text)
    )
)
def test_a_string_is_its_bytes(text):
    if re.search("[\ud800-\udfff]", text):
        return  # half a character never gets as far: the reader refuses it
    found = names.string(text)
    assert re.fullmatch(r'"([^"\\\n%?]|\\[0-7]{3})*"', found)
    # read as a C compiler would
    pieces = re.findall(r"\\([0-7]{3})|(.)", found[1:-1])
    assert bytes(int(octal, 8) if octal else ord(char) for octal, char in pieces).decode() == text


@settings(max_examples=200, deadline=None)
@given(
    found=st.lists(
        VALID | st.sampled_from(["a.b", "a_b", "a..b", "A.B", "int", "main", "_", "...", "__FILE__"]), unique=True
    )
)
def test_identifiers_are_plain_and_all_different(found):
    made = names.identifiers(found)
    assert len({each.lower() for each in made.values()}) == len(found)
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", each) for each in made.values())


def renamed(graph, prefix):
    to = {name: f"{prefix}{index}" for index, name in enumerate(graph.nodes)}
    nodes = {to[name]: node for name, node in graph.nodes.items()}
    return Graph(nodes, tuple((to[a], to[b]) for a, b in graph.edges))


def stripped(source):
    return re.sub(r"/\*.*?\*/", "", source, flags=re.S)


def test_a_name_changes_identifiers_and_comments_alone():
    """The same network under other names: without comments, the same C but for the identifiers."""
    import numpy as np

    net = Builder((2, 5, 5), np.random.default_rng(0))
    net.conv("conv", 4)
    net.neuron("if1")
    graph = net.graph()
    plain, odd = (library_source(HostProgram(renamed(graph, prefix))) for prefix in ("n", "a..._.b"))
    assert "a..._.b" not in stripped(odd)
    assert stripped(plain) == re.sub(r"a_____b(\d)", r"n\1", stripped(odd))
