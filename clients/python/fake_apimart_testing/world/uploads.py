"""`apimart.uploads`: the files of a world, and putting one there before the test."""

from __future__ import annotations

import os

from fake_apimart_testing.arguments import check_bytes, check_text
from fake_apimart_testing.records import Upload
from fake_apimart_testing.world.listing import Listing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fake_apimart_testing.control import Control

# Tracebacks of pytest end where a test called us: the message says what was wrong.
__tracebackhide__ = True


class Uploads(Listing[Upload]):
    """The uploaded files, oldest first, whatever clock and rules say.

    Each access reads them from the server, and raises ControlError.
    """

    def __init__(self, control: Control, base_url: str) -> None:
        self._control = control
        self._base_url = base_url

    def _read(self) -> list[Upload]:
        found = self._control.call("GET", "uploads")["uploads"]
        return [Upload(self._control, self._base_url, fields) for fields in found]

    def add(
        self, content: str | os.PathLike[str] | bytes | bytearray, filename: str | None = None
    ) -> Upload:
        """Put a file into the world, as if a client had uploaded it, and return it.

        `content` is the path of a file, or its bytes, which need a `filename`. It is checked as an
        upload is, but meets no rule and no rate limit, and is not among `apimart.requests`. Raises
        ControlError with the vendor's message where it would be refused, TypeError and ValueError,
        which name the argument, and OSError where there is no such file.
        """
        check_text("filename", filename, optional=True)
        if isinstance(content, str | os.PathLike):
            with open(content, "rb") as file:
                added = file.read()
            filename = filename or os.path.basename(content)
        else:
            check_bytes("content", content, "a path or bytes")
            added = bytes(content)
        if not filename:
            raise ValueError("filename must be given with bytes, such as filename='photo.png'")
        return Upload(self._control, self._base_url, self._add(added, filename))

    def _add(self, content: bytes, filename: str) -> dict[str, object]:
        from urllib.parse import quote

        # A name from a file system may hold bytes that are no text.
        name = quote(os.fsencode(filename), safe="")
        added: dict[str, object] = self._control.call("POST", f"uploads?filename={name}", content)
        return added
