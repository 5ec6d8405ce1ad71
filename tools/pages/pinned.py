"""The pages that pin the version of the project."""

from __future__ import annotations

import re

from tools.project import ROOT, VERSION

PINNED = re.compile(r"(fake[-_]apimart(?:\[\w+\])?(?:@|==|:|-| ))\d+\.\d+\.\d+(?:(?:a|b|rc)\d+)?")
PINNING = (
    *("README.md", "docs/installing.md", "docs/servers.md"),
    *("examples/kubernetes/fake-apimart.yml", "examples/kubernetes/replicas.yml"),
    *("docs/testing/python.md", "docs/testing/java.md"),
    "examples/java/src/test/java/FakeApimartTest.java",
    *(".github/ISSUE_TEMPLATE/1-fidelity.yml", ".github/ISSUE_TEMPLATE/3-bug.yml"),
)


def with_this_version(name: str) -> str:
    """Return a file with the version of the project where it names one: `fake-apimart==0.1.0`."""
    return PINNED.sub(rf"\g<1>{VERSION}", (ROOT / name).read_text("utf-8"))
