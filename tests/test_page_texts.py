"""The texts of the page: each language has all of them, and says nothing else."""

from __future__ import annotations

import re
from typing import Any

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from fake_apimart.page.languages import DEFAULT, LANGUAGES, language_of, texts_in

from tools import texts

OTHERS = [language for language in LANGUAGES if language != DEFAULT]
_PLACEHOLDER = re.compile(r"%(?:\([a-z_]+\))?[a-z%]|<[^>]+>|FAKE_APIMART_[A-Z_]+|/v1/[a-z/…]+")


def written(language: str) -> Catalog:
    with texts.path_of(language).open("rb") as file:
        return read_po(file, locale=language)


def said(catalogue: Catalog) -> dict[Any, Any]:
    """Return what a catalogue says; of plurals as tuples, however they were read."""

    def hashable(text: Any) -> Any:
        return tuple(text) if isinstance(text, list) else text

    return {hashable(each.id): hashable(each.string) for each in catalogue if each.id}


@pytest.mark.parametrize("language", OTHERS)
def test_each_text_is_translated(language: str) -> None:
    found = {each.id: each.string for each in written(language) if each.id}
    assert {each.id for each in texts.texts() if each.id} == found.keys(), "run `make texts`"
    assert [each for each, string in found.items() if not string or not all(string)] == []


@pytest.mark.parametrize("language", OTHERS)
def test_translation_has_the_same_placeholders(language: str) -> None:
    for each in filter(lambda each: each.id, written(language)):
        originals: Any = each.id if isinstance(each.id, tuple) else (each.id,)
        translations: Any = each.string if isinstance(each.string, tuple) else (each.string,)
        for translation in translations:
            expected = sorted(_PLACEHOLDER.findall(originals[-1]))
            assert sorted(_PLACEHOLDER.findall(translation)) == expected, each.id


@pytest.mark.parametrize("language", OTHERS)
def test_what_is_served_is_what_is_written(language: str) -> None:
    with texts.path_of(language, "mo").open("rb") as file:
        compiled = said(read_mo(file))
    assert compiled == said(written(language)), "run `make texts`"


def test_text_without_a_translation_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    catalogue = Catalog("zh")
    catalogue.add("Live", "实时")
    catalogue.add("Forgotten")
    assert texts.report(catalogue) == 1
    assert "'Forgotten' is not translated" in capsys.readouterr().err


@pytest.mark.parametrize("chosen", [*LANGUAGES, "xx", ""])
def test_any_choice_gives_a_language(chosen: str) -> None:
    assert texts_in(language_of(chosen, "")).gettext("Live")
