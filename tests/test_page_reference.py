"""The reference: all that the server says of itself, taken from there, and shown as text alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest
from fake_apimart.app import Application, create_app
from fake_apimart.cases.reading import case_files
from fake_apimart.contract.operations import JOURNALED, OPERATIONS
from fake_apimart.control.documentation import TAGS
from fake_apimart.generation.models import MODELS
from fake_apimart.page.reference import reference as reference_module
from fake_apimart.page.reference.book import ReferenceBook
from fake_apimart.page.reference.fields import Field, Limit, field_of, fields_of, variants_of
from fake_apimart.page.reference.markdown import blocks, inline
from fake_apimart.page.reference.operations import Answer, Content, Operation
from fake_apimart.page.reference.reference import Reference, reference_of
from fake_apimart.settings.settings import Settings
from fake_apimart.worlds.magic_keys import NAMES, magic_of
from fake_apimart.worlds.outcome import MARKERS, Outcome, outcome_of
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import StartServer
from tests.harness import ServerThread


def application(**settings: Any) -> Application:
    return create_app(Settings(**{"storage": "memory://", **settings}))


def made(**settings: Any) -> Reference:
    app = application(**settings)
    return reference_of(app, app.settings)


@pytest.fixture(scope="module")
def reference() -> Reference:
    return made()


def operation(reference: Reference, name: str) -> Operation:
    (found,) = (each.operation for each in reference.operations if each.operation.name == name)
    return found


def answer(of: Operation, status: int) -> Answer:
    (found,) = (each for each in of.answers if each.status == status)
    return found


def field(fields: tuple[Field, ...], name: str) -> Field:
    (found,) = (each for each in fields if each.name == name)
    return found


# Operations.


@pytest.mark.parametrize("dialect", ["page", "live"])
def test_every_operation_of_the_dialect_is_there_with_all_its_routes(dialect: str) -> None:
    found = [each.operation for each in made(dialect=dialect).operations]
    expected = [each for each in OPERATIONS if each.world and dialect in each.dialects]
    assert [each.name for each in found] == [each.handler for each in expected]
    for shown, row in zip(found, expected, strict=True):
        assert len(shown.routes) == len(row.methods) * len(row.paths)
        assert shown.route.method == row.methods[0]


def test_anchors_are_unique_and_fit_for_urls(reference: Reference) -> None:
    anchors = [each.operation.anchor for each in reference.operations]
    assert len(set(anchors)) == len(anchors)
    assert all(each.replace(".", "").isalpha() for each in anchors)


def test_every_answer_of_the_document_is_there_word_for_word() -> None:
    app = application()
    paths = app.openapi()["paths"]
    for described in reference_of(app, app.settings).operations:
        of = described.operation
        responses = paths[of.route.path][of.route.method.lower()]["responses"]
        assert {str(each.status): each.meaning for each in of.answers} == {
            status: response["description"] for status, response in responses.items()
        }
        for each in of.answers:
            examples = [
                example["value"]
                for content in responses[str(each.status)].get("content", {}).values()
                for example in content.get("examples", {}).values()
            ]
            shown = [example.text for content in each.contents for example in content.examples]
            assert [_value(text) for text in shown] == [_value(example) for example in examples]


def _value(example: Any) -> Any:
    try:
        return json.loads(example) if isinstance(example, str) else example
    except ValueError:
        return example


def test_upload_says_its_field_its_answer_and_its_errors(reference: Reference) -> None:
    upload = operation(reference, "uploads.create")
    (content,) = upload.contents
    assert content.media_types == ("multipart/form-data",)
    assert content.bodies[0].fields[0].name == "file"
    assert content.bodies[0].fields[0].is_required
    (good,) = upload.good
    names = [each.name for each in good.contents[0].bodies[0].fields]
    assert names == ["url", "filename", "content_type", "bytes", "created_at"]
    assert [each.name for each in good.headers] == ["X-Oneapi-Request-Id"]
    assert {each.status for each in upload.errors} >= {400, 401, 413, 429, 500}
    (refusal,) = answer(upload, 413).contents[0].examples
    assert "exceeds maximum 20971520 bytes" in refusal.text
    assert answer(upload, 413).text == "Request Entity Too Large"


def test_limits_of_a_request_are_those_of_its_model(reference: Reference) -> None:
    (content,) = operation(reference, "generations.create").contents
    assert len(content.examples) == 4
    (body,) = (each for each in content.bodies if each.title == "Request-gpt-image-2")
    count = field(body.fields, "n")
    assert (count.type, count.is_required) == ("integer", False)
    limits = (Limit("default", ("1",)), Limit("minimum", ("1",)), Limit("maximum", ("10",)))
    assert count.limits == limits
    assert field(body.fields, "image_urls").type == "array of string or object"
    assert "16:9" in field(body.fields, "size").limits[0].values


def test_fields_of_a_poll_are_those_of_each_state(reference: Reference) -> None:
    content = answer(operation(reference, "tasks.get"), 200).contents[0]
    (body,) = content.bodies
    assert field(body.fields, "data.id").is_required
    assert not field(body.fields, "data.error.message").is_required
    assert field(body.fields, "data.result.images[].url").type == "array of string"
    (states,) = field(body.fields, "data.status").limits
    assert states.keyword == "enum"
    assert set(states.values) == {"pending", "processing", "completed", "failed"}


def test_types_of_a_file_are_named_together(reference: Reference) -> None:
    (content,) = answer(operation(reference, "files.get"), 200).contents
    assert content.media_types == ("image/jpeg", "image/png", "image/gif", "image/webp")


def test_parameters_say_where_they_stand(reference: Reference) -> None:
    places = {
        (each.place, each.field.name) for each in operation(reference, "models.schema").parameters
    }
    assert places == {("path", "model"), ("query", "model"), ("query", "operation")}


def contents(reference: Reference) -> Iterator[Content]:
    for described in reference.operations:
        yield from described.operation.contents
        for each in described.operation.answers:
            yield from each.contents


def test_no_field_is_named_twice_in_a_body(reference: Reference) -> None:
    for content in contents(reference):
        for body in content.bodies:
            names = [each.name for each in body.fields]
            assert len(set(names)) == len(names), (body.title, names)


def test_every_field_has_a_type(reference: Reference) -> None:
    for content in contents(reference):
        for body in content.bodies:
            assert all(each.type for each in body.fields), body


# Fields, of schemas that the document does not have.


def test_schema_that_holds_itself_ends() -> None:
    schemas = {"#/tree": {"type": "object", "properties": {"left": {"$ref": "#/tree"}}}}
    assert [each.name for each in fields_of({"$ref": "#/tree"}, schemas)] == ["left"]


def test_what_stands_beside_a_reference_counts() -> None:
    schemas = {"#/text": {"type": "string", "description": "a text"}}
    beside = {"$ref": "#/text", "description": "another"}
    assert field_of("a", beside, schemas, is_required=False).meaning == "another"
    assert field_of("a", {"$ref": "#/text"}, schemas, is_required=False).meaning == "a text"


def test_choice_of_objects_is_several_bodies_and_a_choice_of_texts_is_one() -> None:
    objects = {"anyOf": [{"type": "object", "title": "A"}, {"type": "object", "title": "B"}]}
    assert [each["title"] for each in variants_of(objects, {})] == ["A", "B"]
    text = {"type": "string", "anyOf": [{"enum": ["a"]}, {"pattern": "b"}]}
    assert variants_of(text, {}) == [text]


def test_field_of_several_variants_is_required_where_each_requires_it() -> None:
    one = {
        "properties": {"a": {"type": "string"}, "b": {"const": 1, "type": "integer"}},
        "required": ["a", "b"],
    }
    other = {"properties": {"b": {"const": "x", "type": "string"}}, "required": ["b"]}
    held = {"properties": {"data": {"anyOf": [one, other]}}}
    fields = fields_of(held, {})
    assert not field(fields, "data.a").is_required
    assert field(fields, "data.b").is_required
    assert field(fields, "data.b").type == "integer or string"
    assert field(fields, "data.b").limits == (Limit("enum", ("1", "x")),)


def test_types_that_are_listed_are_all_named() -> None:
    schema = {"type": ["string", "null"], "enum": ["a", None, 2]}
    described = field_of("a", schema, {}, is_required=True)
    assert described.type == "string or null"
    assert described.limits == (Limit("enum", ("a", "null", "2")),)


# What is known.


def test_every_case_file_is_told_once_or_more_and_none_is_forgotten(reference: Reference) -> None:
    told = {each.title for described in reference.operations for each in described.known}
    general = {each.title for each in reference.general}
    assert told.isdisjoint(general)
    assert told | general == {each.title for each in case_files()}


def test_parts_of_uploads_stand_with_uploads(reference: Reference) -> None:
    (found,) = (each for each in reference.operations if each.operation.name == "uploads.create")
    assert {each.operation for each in found.known} == {
        *("uploads.create", "upload_forms", "file_types", "file_urls")
    }


def test_what_is_assumed_is_told_apart_from_what_is_proven(reference: Reference) -> None:
    every = [*(known for each in reference.operations for known in each.known), *reference.general]
    assert all(each.sources == ("assumed",) for known in every for each in known.assumed)
    proven = [each for known in every for each in known.proven]
    assert proven
    assert all(each.sources != ("assumed",) and each.cases > 0 for each in proven)


def test_every_journaled_operation_has_cases(reference: Reference) -> None:
    assert {known.operation for each in reference.operations for known in each.known} >= {
        *JOURNALED
    }


# Tables.


def test_magic_keys_of_the_table_do_what_they_say(reference: Reference) -> None:
    assert len(reference.magic_keys) == len(NAMES)
    for row in reference.magic_keys:
        assert magic_of(row.name).meaning == row.meaning


@pytest.mark.parametrize("name", MARKERS)
def test_form_of_each_marker_is_one_that_is_read(name: str) -> None:
    for form in MARKERS[name].form.split(" or "):
        part = form.replace("NUMBER", "3").replace("INTEGER", "3")
        assert isinstance(outcome_of(f"a cat [fake: {part}]", None, Outcome()), Outcome)


def test_models_are_those_that_the_server_offers(reference: Reference) -> None:
    assert reference.models == MODELS
    assert [each.id for each in made(models="b,a").models] == ["a", "b"]


def test_calls_of_the_control_api_are_grouped_as_in_the_document(reference: Reference) -> None:
    document = application().openapi()
    control = [
        f"{method.upper()} {path}"
        for path, of_path in document["paths"].items()
        for method, described in of_path.items()
        if set(described["tags"]) <= TAGS.keys()
    ]
    shown = [str(call.route) for group in reference.call_groups for call in group.calls]
    assert sorted(shown) == sorted(control)
    assert [group.meaning for group in reference.call_groups] == list(TAGS.values())
    assert all(call.summary for group in reference.call_groups for call in group.calls)


# The screen.


class Screen(HTMLParser):
    """What of the screen's HTML is looked at."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.tags: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.add(tag)
        self.attributes |= given.keys()
        self.ids += filter(None, [given.get("id")])
        self.links += filter(None, [given.get("href")])

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture(scope="module")
def html(server: ServerThread) -> str:
    answer = httpx.get(f"{server.url}/_fake/page/reference", headers={"Accept-Language": "en"})
    assert answer.status_code == 200, answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    return answer.text


def test_each_link_within_the_screen_leads_somewhere(html: str) -> None:
    screen = Screen(html)
    assert len(set(screen.ids)) == len(screen.ids)
    anchors = {link[1:] for link in screen.links if link.startswith("#")}
    assert anchors <= {*screen.ids}
    assert anchors >= {"uploads.create", "tasks.get.page", "keys", "sources"}


def test_screen_shows_each_example_as_text(html: str, reference: Reference) -> None:
    texts = {*Screen(html).texts}
    for content in contents(reference):
        assert {example.text for example in content.examples} <= texts


def test_screen_shows_all_that_is_known(html: str, reference: Reference) -> None:
    shown = "".join(Screen(html).texts)
    every = [*(known for each in reference.operations for known in each.known), *reference.general]
    for known in every:
        for each in (*known.proven, *known.assumed):
            assert Tags(inline(each.says)).text in shown
    for row in (*reference.magic_keys, *reference.markers, *reference.sources):
        assert row.name in shown


def test_screen_has_neither_scripts_nor_styles_of_its_own(html: str) -> None:
    screen = Screen(html)
    assert "style" not in screen.attributes | screen.tags
    assert not [name for name in screen.attributes if name.startswith(("on", "hx-on"))]


def test_links_to_the_document_work(server: ServerThread, html: str) -> None:
    for path in ("/_fake/docs", "/_fake/openapi.json"):
        assert path in Screen(html).links
        assert httpx.get(server.url + path).status_code == 200


def test_hostile_name_of_a_model_is_text(start_server: StartServer) -> None:
    name = "<script>alert(1)</script>"
    hostile = start_server(models=name)
    screen = httpx.get(f"{hostile.url}/_fake/page/reference", headers={"Accept-Language": "en"})
    assert name not in screen.text
    assert name in Screen(screen.text).texts


# Made once.


def test_reference_is_made_once_for_all_who_open_it(monkeypatch: pytest.MonkeyPatch) -> None:
    makings: list[int] = []

    def counted(app: Application, settings: Settings) -> Reference:
        makings.append(1)
        return reference_of(app, settings)

    monkeypatch.setattr(reference_module, "reference_of", counted)

    async def open_it() -> list[Reference]:
        app = application()
        book = ReferenceBook()
        assert not makings
        openings = [book.opened(app, app.settings) for _ in range(8)]
        return [*await asyncio.gather(*openings), await book.opened(app, app.settings)]

    first, *others = asyncio.run(open_it())
    assert all(each is first for each in others)
    assert len(makings) == 1


def test_reference_that_could_not_be_made_is_made_by_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> Reference:
        raise MemoryError

    async def open_it() -> Reference:
        app = application()
        book = ReferenceBook()
        with monkeypatch.context() as patch:
            patch.setattr(reference_module, "reference_of", fail)
            with pytest.raises(MemoryError):
                await book.opened(app, app.settings)
        return await book.opened(app, app.settings)

    assert asyncio.run(open_it()).operations


# Markdown.


class Tags(HTMLParser):
    """The tags and the text of HTML; attributes count as part of their tag."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[tuple[str, str | None], ...]]] = []
        self.text = ""
        self.feed(str(html))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


ALLOWED = {"p", "ul", "ol", "li", "code", "strong", "em", "a", "br"}


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a `b<c>` d", "a <code>b&lt;c&gt;</code> d"),
        ("**a** *b*", "<strong>a</strong> <em>b</em>"),
        (
            "[a](https://b.c/?d&e)",
            '<a href="https://b.c/?d&amp;e" rel="noopener noreferrer">a</a>',
        ),
        ("`GET /v1/models/{id}`", "<code>GET /v1/models/{id}</code>"),
    ],
)
def test_markdown_of_a_line_is_html(text: str, html: str) -> None:
    assert inline(text) == html


def test_markdown_of_paragraphs_and_lists_is_html() -> None:
    assert blocks("a\n\n- b\n- c\n") == "<p>a</p>\n<ul>\n<li>b</li>\n<li>c</li>\n</ul>\n"


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "`</code><script>alert(1)</script>`",
    "[a](javascript:alert(1))",
    "[a](JaVaScRiPt:alert(1))",
    "[a](data:text/html;base64,PHNjcmlwdD4=)",
    "[a](data:image/png;base64,AAAA)",
    "[a](//other.host/)",
    '[a](https://b.c "x\\" onmouseover=alert(1)")',
    '[a](https://b.c/"onmouseover="alert(1))',
    "![a](https://other.host/x.png)",
    "<https://other.host>",
    "<!-- --> <style>*{}</style>",
    "&lt;script&gt;",
    "- <b>a</b>\n- <iframe>",
    "# <h1>a</h1>",
    "```html\n<b>\n```",
    "    <b>",
    "\0<\0script>",
]


def assert_harmless(html: str) -> None:
    for tag, attributes in Tags(html).tags:
        assert tag in ALLOWED, html
        for name, value in attributes:
            if tag == "a":
                assert name in {"href", "rel", "title"}, html
                assert name != "href" or str(value).startswith(("http://", "https://")), html
            else:
                assert (tag, name) == ("ol", "start"), html


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_text(text: str) -> None:
    assert_harmless(blocks(text))
    assert_harmless(inline(text))


@given(
    st.text(max_size=200) | st.lists(st.sampled_from([*HOSTILE, *"`*_[]()<>&\"'\n -"])).map("".join)
)
def test_any_text_is_harmless(text: str) -> None:
    assert_harmless(blocks(text))
    assert_harmless(inline(text))


def test_all_texts_of_the_reference_render_without_marks_that_are_left(
    reference: Reference,
) -> None:
    texts = [each.operation.description for each in reference.operations]
    texts += [answer.meaning for each in reference.operations for answer in each.operation.answers]
    texts += [*reference.differences, *reference.not_emulated]
    for text in texts:
        shown = Tags(blocks(text)).text
        assert "**" not in shown
        assert "](" not in shown
