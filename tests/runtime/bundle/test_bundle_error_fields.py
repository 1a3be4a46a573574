"""Every error about a bundle names the invalid member in an attribute, whatever its text is."""

import pytest

from bundle_changes import MEMBERS, repacked, with_manifest
from hostile.mutations import Mutator
from spikelet.bundle import archive, decode, read
from spikelet.errors import BundleError


def refusal(content):
    with pytest.raises(BundleError) as caught:
        decode(content)
    return caught.value


@pytest.mark.parametrize("member", MEMBERS)
def test_a_changed_byte(path, member):
    content = bytearray(path.read_bytes())
    view = archive.unpack(path.read_bytes())[member]
    content[bytes(content).index(bytes(view)) + len(view) // 2] ^= 1
    error = refusal(bytes(content))
    assert (error.member, error.where, error.reason) == (member, member, "its bytes were changed (checksum differs)")


@pytest.mark.parametrize("member", MEMBERS)
def test_a_missing_member(path, member):
    error = refusal(repacked(path, **{member.replace(".", "__"): None}))
    assert (error.member, error.reason, str(error)) == (member, "is missing", f"{member} is missing")


@pytest.mark.parametrize(
    ("change", "where", "expected", "found"),
    [
        (lambda m: m.update(labels=["a"]), "manifest.json.labels", "3", "1"),
        (lambda m: m.update(name=7), "manifest.json.name", "a string", "a whole number"),
        (lambda m: m.update(format_version="9.0"), "manifest.json.format_version", "1.x", "9.0"),
        (lambda m: m["graph"]["nodes"][1].update(kind="Odd"), "node 'conv1'", None, "Odd"),
    ],
)
def test_an_invalid_manifest_is_named_by_field_or_node(path, change, where, expected, found):
    error = refusal(with_manifest(path, change))
    assert (error.member, error.where, error.found) == ("manifest.json", where, found)
    assert expected in (None, error.expected)


def test_a_signature_error_or_a_bundle_error_of_a_file_keeps_its_attributes(path):
    path.write_bytes(with_manifest(path, lambda m: m.update(name=7)))
    with pytest.raises(BundleError) as caught:
        read(path)
    assert str(caught.value) == f"{path}: {caught.value.message}"
    assert caught.value.member == "manifest.json"


def test_attributes_of_mutated_bundles_agree_with_their_texts():
    """The text contains the object and the reason, and the member is one that a bundle can have."""
    mutator, refusals = Mutator(3), []
    for _ in range(300):
        try:
            decode(mutator.one()[1])
        except BundleError as error:
            refusals.append(error)
    assert len(refusals) > 100
    for error in refusals:
        assert str(error) == error.message
        assert error.where in error.message
        assert error.message.endswith(error.reason)
        assert error.member in ("", *MEMBERS) or "is not a member of a bundle" in error.message
        if not error.member:  # of the archive, or of a name that no member can have
            assert error.where == "" or error.where.startswith("member ")
