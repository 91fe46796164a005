"""The viewer and the evidence panel, so that a page includes either with one tag."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.translation import gettext

from detection.forensics.catalogue import FORENSIC_VIEWS
from kyc_review.review.models import ReviewItem
from kyc_review.workbench.evidence import context as contexts

register = template.Library()


@register.inclusion_tag("evidence/_viewer.html", takes_context=True)
def viewer(context: template.RequestContext, item: ReviewItem) -> dict[str, Any]:
    return contexts.viewer_context(item=item, viewer=context["request"].user)


@register.inclusion_tag("evidence/_panel.html")
def evidence_panel(panel: dict[str, Any]) -> dict[str, Any]:
    """From `panel_context`, which the page has read already."""
    return panel


@register.inclusion_tag("evidence/_panes.html", takes_context=True)
def viewer_panes(context: template.RequestContext, item: ReviewItem) -> dict[str, Any]:
    """The viewer's buttons alone, swapped into a page that shows the item already."""
    return contexts.viewer_context(item=item, viewer=context["request"].user) | {"swaps_panes": True}


@register.inclusion_tag("evidence/_keys.html")
def viewer_keys() -> dict[str, Any]:
    """The viewer's part of the list of keys."""
    titles = ", ".join(gettext(view.title) for view in FORENSIC_VIEWS)
    return {"views": FORENSIC_VIEWS, "titles": titles}
