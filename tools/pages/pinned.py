"""The pages that pin the version of the project."""

from __future__ import annotations

import re

from tools.project import ROOT, VERSION, semantic

PINNED = re.compile(r"(fake[-_]apimart(?:\[\w+\])?(?:@|==|:|-| ))\d+\.\d+\.\d+(?:(?:a|b|rc)\d+)?")
PINNED_IN_GO = re.compile(r"(/clients/go@v)\d+\.\d+\.\d+(?:-[a-z]+\.\d+)?")
PINNING = (
    *("README.md", "docs/installing.md", "docs/servers.md", "docs/testing/node.md"),
    *("examples/kubernetes/fake-apimart.yml", "examples/kubernetes/replicas.yml"),
    *("docs/testing/python.md", "docs/testing/java.md"),
    *("docs/testing/go.md", "clients/go/README.md"),
    "examples/java/src/test/java/FakeApimartTest.java",
    *(".github/ISSUE_TEMPLATE/1-fidelity.yml", ".github/ISSUE_TEMPLATE/3-bug.yml"),
)


def with_this_version(name: str) -> str:
    """Return a file with the version of the project where it names one: `fake-apimart==0.1.0`."""
    text = PINNED.sub(rf"\g<1>{VERSION}", (ROOT / name).read_text("utf-8"))
    return PINNED_IN_GO.sub(rf"\g<1>{semantic(VERSION)}", text)
