"""Markdown of a file, such as a model card, as HTML that is safe to show."""

from __future__ import annotations

from django.utils.safestring import SafeString, mark_safe


def markdown_html(text: str, *, below: int) -> SafeString:
    """CommonMark with tables. HTML in the text is shown as text, pictures are left out, links with scripts stay text.

    below: the level of the heading that it stands under; its own headings follow at the next level.
    """
    from markdown_it import MarkdownIt  # here: few pages show Markdown

    parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    tokens = parser.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1:]) + below)}"
        token.attrs.pop("style", None)  # of aligned columns; the content security policy refuses it
    return mark_safe(parser.renderer.render(tokens, parser.options, {}))  # noqa: S308  (the renderer escapes)
