"""The report for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fake_apimart_testing.version import __version__

from fake_apimart.go.json import marshal
from fake_apimart.reports.tally import in_all
from fake_apimart.verify.results import Check, Result, State


def json_report(results: Sequence[Result], target: str, began_at: str, seconds: float) -> bytes:
    """Return the report as JSON; `target` is the server's URL, `began_at` a date in UTC."""
    cases = in_all(results).cases
    return marshal(
        {
            "fake_apimart": __version__,
            "target": target,
            "began_at": began_at,
            "seconds": round(seconds, 3),
            "cases": {state.value.replace(" ", "_"): cases[state] for state in State},
            "results": [_result(each) for each in results],
        }
    )


def _result(result: Result) -> dict[str, Any]:
    return {
        "operation": result.operation,
        "behaviour": result.behaviour.says,
        "case": result.case.name,
        "state": result.state.value,
        "reason": result.reason or None,
        "seconds": round(result.seconds, 3),
        "checks": [_check(each) for each in result.checks],
    }


def _check(check: Check) -> dict[str, Any]:
    return {
        "step": check.step,
        "source": str(check.source),
        "state": check.state.value,
        "differences": [each._asdict() for each in check.differences],
    }
