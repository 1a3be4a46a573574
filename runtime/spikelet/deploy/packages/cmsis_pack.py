"""A CMSIS-Pack: a description (.pdsc) with one component, for Keil MDK, STM32CubeMX and the CMSIS-Toolbox."""

from __future__ import annotations

from html import escape

from spikelet.deploy.packages.base import Facts, Package, filled_files

VENDOR = "Spikelet"
DATE = "2024-01-01"  # date of the release; constant, so that the file does not change from day to day
DESCRIPTION = """\
<?xml version="1.0" encoding="UTF-8"?>
<package schemaVersion="1.7.36" xmlns:xs="http://www.w3.org/2001/XMLSchema-instance"
         xs:noNamespaceSchemaLocation="PACK.xsd">
  <vendor>@VENDOR@</vendor>
  <name>@PREFIX@</name>
  <description>@DESCRIPTION@</description>
  <url></url>
  <releases>
    <release version="@VERSION@" date="@DATE@">The network of the bundle.</release>
  </releases>
  <keywords>
    <keyword>spiking neural network</keyword>
    <keyword>classification</keyword>
  </keywords>
  <taxonomy>
    <description Cclass="Machine Learning" Cgroup="Spiking Network">Spiking networks</description>
  </taxonomy>
  <components>
    <component Cclass="Machine Learning" Cgroup="Spiking Network" Csub="@PREFIX@" Cversion="@VERSION@">
      <description>@DESCRIPTION@</description>
      <files>
        <file category="doc" name="README.md"/>
        <file category="header" name="include/@PREFIX@.h"/>
        <file category="include" name="include/"/>
        <file category="source" name="src/@PREFIX@.c"/>
        <file category="source" name="src/@PREFIX@_weights.c"/>
        <file category="source" attr="template" name="template/@PREFIX@_selftest.c" select="Self-test of @PREFIX@"/>
      </files>
    </component>
  </components>
</package>
"""
USE = """\
The folder is the content of a CMSIS-Pack: `zip -r Spikelet.@PREFIX@.1.0.0.pack .` in it packs it, and Keil MDK,
STM32CubeMX and `cpackget add` install it. The component is "Machine Learning: Spiking Network: @PREFIX@"; its template
is the self-test, the function `int @PREFIX@_selftest(@PREFIX@_state *state)`, which needs no `printf`."""


def _main(text: str) -> str:
    return "#define @UPPER@_SELFTEST\n" + text


def _files(facts: Facts) -> dict[str, str]:
    values = {"VENDOR": VENDOR, "DATE": DATE, "DESCRIPTION": escape(facts.description)}
    return filled_files({"@VENDOR@.@PREFIX@.pdsc": DESCRIPTION}, facts.prefix, **values)


CMSIS_PACK = Package(
    about="CMSIS-Pack",
    header="include/@PREFIX@.h",
    source="src",
    selftest="template/@PREFIX@_selftest.c",
    use=USE,
    files=_files,
    main=_main,
)
