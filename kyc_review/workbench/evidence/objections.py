"""What `detection.forensics` says against error levels of a file, as evidence stores it; pages translate it."""

from django.utils.translation import gettext_noop

from kyc_review.core.stored_texts import stored

NOT_JPEG = stored(
    gettext_noop("The file is not a JPEG, so every part changes equally when it is saved as one.")
)
STRONG = stored(
    gettext_noop("The file was saved at quality %(quality)s; such strong compression removes all traces.")
)
SAVED_TWICE = stored(
    gettext_noop(
        "The whole picture was saved again, first at about quality %(earlier)s, "
        "then at %(quality)s: error levels mainly show that."
    )
)
TOO_LARGE = stored(gettext_noop("The picture is too large for this view."))
