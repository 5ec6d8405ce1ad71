"""Recorded answers: what is kept of them, what is not, and what they say has moved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_apimart.cases.case import Behaviour, Case
from fake_apimart.client.answer import Answer
from fake_apimart.client.connection import Place
from fake_apimart.snapshots.drift import Party, moves
from fake_apimart.snapshots.redaction import Redactor
from fake_apimart.snapshots.shape import moved
from fake_apimart.snapshots.snapshot import (
    MAX_BODY_BYTES,
    InvalidSnapshot,
    RecordedAnswer,
    Snapshot,
    _digest,
    read_snapshots,
)
from fake_apimart.targets.target import Target
from fake_apimart.verify.results import Received, Result, State
from fake_apimart.verify.verification import run_cases

from tests.harness import ServerThread
from tests.service_proxy import ServiceProxy

KEY = "sk-live-0123456789abcdef"
REQUEST_ID = "20260919182056471923385yBRUUrTx"


def case_of(status: int = 200, **more: Any) -> Case:
    """Return a case about the balance, which expects a status."""
    expected = {"source": "docs", "status": status, **more}
    return Case.model_validate(
        {"name": "balance", "request": {"path": "/v1/balance"}, "expect": [expected]}
    )


def ran(case: Case, url: str) -> Result:
    result = Result("balance.get", Behaviour(says="it is told", cases=(case,)), case)
    target = Target(Place.of(url), lambda: KEY, has_control=False, is_exact=False, seconds=10)
    run_cases([result], lambda _: target, None, lambda _: None)
    return result


def recorded(case: Case, url: str, day: str = "2026-11-26") -> Snapshot:
    result = ran(case, url)
    return Snapshot.of(result, target=url, dialect="page", day=day, secret=KEY)


@pytest.fixture
def moved_service(server: ServerThread) -> Iterator[ServiceProxy]:
    """Give a service that has a member under another name."""
    with ServiceProxy(server.address, change=(b'"used_balance":', b'"spent":')) as proxy:
        yield proxy


def parties(snapshots: list[Snapshot], result: Result, present: Party) -> list[Party]:
    return [each.party for each in moves(snapshots, [result], present)]


def test_a_snapshot_is_read_as_it_was_written(server: ServerThread, tmp_path: Path) -> None:
    snapshot = recorded(case_of(), server.url)
    path = snapshot.write(tmp_path)
    assert path == tmp_path / "2026-11-26" / "balance.get" / "balance.json"
    assert Snapshot.read(path) == snapshot


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(lambda content: content["answers"][0].update(status=201), id="status"),
        pytest.param(lambda content: content.update(recorded_on="2026-11-27"), id="day"),
        pytest.param(lambda content: content["answers"].pop(), id="an answer fewer"),
        pytest.param(lambda content: content.pop("target"), id="a member fewer"),
        pytest.param(lambda content: content.update(sha256="0" * 64), id="the sum itself"),
    ],
)
def test_an_edited_snapshot_is_refused(edit: Any, server: ServerThread, tmp_path: Path) -> None:
    path = recorded(case_of(), server.url).write(tmp_path)
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))
    with pytest.raises(InvalidSnapshot, match="has been edited"):
        Snapshot.read(path)


def test_another_layout_of_a_file_is_no_edit(server: ServerThread, tmp_path: Path) -> None:
    path = recorded(case_of(), server.url).write(tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()), sort_keys=True))
    assert Snapshot.read(path)


@pytest.mark.parametrize("text", ["", "[]", "{}", "not JSON", '{"sha256": 1}', "\x00"])
def test_what_is_no_snapshot_is_refused_by_its_name(text: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.json"
    path.write_text(text)
    with pytest.raises(InvalidSnapshot, match=r"odd\.json"):
        read_snapshots(tmp_path)


def test_a_folder_without_snapshots_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSnapshot, match="has no snapshots"):
        read_snapshots(tmp_path)


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (f'{{"key":"{KEY}"}}', '{"key":"***"}'),
        ('{"remain_balance":10.5,"used_credits":23}', '{"remain_balance":0,"used_credits":0}'),
        (
            "[token_id=90701] insufficient balance (current: 0.013570 USD, required: 0.05 USD)",
            "[token_id=1] insufficient balance (current: 0.000000 USD, required: 0.05 USD)",
        ),
        (f"(request id: {REQUEST_ID})", "(request id: 200001010000001redacted)"),
    ],
)
def test_what_is_personal_is_replaced(body: str, kept: str) -> None:
    answer = Answer(200, "OK", [], body.encode(), is_open=True)
    assert Redactor([KEY]).answer(answer).body.decode() == kept


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("set-cookie", "session=1", "***"),
        ("cf-ray", "8f1e-HKG", "***"),
        ("x-api-key", "abc", "***"),
        ("x-oneapi-request-id", REQUEST_ID, "200001010000001redacted"),
        ("access-control-allow-credentials", "true", "true"),
        ("content-type", "image/png", "image/png"),
    ],
)
def test_headers_about_the_client_are_replaced(name: str, value: str, kept: str) -> None:
    answer = Answer(200, "OK", [(name, value)], b"", is_open=True)
    assert Redactor([KEY]).answer(answer).headers == [(name, kept)]


def test_equal_request_ids_stay_equal_and_others_stay_apart() -> None:
    redactor = Redactor([])
    other = REQUEST_ID.replace("yBRUUrTx", "00000000")
    first, second = redactor.text(f"{REQUEST_ID} {REQUEST_ID}").split()
    assert first == second
    assert redactor.text(other) not in (first, other)


def test_bytes_that_are_no_text_are_kept_to_the_byte() -> None:
    body = bytes(range(256)) * 4
    kept = RecordedAnswer.of(
        Received(1, "/f", Answer(200, "OK", [], body, is_open=True)), Redactor([KEY])
    )
    answer = kept.to_answer()
    assert answer is not None
    assert answer.body == body


def test_of_a_large_body_the_beginning_and_a_sum_are_kept() -> None:
    body = bytes(MAX_BODY_BYTES + 1)
    kept = RecordedAnswer.of(
        Received(1, "/f", Answer(200, "OK", [], body, is_open=True)), Redactor([])
    )
    assert not kept.is_whole
    assert len(kept.model_dump_json()) < 10_000


def test_nothing_has_moved_where_all_is_as_it_was(server: ServerThread) -> None:
    case = case_of()
    snapshot = recorded(case, server.url)
    assert parties([snapshot], ran(case, server.url), Party.FAKE) == []


def test_the_service_has_moved_where_it_did_not_answer_as_the_contract_said(
    server: ServerThread,
) -> None:
    snapshot = recorded(case_of(402), server.url)
    result = ran(case_of(200), server.url)
    assert parties([snapshot], result, Party.FAKE) == [Party.SERVICE]


def test_the_contract_has_moved_where_the_recorded_answer_no_longer_fits(
    server: ServerThread,
) -> None:
    snapshot = recorded(case_of(200), server.url)
    result = ran(case_of(402), server.url)
    assert Party.CONTRACT in parties([snapshot], result, Party.FAKE)


def test_the_fake_has_moved_where_it_breaks_the_contract(
    server: ServerThread, moved_service: ServiceProxy
) -> None:
    case = case_of(json={"used_balance": "<number>", "<more>": None})
    snapshot = recorded(case, server.url)
    result = ran(case, moved_service.url)
    assert result.state is State.BROKEN
    assert parties([snapshot], result, Party.FAKE) == [Party.FAKE]


def test_the_fake_has_moved_where_it_has_a_member_that_no_case_speaks_of(
    server: ServerThread, moved_service: ServiceProxy
) -> None:
    case = case_of()
    snapshot = recorded(case, server.url)
    (move,) = moves([snapshot], [ran(case, moved_service.url)], Party.FAKE)
    assert move.party is Party.FAKE
    places = [each.place for each in move.differences]
    assert places == ["step 1, body.spent", "step 1, body.used_balance"]


def test_the_service_has_moved_where_it_is_asked_now_and_answers_otherwise(
    server: ServerThread, moved_service: ServiceProxy
) -> None:
    case = case_of()
    snapshot = recorded(case, server.url)
    result = ran(case, moved_service.url)
    assert parties([snapshot], result, Party.SERVICE) == [Party.SERVICE]


def test_the_service_has_moved_between_two_recordings(
    server: ServerThread, moved_service: ServiceProxy
) -> None:
    case = case_of()
    older = recorded(case, moved_service.url, "2026-10-01")
    newer = recorded(case, server.url, "2026-11-01")
    (move,) = moves([older, newer], [ran(case, server.url)], Party.FAKE)
    assert move.party is Party.SERVICE
    assert "between 2026-10-01 and 2026-11-01" in move.what


@pytest.mark.parametrize(
    ("then", "now", "places"),
    [
        ('{"a":1}', '{"a":2}', []),
        ('{"a":1}', '{"a":1.5}', []),
        ('{"a":1}', '{"a":"1"}', ["body.a"]),
        ('{"a":true}', '{"a":1}', ["body.a"]),
        ('{"a":{"b":1}}', '{"a":{}}', ["body.a.b"]),
        ('{"a":[{"b":1}]}', '{"a":[{"c":1}]}', ["body.a[0].b", "body.a[0].c"]),
        ("no JSON", "other text", []),
    ],
)
def test_the_shape_of_a_body_is_compared(then: str, now: str, places: list[str]) -> None:
    answers = [Answer(200, "OK", [], text.encode(), is_open=True) for text in (then, now)]
    assert [each.place for each in moved(*answers)] == places


@pytest.mark.parametrize(
    ("name", "is_compared"),
    [
        ("retry-after", True),
        ("x-oneapi-request-id", True),
        ("idempotency-replayed", True),
        ("access-control-allow-origin", True),
        ("server", False),
        ("cf-ray", False),
        ("content-length", False),
    ],
)
def test_headers_of_the_api_are_compared_and_those_of_networks_not(
    name: str, is_compared: bool
) -> None:
    plain = Answer(200, "OK", [], b"", is_open=True)
    found = list(moved(plain, plain._replace(headers=[(name, "1")])))
    assert bool(found) is is_compared


def test_the_key_is_hidden_wherever_it_stands() -> None:
    answer = Answer(200, KEY, [(KEY, KEY)], b"\0" + KEY.encode(), is_open=True)
    kept = RecordedAnswer.of(Received(1, "/f", answer), Redactor([KEY]))
    assert KEY not in kept.model_dump_json()
    assert kept.text == "\0***"


@pytest.mark.parametrize(
    "change",
    [{"text": "\ud800"}, {"text": None, "base64": "a"}],
)
def test_odd_content_with_a_right_sum_is_refused(
    change: dict[str, Any], server: ServerThread, tmp_path: Path
) -> None:
    path = recorded(case_of(), server.url).write(tmp_path)
    content = json.loads(path.read_text())
    del content["sha256"]
    content["answers"][0] |= change
    path.write_text(json.dumps({**content, "sha256": _digest(content)}))
    with pytest.raises(InvalidSnapshot):
        Snapshot.read(path)


def test_a_file_that_would_not_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "zero.json").symlink_to("/dev/zero")
    with pytest.raises(InvalidSnapshot, match="expected a file"):
        read_snapshots(tmp_path)


def test_a_body_that_was_cut_is_no_move() -> None:
    whole = Answer(200, "OK", [("content-type", "a/b")], bytes(MAX_BODY_BYTES + 1), is_open=True)
    expected = {"source": "page", "status": 200, "body": {"size": MAX_BODY_BYTES + 1}}
    case = Case.model_validate({"name": "a", "request": {}, "expect": [expected], "frame": "none"})
    result = Result("a", Behaviour(says="", cases=(case,)), case)
    result.received.append(Received(1, "/", whole))
    snapshot = Snapshot.of(result, target="a", dialect="page", day="2026-11-26", secret="")
    assert parties([snapshot], result, Party.FAKE) == []


def test_a_fake_that_follows_a_contract_that_has_moved_is_not_blamed(
    server: ServerThread, moved_service: ServiceProxy
) -> None:
    then = case_of(json={"<more>": None, "spent": "<number>"})
    today = case_of(json={"<more>": None, "used_balance": "<number>"})
    snapshot = recorded(then, moved_service.url)
    assert parties([snapshot], ran(today, server.url), Party.FAKE) == [Party.CONTRACT]


def test_the_contract_has_moved_where_it_has_no_such_case_any_more(server: ServerThread) -> None:
    snapshot = recorded(case_of(), server.url)
    (move,) = moves([snapshot], [], Party.FAKE, known={"balance.get/another"})
    assert (move.party, move.what) == (Party.CONTRACT, "it has no such case any more")
    assert list(moves([snapshot], [], Party.FAKE, known={"balance.get/balance"})) == []
