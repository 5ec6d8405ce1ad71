"""Our rules put into the document of a bucket, and those of others left as they are written."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple
from xml.etree import ElementTree as ET

from fake_apimart_storage.s3.lifecycle.document import Document, StoredRule, UnusableDocument
from fake_apimart_storage.s3.lifecycle.rule import Rule, earlier_id, fields_of, id_of, prefix_of

MAX_RULES = 1000
"""S3's limit."""


class Merged(NamedTuple):
    """A changed document, and whether rules were taken out of it that earlier versions made."""

    document: bytes
    has_retired: bool


class _Changes(NamedTuple):
    """Texts that replace rules, by their numbers; the rules that are missing."""

    replaced: dict[int, str]
    missing: list[Rule]
    has_retired: bool


def merged(data: bytes, wanted: Sequence[Rule], retired: Collection[str] = ()) -> Merged:
    """Return a document with the rules `wanted`, and without our earlier ones of other layouts.

    The latter are those for the prefixes `retired`, by IDs that earlier versions gave. The very
    `data` comes back where nothing is to be changed, and no bytes at all where no rule would be
    left. Raises UnusableDocument.
    """
    document = Document(data)
    replaced, missing, has_retired = _changes(document, wanted, retired)
    if not replaced and not missing:
        return Merged(data, has_retired)
    count = len(document.rules) + len(missing) - sum(not text for text in replaced.values())
    if count > MAX_RULES:
        raise UnusableDocument(f"the bucket would have {count} rules, more than {MAX_RULES}")
    if not count and not document.others:
        return Merged(b"", has_retired)
    changed = document.changed(replaced, [rule.to_xml(document.namespace) for rule in missing])
    _check(document, Document(changed), replaced, wanted)
    return Merged(changed, has_retired)


def _changes(document: Document, wanted: Sequence[Rule], retired: Collection[str]) -> _Changes:
    by_id = {id_: rule for rule in wanted for id_ in rule.ids}
    own_ids = {rule.id for rule in wanted}
    earlier = {earlier_id(prefix): prefix for prefix in retired}
    missing = {rule.id: rule for rule in wanted}
    replaced: dict[int, str] = {}
    has_retired = False
    for number, stored in enumerate(document.rules):
        id_, fields = id_of(stored.element), fields_of(stored.element)
        prefix = None if fields is None else prefix_of(fields)
        rule = by_id.get(id_)
        if rule is not None and fields is not None and prefix == rule.prefix:
            if not (rule.id in missing and rule.is_stated_by(fields)):
                replaced[number] = rule.to_xml(document.namespace) if rule.id in missing else ""
            missing.pop(rule.id, None)
        elif prefix is not None and earlier.get(id_) == prefix:
            replaced[number], has_retired = "", True
        elif id_ in own_ids:
            raise UnusableDocument(f"its rule {id_} is none that this server has made")
    return _Changes(replaced, list(missing.values()), has_retired)


def _check(
    before: Document, after: Document, replaced: Collection[int], wanted: Sequence[Rule]
) -> None:
    """Read the changed document again: ours are in it once, and all else is as it was."""
    kept = [rule for number, rule in enumerate(before.rules) if number not in replaced]
    ours = {rule.id: rule for rule in wanted}
    rest = [rule for rule in after.rules if not _is_one_of(ours, rule)]
    others = [rule for rule in kept if not _is_one_of(ours, rule)]
    is_kept = [*map(_forms, rest)] == [*map(_forms, others)] and before.others == after.others
    if not is_kept or len(after.rules) - len(rest) != len(wanted):
        raise UnusableDocument("it is written in a way that is not understood")


def _is_one_of(ours: dict[str, Rule], stored: StoredRule) -> bool:
    rule = ours.get(id_of(stored.element))
    fields = fields_of(stored.element)
    return rule is not None and fields is not None and rule.is_stated_by(fields)


def _forms(stored: StoredRule) -> tuple[str, bytes]:
    """Return a rule as it is written, and in one form."""
    return stored.text, ET.tostring(stored.element)
