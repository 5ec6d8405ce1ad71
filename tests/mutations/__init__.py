"""Ways in which a server can be wrong, each of which the cases must notice."""

from __future__ import annotations

from collections.abc import Sequence

from tests.mutations import account, creates, everywhere, files, framing, heads, tasks, uploads
from tests.mutations.harmless import HARMLESS
from tests.mutations.model import Mutation

MUTATIONS: Sequence[Mutation] = (
    *heads.mutations(),
    *everywhere.mutations(),
    *framing.mutations(),
    *uploads.mutations(),
    *files.mutations(),
    *creates.mutations(),
    *tasks.mutations(),
    *account.mutations(),
)

__all__ = ["HARMLESS", "MUTATIONS", "Mutation"]
