from django import template
from django.utils.translation import gettext_lazy as _

register = template.Library()

EDITS = {
    "all": _("All"),
    "swap": _("Part of another face"),
    "mesh": _("Part of another face, fitted to its shape"),
    "self": _("Own part, retouched"),
    "warp": _("Feature moved or resized"),
    "retouch": _("Skin smoothed"),
    "copymove": _("Patch copied within the face"),
    "splice": _("Patch of another picture"),
}
BANDS = {
    "below_0.5": _("Below 0.5"),
    "0.5_to_0.8": _("0.5 to 0.8"),
    "0.8_to_0.95": _("0.8 to 0.95"),
    "from_0.95": _("0.95 and more"),
    "no_votes": _("No votes"),
}


@register.filter
def edit_name(way: str) -> str:
    """A kind of edit in words."""
    return str(EDITS.get(way, way))


@register.filter
def band_name(band: str) -> str:
    """A band of risk in words."""
    return str(BANDS.get(band, band))
