"""Definition of a package of exported C."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from spikelet.files.atomic import Text

VERSION = "1.0.0"  # of every package; the bundle's digest identifies the network
MAIN = "int main(void)"  # head of the self-test in main.c


@dataclass(frozen=True)
class Facts:
    """Facts of an exported network.

    Attributes:
        prefix: Prefix of its public names and of its files.
        title: Name of the network, printable ASCII.
        digest: SHA-256 of the bundle.
        form: "host" or "mcu".
    """

    prefix: str
    title: str
    digest: str
    form: str

    @property
    def description(self) -> str:
        """One line about the network."""
        return f"{self.title}, a spiking network as C (bundle sha256 {self.digest[:16]})"


@dataclass(frozen=True)
class Package:
    """A kind of package. Its texts are templates, see `filled`.

    Attributes:
        about: Description for the help text.
        header: Path of the header.
        source: Folder of the C sources.
        selftest: Path of the self-test.
        use: Paragraph of the README about the use of the package and its self-test.
        files: Returns the additional files of this kind, text by path.
        main: Converts the text of main.c to that of the self-test.
        host: Whether the host form can be packaged as well.
    """

    about: str
    header: str
    source: str
    selftest: str
    use: str
    files: Callable[[Facts], dict[str, str]]
    main: Callable[[str], str] = str
    host: bool = False

    def paths(self, prefix: str) -> dict[str, str]:
        """Return the path in the package of each file of the plain folder, by its name there."""
        return {
            f"{prefix}.h": filled(self.header, prefix),
            f"{prefix}.c": f"{self.source}/{prefix}.c",
            f"{prefix}_weights.c": f"{self.source}/{prefix}_weights.c",
            "main.c": filled(self.selftest, prefix),
        }

    def packed(self, project: Mapping[str, Text], facts: Facts) -> dict[str, Text]:
        """Return the files of the package, text by path.

        Args:
            project: Files of the plain folder.
            facts: Facts of the network.
        """
        files = {path: project[name] for name, path in self.paths(facts.prefix).items()}
        test = filled(self.selftest, facts.prefix)
        files[test] = filled(self.main(str(files[test])), facts.prefix)
        return files | {"README.md": project["README.md"]} | self.files(facts)


def filled(template: str, prefix: str, **values: str) -> str:
    """Return a text with @PREFIX@, @UPPER@ (the prefix in upper case), @VERSION@ and the names in `values` replaced.

    Examples:
        >>> filled("project(@PREFIX@ VERSION @VERSION@) # @TITLE@", "net", TITLE="a network")
        'project(net VERSION 1.0.0) # a network'
    """
    values = {"PREFIX": prefix, "UPPER": prefix.upper(), "VERSION": VERSION, **values}
    return re.sub(f"@({'|'.join(values)})@", lambda match: values[match[1]], template)


def filled_files(templates: Mapping[str, str], prefix: str, **values: str) -> dict[str, str]:
    """Return files by path, with the names of `filled` replaced in paths and texts."""
    return {filled(path, prefix, **values): filled(text, prefix, **values) for path, text in templates.items()}
