"""Names of nodes that collide with roles, fields, suffixes and separators of names in other formats."""

from spikelet.graph import Graph

_WORDS = """
    x s v n v_next v_in fired drop bias weight theta mean input logits output
    x.bias x.weight weight.f32 x.weight.f32 bias.f32 a.f32 a a. a.. a.b a_b _ __ _.
    x.1 x.2 x.x s.x v.x v_next.x x.mean x.scale x.v x.reset x.sum spikes spikes.x
    file arr_0 labels f32 constant constant.0 n0 n1 N rows step.onnx self args
    CON nul type nodes edges metadata version int main __init__
"""
NAMES = [*_WORDS.split(), "A" * 64, "A" * 63, "A." * 32]


def renamed(graph, names):
    """Return a network whose nodes are renamed in their order."""
    new = dict(zip(graph.nodes, names, strict=False))
    assert len(new) == len(graph.nodes)
    return Graph(
        {new[name]: node for name, node in graph.nodes.items()}, tuple((new[a], new[b]) for a, b in graph.edges)
    )
