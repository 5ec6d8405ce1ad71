"""The targets by name; the corpus of each is in the folder of that name."""

from __future__ import annotations

from collections.abc import Callable

from tests.fuzz.targets import (
    chunks,
    control,
    form,
    head,
    json_text,
    metadata,
    names,
    parameters,
    picture,
    ranges,
    url,
)

Target = Callable[[bytes], None]
"""Feed the bytes to what is tested; raise for whatever must not happen."""

TARGETS: dict[str, Target] = {
    "chunks": chunks.run,
    "control": control.run,
    "form": form.run,
    "head": head.run,
    "json_text": json_text.run,
    "metadata": metadata.run,
    "names": names.run,
    "parameters": parameters.run,
    "picture": picture.run,
    "ranges": ranges.run,
    "url": url.run,
}
