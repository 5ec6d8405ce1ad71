"""Findings: what a run saw that must never be."""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import dataclass, field

KINDS = {
    "lost": "acknowledged, and missing or different later",
    "ghost": "refused, and there nevertheless",
    "wrong": "an answer that is not as it should be",
    "unexplained": "a 5xx or a broken connection that no disturbance explains",
    "hang": "a request without an answer",
    "traceback": "a traceback on standard error",
    "exit": "an end of the server that nobody asked for, or with a wrong status",
    "growth": "memory or descriptors that grow",
}
_SHOWN_CHARACTERS = 400
_SHOWN_OF_A_KIND = 20


@dataclass
class Findings:
    """Findings by kind. Each is printed when it is made, the first of a kind at least."""

    started: float = field(default_factory=time.monotonic)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    texts: list[str] = field(default_factory=list)
    made: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, kind: str, text: str) -> None:
        """Note a finding."""
        self.counts[kind] += 1
        self.made.set()
        if self.counts[kind] > _SHOWN_OF_A_KIND:
            return
        at = time.monotonic() - self.started
        line = f"{kind.upper()} at {at:.1f} s: {text[:_SHOWN_CHARACTERS]}"
        self.texts.append(line)
        print(line, file=sys.stderr, flush=True)

    @property
    def total(self) -> int:
        return sum(self.counts.values())
