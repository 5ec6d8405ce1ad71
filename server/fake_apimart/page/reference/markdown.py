"""The Markdown of descriptions as safe HTML: paragraphs, lists, code, emphasis and links.

Nothing else of Markdown is looked for, and HTML is text like any other.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fake_apimart.machine.shortage import loading

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.renderer import RendererHTML
    from markdown_it.token import Token
    from markdown_it.utils import EnvType, OptionsDict
    from markupsafe import Markup

_RULES = ("backticks", "emphasis", "link", "list")
_LINK_RELATION = "noopener noreferrer"
CACHED_TEXTS = 4096
"""More than the texts of a reference, which never change."""


@functools.lru_cache(CACHED_TEXTS)
def blocks(text: str) -> Markup:
    """Return a text of paragraphs and lists as HTML. Raises Shortage."""
    parser = _parser()
    from markupsafe import Markup

    return Markup(parser.render(text))  # noqa: S704


@functools.lru_cache(CACHED_TEXTS)
def inline(text: str) -> Markup:
    """Return a text of one paragraph as HTML, without a tag around it. Raises Shortage."""
    parser = _parser()
    from markupsafe import Markup

    return Markup(parser.renderInline(text))  # noqa: S704


@functools.cache
def _parser() -> MarkdownIt:
    # Imported here because only the page needs it.
    with loading("markdown_it"):
        from markdown_it import MarkdownIt

    parser = MarkdownIt("zero", {"html": False}).enable(_RULES)
    parser.validateLink = _is_web  # type: ignore[method-assign]
    parser.add_render_rule("link_open", _open_link)
    return parser


def _is_web(url: str) -> bool:
    """Return whether a link leads to a site; all others are text."""
    return url.startswith(("https://", "http://"))


def _open_link(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, _: EnvType
) -> str:
    tokens[index].attrSet("rel", _LINK_RELATION)
    return renderer.renderToken(tokens, index, options, {})
