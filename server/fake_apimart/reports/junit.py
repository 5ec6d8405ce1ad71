"""The report for continuous integration, in the XML that JUnit has made common."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from fake_apimart.reports.tally import by_operation
from fake_apimart.verify.results import Check, Result, State

# Characters that XML 1.0 cannot say, not even escaped.
_IMPOSSIBLE = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_report(results: Sequence[Result], began_at: str) -> bytes:
    """Return the report as XML: a suite for each operation, a test for each case."""
    root = ET.Element("testsuites", name="fake-apimart verify")
    for operation, tally in by_operation(results).items():
        of_it = [each for each in results if each.operation == operation]
        suite = ET.SubElement(
            root,
            "testsuite",
            name=operation,
            tests=str(len(of_it)),
            failures=str(tally.cases[State.BROKEN]),
            errors="0",
            skipped=str(tally.cases[State.NOT_RUN]),
            time=f"{sum(each.seconds for each in of_it):.3f}",
            timestamp=began_at,
        )
        for each in of_it:
            _add_case(suite, each)
    ET.indent(root)
    text: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _add_case(suite: ET.Element, result: Result) -> None:
    case = ET.SubElement(
        suite,
        "testcase",
        classname=f"fake_apimart.verify.{result.operation}",
        name=result.case.name,
        time=f"{result.seconds:.3f}",
    )
    if result.reason:
        ET.SubElement(case, "skipped", message=_sayable(result.reason))
    elif result.state is State.BROKEN:
        broken = [each for each in result.checks if each.differences]
        failure = ET.SubElement(case, "failure", message=_sayable(result.behaviour.says))
        failure.text = _sayable("\n".join(_described(each) for each in broken))


def _described(check: Check) -> str:
    lines = [f"step {check.step}, known from {check.source}:"]
    for place, expected, received in check.differences:
        lines += [f"{place}", f"  - {expected}", f"  + {received}"]
    return "\n".join(lines)


def _sayable(text: str) -> str:
    return _IMPOSSIBLE.sub("\ufffd", text)
