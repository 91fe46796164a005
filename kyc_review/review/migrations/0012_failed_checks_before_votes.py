"""Waiting items of pictures with a failed check get the reason *Picture check*, as new ones do.

Only undecided rows change; what was decided stays as people saw it. Each batch is a transaction of its own, so that
no decision waits for the search through a long queue. An interrupted run is repeated.
"""

from django.db import migrations
from django.db.models import Exists, OuterRef, Q

VOTES = ("unanimous_fake", "split_vote")
UNDECIDED = ("open", "claimed", "settling")
BATCH = 1000


def tell_the_check(apps, schema_editor):
    item, check = apps.get_model("review", "ReviewItem"), apps.get_model("scoring", "CheckResult")
    failed = check.objects.filter(submission=OuterRef("submission"), status="fail", action="review")
    waiting = item.objects.filter(state__in=UNDECIDED)
    told_votes = waiting.filter(Exists(failed), Q(reason__in=VOTES) | Q(masked_reason__in=VOTES)).order_by("id")
    last = 0
    while batch := list(told_votes.filter(id__gt=last).values_list("id", flat=True)[:BATCH]):
        waiting.filter(id__in=batch, reason__in=VOTES).update(reason="checks")
        waiting.filter(id__in=batch, masked_reason__in=VOTES).update(masked_reason="checks")
        last = batch[-1]


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("review", "0011_auxiliary_model"), ("scoring", "0002_face_visible")]
    operations = [migrations.RunPython(tell_the_check, migrations.RunPython.noop)]
