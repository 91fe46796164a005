"""New user names that no reader can take for another person's: in logs, on the audit page, in proposals.

Letters of other scripts look like Latin ones (Cyrillic U+0430 like a), so a new name is of ASCII: that
rules whole scripts out, where a table of confusable characters (Unicode TR 39) needs a package that has to follow
Unicode. What remains confusable within ASCII is compared: capitals, and the pairs that TR 39 lists.
"""

import unicodedata

from django.contrib.auth.validators import ASCIIUsernameValidator
from django.core.exceptions import ValidationError
from django.utils.translation import gettext

from kyc_review.accounts.models import User
from kyc_review.core.db.locks import lock_for_transaction

LOCK = 0x6B79_6E61_6D65  # "kyname": two accounts made at the same moment are compared, too
# Of TR 39's confusables those within ASCII; "rn" and "vv" are read as one letter.
SAME = (("rn", "m"), ("vv", "w"), ("I", "l"), ("1", "l"), ("0", "o"), ("5", "s"))

PUNCTUATION = "._-+@"  # alice and alice. are one name to who reads a log


def skeleton(name: str) -> str:
    """Equal for names that a reader could confuse."""
    name = "".join(c for c in unicodedata.normalize("NFKC", name) if c not in PUNCTUATION)
    for looks, like in SAME:
        name = name.replace(looks, like)
    return name.casefold()


def user_name_check(name: str) -> None:
    """Raises ValidationError for a new name that is not of ASCII or looks like an existing one, which it names.

    In a transaction: holds LOCK to its end.
    """
    ASCIIUsernameValidator()(name)
    lock_for_transaction(LOCK)
    looks = {skeleton(name), skeleton(name.casefold())}
    for other in User.objects.values_list("username", flat=True).iterator():
        if not looks.isdisjoint({skeleton(other), skeleton(other.casefold())}):
            raise ValidationError(
                gettext("This name looks like %(name)s, which another account has. Choose another name."),
                code="looks_like",
                params={"name": other},
            )
