"""Waiting items of pictures with a failed check get the reason *Picture check*, as new ones do.

Only undecided rows change, of which there are few; what was decided stays as people saw it.
"""

from django.db import migrations
from django.db.models import Exists, OuterRef

VOTES = ("unanimous_fake", "split_vote")
UNDECIDED = ("open", "claimed", "settling")


def tell_the_check(apps, schema_editor):
    item, check = apps.get_model("review", "ReviewItem"), apps.get_model("scoring", "CheckResult")
    failed = check.objects.filter(submission=OuterRef("submission"), status="fail", action="review")
    waiting = item.objects.filter(Exists(failed), state__in=UNDECIDED)
    waiting.filter(reason__in=VOTES).update(reason="checks")
    waiting.filter(masked_reason__in=VOTES).update(masked_reason="checks")


class Migration(migrations.Migration):
    dependencies = [("review", "0011_auxiliary_model"), ("scoring", "0002_face_visible")]
    operations = [migrations.RunPython(tell_the_check, migrations.RunPython.noop)]
