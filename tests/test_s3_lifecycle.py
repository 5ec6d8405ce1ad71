"""Lifecycle rules of a bucket: ours are set, and those of others stay to the byte."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import itertools
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from fake_apimart_storage import storage_at
from fake_apimart_storage.s3.lifecycle import configuration
from fake_apimart_storage.s3.lifecycle.document import EMPTY, Document, UnusableDocument
from fake_apimart_storage.s3.lifecycle.merging import MAX_RULES, merged
from fake_apimart_storage.s3.lifecycle.rule import MAX_ID_LENGTH, Rule, id_of
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.keeping_store import KeepingStore
from tests.profiles import examples
from tests.stores import Store, environment

DAY = 86_400
LIFETIMES = {"image/": 3 * DAY, "task/": 30 * DAY}
OURS = [Rule.of("x/", *each) for each in LIFETIMES.items()]

FOREIGN = {
    "all versions": "<Rule><ID>a</ID><Filter><Prefix>l/</Prefix></Filter><Status>Enabled</Status>"
    "<Expiration><Days>3</Days><ExpiredObjectAllVersions>true</ExpiredObjectAllVersions>"
    "</Expiration></Rule>",
    "prefix and tag": "<Rule>\n  <Filter><And><Prefix>p</Prefix><Tag><Key>k</Key>"
    "<Value>v &amp; w</Value></Tag></And></Filter>\n  <Status>Disabled</Status></Rule>\n",
    "older versions": "<Rule ><ID>ü 照</ID><Prefix/><Status>Enabled</Status>"
    "<NoncurrentVersionTransition><NoncurrentDays>30</NoncurrentDays>"
    "<StorageClass>GLACIER_IR</StorageClass></NoncurrentVersionTransition></Rule >",
    "old style": "<Rule><ID></ID><Prefix>old/</Prefix><Status>Enabled</Status>"
    "<Expiration><Date>2030-01-01T00:00:00.000Z</Date></Expiration></Rule>",
    "what nobody knows": "<Rule a='>' b=\"/&gt;\"><New x='1'>&#65;</New><?later do?></Rule>",
    "comments": "<!-- <Rule> --><Rule><!-- </Rule> --><ID>c</ID></Rule><!-- -->",
    "CDATA": "<Rule><ID><![CDATA[</Rule><ID>]]></ID></Rule>",
    "a namespace of its own": "<Rule><q:x xmlns:q='urn:q'/><y xmlns=''><Rule/></y></Rule>",
    "empty": "<Rule/>",
    "ours of another server": Rule.of("y/", "image/", DAY).to_xml(""),
    "ours of a longer prefix": Rule.of("x/image/", "image/", DAY).to_xml(""),
    "one with our prefix": "<Rule><ID>mine</ID><Filter><Prefix>x/image/</Prefix></Filter></Rule>",
}
OPENINGS = [
    "<LifecycleConfiguration>",
    '<?xml version="1.0" encoding="UTF-8"?>\n<LifecycleConfiguration xmlns="urn:s3">\n',
    "\ufeff<!-- <Rule> - > --><LifecycleConfiguration \n a='>'>",
]


def document(*rules: str, opening: str = OPENINGS[0]) -> bytes:
    return f"{opening}{''.join(rules)}</LifecycleConfiguration>\n".encode()


def without_ours(data: bytes) -> bytes:
    for rule in OURS:
        data = data.replace(rule.to_xml("").encode(), b"")
    return data


@pytest.mark.parametrize("name", FOREIGN)
def test_rule_of_others_stays_to_the_byte(name: str) -> None:
    data = document(FOREIGN[name])
    changed = merged(data, OURS).document
    assert without_ours(changed) == data
    assert len(changed) > len(data)
    assert merged(changed, OURS).document == changed


@pytest.mark.parametrize("others", [[], [FOREIGN["old style"]]])
def test_nothing_is_written_where_the_store_returns_rules_in_another_order(
    others: list[str],
) -> None:
    texts = [rule.to_xml("") for rule in OURS] + others
    for order in itertools.permutations(texts):
        data = document(*order)
        assert merged(data, OURS).document == data


SPACES = st.text(" \n\t", max_size=3)
PIECES = st.one_of(
    st.sampled_from(sorted(FOREIGN.values())),
    st.builds(
        lambda name, inner: f"<Rule><{name}>{inner}</{name}></Rule>",
        st.sampled_from(["ID", "Prefix", "Other", "Rule"]),
        st.sampled_from(["", "x", "<Rule/>", "<!--</Rule>-->", "&lt;Rule>", "照"]),
    ),
    SPACES,
)


@given(
    pieces=st.lists(PIECES, max_size=6),
    opening=st.sampled_from(OPENINGS),
    places=st.lists(st.integers(0, 6), max_size=2),
    days=st.integers(1, 40),
)
@settings(max_examples=examples(200), deadline=None)
def test_only_our_own_rules_change_in_any_document(
    pieces: list[str], opening: str, places: list[int], days: int
) -> None:
    others = document(*pieces, opening=opening)
    with_earlier = [*pieces]
    for rule, place in zip(OURS, places, strict=False):
        with_earlier.insert(place, rule._replace(days=days).to_xml(""))
    changed = merged(document(*with_earlier, opening=opening), OURS).document
    assert without_ours(changed) == others
    ids = [id_of(rule.element) for rule in Document(changed).rules]
    assert [ids.count(rule.id) for rule in OURS] == [1, 1]
    assert merged(changed, OURS).document == changed


@given(data=st.binary(max_size=200) | st.text("<>/!-[]?'\" Rulea=&;", max_size=60).map(str.encode))
@settings(max_examples=examples(200), deadline=None)
def test_any_bytes_are_a_document_or_refused(data: bytes) -> None:
    for each in (data, document(data.decode("utf-8", "replace"))):
        with contextlib.suppress(UnusableDocument):
            assert without_ours(merged(each, OURS).document) == each


def test_rules_are_written_in_the_namespace_of_the_document() -> None:
    rule, end = b"<s:Rule><s:ID>a</s:ID></s:Rule>", b"</s:LifecycleConfiguration>"
    data = b"<s:LifecycleConfiguration xmlns:s='urn:s3'>%b%b" % (rule, end)
    changed = merged(data, OURS).document
    tags = [rule.element.tag for rule in Document(changed).rules]
    assert tags == ["{urn:s3}Rule"] * 3
    assert changed.startswith(data.removesuffix(end))
    assert merged(changed, OURS).document == changed


def test_root_that_is_one_tag_is_opened() -> None:
    changed = merged(b"<LifecycleConfiguration a='/>' />", OURS[:1]).document
    assert changed == b"<LifecycleConfiguration a='/>' >%b</LifecycleConfiguration>" % (
        OURS[0].to_xml("").encode()
    )


UNUSABLE = {
    "no bytes": b"",
    "no XML": b"<LifecycleConfiguration><Rule></LifecycleConfiguration>",
    "a list": b"<ListBucketResult><Name>b</Name></ListBucketResult>",
    "not in UTF-8": document(FOREIGN["older versions"]).decode().encode("utf-16"),
    "Latin-1": b'<?xml version="1.0" encoding="ISO-8859-1"?><LifecycleConfiguration/>',
    "elements that lie deep": document(f"{'<a>' * 5000}{'</a>' * 5000}"),
    "a document type": b"<!DOCTYPE x [<!ENTITY r '<Rule/>'>]><LifecycleConfiguration/>",
    "too many rules": document(*["<Rule/>"] * (MAX_RULES - 1)),
    "our name for another thing": document(
        OURS[0].to_xml("").replace("<Days>", "<Date>2030</Date><Days>")
    ),
    "our name for another prefix": document(
        OURS[0].to_xml("").replace("<Prefix>x/image/", "<Prefix>photos/")
    ),
    "our name for a tag": document(
        f"<Rule><ID>{OURS[0].id}</ID><Filter><Tag><Key>k</Key></Tag></Filter></Rule>"
    ),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_document_that_cannot_be_changed_safely_is_refused(name: str) -> None:
    with pytest.raises(UnusableDocument) as refusal:
        merged(UNUSABLE[name], OURS)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(("lifetime", "days"), [(1, 4), (3 * DAY, 4), (3 * DAY + 1, 5)])
def test_rule_grants_a_day_more_than_the_lifetime(lifetime: int, days: int) -> None:
    assert Rule.of("x/", "image/", lifetime).days == days


def test_rule_that_a_store_has_shortened_or_filled_up_is_left_as_it_is() -> None:
    whole = OURS[0].to_xml("")
    shorter = whole[: whole.index("<Abort")] + "</Rule>"
    fuller = whole.replace(
        "</Rule>", "<Transition><StorageClass></StorageClass></Transition></Rule>"
    )
    older = shorter.replace("<Filter>", "").replace("</Filter>", "")
    for each in (shorter, fuller, older):
        data = document(each)
        assert merged(data, OURS[:1]).document == data


def test_rule_with_another_lifetime_is_replaced_where_it_stands_and_a_second_one_goes() -> None:
    before = OURS[0]._replace(days=99).to_xml("")
    data = document(FOREIGN["empty"], before, FOREIGN["old style"], before)
    assert merged(data, OURS[:1]).document == document(
        FOREIGN["empty"], OURS[0].to_xml(""), FOREIGN["old style"]
    )


def test_names_of_long_prefixes_are_short_and_differ() -> None:
    rules = [Rule.of(f"{'p' * 240}/", *each) for each in LIFETIMES.items()]
    assert len({rule.id for rule in rules}) == len(rules)
    assert max(len(rule.id) for rule in rules) <= MAX_ID_LENGTH
    data = merged(EMPTY, rules).document
    assert merged(data, rules).document == data


def test_rules_of_an_earlier_version_at_the_root_are_taken_away_and_no_others() -> None:
    earlier = "".join(Rule(f"fake-apimart:{prefix}", prefix, 4).to_xml("") for prefix in LIFETIMES)
    name = "<Rule><ID>fake-apimart:image/</ID>"
    prefix = "<Filter><Prefix>image/</Prefix></Filter>"
    kept = (
        Rule.of("", "image/", DAY).to_xml(""),
        f"{name}{prefix}<Expiration><Days>4</Days></Expiration><X>1</X></Rule>",
        f"{name}<Prefix>photos/</Prefix></Rule>",
    )
    change = merged(document(earlier, *kept), OURS, LIFETIMES)
    assert change.has_retired
    assert without_ours(change.document) == document(*kept)
    assert merged(document(earlier), [], LIFETIMES) == (b"", True)


def test_rules_at_the_root_take_the_place_of_those_of_an_earlier_version() -> None:
    at_root = [Rule.of("", *each) for each in LIFETIMES.items()]
    earlier = [rule._replace(id=f"fake-apimart:{rule.prefix}").to_xml("") for rule in at_root]
    changed = merged(document(*earlier), at_root).document
    assert changed == document(*(rule.to_xml("") for rule in at_root))


# With stores


@pytest.fixture
def keeping() -> Iterator[KeepingStore]:
    with KeepingStore() as running:
        yield running


def start(store: Store, location: str, lifetimes: dict[str, int] = LIFETIMES) -> None:
    """Open and close a storage, as a server does that is started and stopped."""

    async def main() -> None:
        storage = storage_at(location)
        await storage.open(lifetimes)
        await storage.close()

    with environment(store.env):
        asyncio.run(main())


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(logging.getLogger("fake_apimart"), "propagate", True)
    return caplog


def test_rules_go_back_to_the_store_as_they_came(keeping: KeepingStore) -> None:
    keeping.rules = before = document(*FOREIGN.values(), opening=OPENINGS[1])
    keeping.transition = "varies_by_storage_class"
    start(keeping.store, "s3://bucket/x")
    assert without_ours(keeping.rules) == before
    assert keeping.transition == "varies_by_storage_class"
    (put,) = [each for each in keeping.asked if each.method == "PUT"]
    digest = hashlib.md5(keeping.rules, usedforsecurity=False).digest()
    assert put.headers["content-md5"] == base64.b64encode(digest).decode()


def test_start_that_changes_nothing_writes_nothing(keeping: KeepingStore) -> None:
    for _ in range(3):
        start(keeping.store, "s3://bucket/x")
    assert keeping.counted("PUT", "lifecycle") == 1


@pytest.mark.parametrize("name", UNUSABLE)
def test_rules_that_cannot_be_changed_safely_are_left_alone(
    name: str, keeping: KeepingStore, log: pytest.LogCaptureFixture
) -> None:
    keeping.rules = UNUSABLE[name]
    start(keeping.store, "s3://bucket/x")
    assert keeping.rules == UNUSABLE[name]
    assert keeping.counted("PUT") == keeping.counted("DELETE") == 0
    (record,) = [each for each in log.records if each.levelname == "WARNING"]
    assert "only this server deletes old files" in record.getMessage()
    assert "\n" not in record.getMessage()


def test_refusal_of_rules_is_only_a_warning(
    keeping: KeepingStore, log: pytest.LogCaptureFixture
) -> None:
    keeping.refuses = lambda asked: (501, "NotImplemented") if "lifecycle" in asked.query else None
    start(keeping.store, "s3://bucket/x")
    assert "only this server deletes old files: no (NotImplemented)" in log.text


@pytest.mark.parametrize("kind", ["moto", "minio"])
@pytest.mark.subprocess
def test_rules_stand_beside_a_foreign_one_in_a_real_store(
    kind: str, request: pytest.FixtureRequest, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store: Store = request.getfixturevalue(f"{kind}_store")
    client = store.client()
    client.create_bucket(Bucket=bucket)
    foreign: Any = {
        "ID": "foreign",
        "Filter": {"Prefix": "logs/"},
        "Status": "Enabled",
        "Expiration": {"Days": 30},
    }
    client.put_bucket_lifecycle_configuration(
        Bucket=bucket, LifecycleConfiguration={"Rules": [foreign]}
    )
    writes: list[object] = []
    write = configuration._write

    def counted(*given: Any) -> None:
        writes.append(given)
        write(*given)

    monkeypatch.setattr(configuration, "_write", counted)
    for days in (3, 3, 9, 9):
        start(store, f"s3://{bucket}/x", {**LIFETIMES, "image/": days * DAY})
    rules = client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    found = {each["ID"]: (each["Filter"], each["Expiration"]["Days"]) for each in rules}
    # Some stores return them in an order of their own.
    assert found == {
        "foreign": ({"Prefix": "logs/"}, 30),
        "fake-apimart:x/image/": ({"Prefix": "x/image/"}, 10),
        "fake-apimart:x/task/": ({"Prefix": "x/task/"}, 31),
    }
    assert len(writes) == 2
