"""The texts of the page in its other languages: `make texts` after a text has changed.

Reads the texts out of templates and modules, brings the catalogues up to date, and compiles those.
A text that is new stands there untranslated until somebody writes it: a test fails until then.
"""

from __future__ import annotations

import datetime as dt
import io
import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from fake_apimart.page.languages import DEFAULT, DOMAIN, LANGUAGES, LOCALES

ROOM = LOCALES.parent
_METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
_OPTIONS = {"templates/**.html": {"trimmed": "true", "silent": "false"}}
_WIDTH = 100
_NEVER = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


def main() -> int:
    """Bring all catalogues up to date; return 1 where one lacks a text."""
    missing = 0
    for language in LANGUAGES:
        if language != DEFAULT:
            catalogue = updated(language)
            path_of(language).write_bytes(as_po(catalogue))
            path_of(language, "mo").write_bytes(as_mo(catalogue))
            missing += report(catalogue)
    return 1 if missing else 0


def path_of(language: str, kind: str = "po") -> Path:
    """Return the file of a catalogue: what people write, or what is compiled of it (`mo`)."""
    return LOCALES / language / "LC_MESSAGES" / f"{DOMAIN}.{kind}"


def texts() -> Catalog:
    """Return all texts of the page, as they are written."""
    found = Catalog(project="fake-apimart", fuzzy=False)
    for name, _, message, _, _ in extract_from_dir(ROOM, _METHODS, _OPTIONS):
        # Without lines, which would change with every change of a template.
        found.add(message, locations=[(name, 0)])
    return found


def updated(language: str) -> Catalog:
    """Return the catalogue of a language with all texts there are, and no others."""
    path = path_of(language)
    written = read_po(io.BytesIO(path.read_bytes() if path.exists() else b""), locale=language)
    # Without the time of writing, so that it changes with the texts alone.
    catalogue = Catalog(
        language,
        DOMAIN,
        "# The texts of the page.",
        "fake-apimart",
        msgid_bugs_address="",
        last_translator="",
        language_team="",
        creation_date=_NEVER,
        revision_date=_NEVER,
        fuzzy=False,
    )
    for each in texts():
        if each.id:
            known = written.get(each.id)
            catalogue.add(each.id, known.string if known else "", each.locations)
    return catalogue


def as_po(catalogue: Catalog) -> bytes:
    """Return a catalogue as people write it, in the order of its texts."""
    file = io.BytesIO()
    write_po(file, catalogue, _WIDTH, sort_output=True, include_lineno=False)
    return file.getvalue()


def as_mo(catalogue: Catalog) -> bytes:
    """Return a catalogue as gettext reads it."""
    file = io.BytesIO()
    write_mo(file, catalogue)
    return file.getvalue()


def report(catalogue: Catalog) -> int:
    """Print the texts that a catalogue lacks, and return how many."""
    lacking = [each.id for each in catalogue if each.id and not each.string]
    for each in lacking:
        sys.stderr.write(f"{catalogue.locale}: {each!r} is not translated\n")
    return len(lacking)


if __name__ == "__main__":
    sys.exit(main())
