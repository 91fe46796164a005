"""New user names that no reader can take for another person's: in logs, on the audit page, in proposals.

Letters of other scripts look like Latin ones (Cyrillic U+0430 like a), so a new name is of ASCII: that
rules whole scripts out, where a table of confusable characters (Unicode TR 39) needs a package that has to follow
Unicode. What remains confusable within ASCII is compared by skeletons, as TR 39 does: punctuation and capitals count
for nothing, characters and pairs that look the same count as one. TR 39 lists I, 1 and l, O and 0, rn and m, vv and w;
the others are of fonts in which people read logs.
"""

import unicodedata
from itertools import chain

from django.contrib.auth.validators import ASCIIUsernameValidator
from django.core.exceptions import ValidationError
from django.utils.translation import gettext

from kyc_review.accounts.models import User
from kyc_review.audit.models import Event
from kyc_review.core.db.locks import lock_for_transaction

LOCK = 0x6B79_6E61_6D65  # "kyname": two accounts made at the same moment are compared, too
PUNCTUATION = "._-+@"  # alice and alice. are one name to who reads a log
PAIRS = (("rn", "m"), ("vv", "w"), ("cl", "d"))
READ_AS_LETTERS = str.maketrans("0158", "olsb")
I_LIKE_L = str.maketrans("i2", "lz")


def skeletons(name: str) -> set[str]:
    """Two names have one in common if a reader could confuse them."""
    name = "".join(c for c in unicodedata.normalize("NFKC", name) if c not in PUNCTUATION)
    found = set()
    for written in (name, name.replace("I", "l")):  # cI is read as d
        plain = read = written.casefold().translate(READ_AS_LETTERS)
        for pair, letter in PAIRS:  # before i is read as l: ci is no d
            read = read.replace(pair, letter)
        found |= {plain.translate(I_LIKE_L), read.translate(I_LIKE_L)}
    return found


def user_name_check(name: str, *, of: User | None = None) -> None:
    """Raises ValidationError for a new name that is not of ASCII or looks like another's, which it names.

    Also one that another had before: earlier events have it, and its new holder would seem to have acted then.
    `of`: whose name it becomes; it may look like their present one. In a transaction: holds LOCK to its end.
    """
    ASCIIUsernameValidator()(name)
    lock_for_transaction(LOCK)
    looks = skeletons(name)
    others = User.objects.exclude(pk=of.pk) if of else User.objects.all()
    renamed = Event.objects.filter(action="staff.renamed", target_kind="user", detail__has_key="username")
    earlier = renamed.exclude(target_id=str(of.pk)) if of else renamed
    names = others.values_list("username", flat=True), earlier.values_list("detail__before", flat=True)
    for other in chain(*names):
        if not looks.isdisjoint(skeletons(other)):
            raise ValidationError(
                gettext(
                    "This name looks like %(name)s, which another account has or had: punctuation and capitals count "
                    "for nothing, and 0 and o, 1, i and l, 5 and s, 8 and b, 2 and z, rn and m, vv and w, cl and d "
                    "count as the same. Choose another name."
                ),
                code="looks_like",
                params={"name": other},
            )
