"""`updated_at` of rows from before there was the column: the last change that is known.

Each batch is a transaction of its own, so that no submission waits for long. An interrupted run is repeated.
"""

from datetime import UTC, datetime

from django.db import migrations
from django.db.models.functions import Coalesce

UNFILLED = datetime(1970, 1, 1, tzinfo=UTC)  # the default of 0003
BATCH = 1000


def fill(apps, schema_editor):
    rows = apps.get_model("submissions", "Submission").objects.order_by("pk")
    batch = list(rows.values_list("pk", flat=True)[:BATCH])
    while batch:
        # What changed since then has its time from the trigger.
        rows.filter(pk__in=batch, updated_at=UNFILLED).update(
            updated_at=Coalesce("erased_at", "completed_at", "cancelled_at", "received_at")
        )
        batch = list(rows.filter(pk__gt=batch[-1]).values_list("pk", flat=True)[:BATCH])


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("submissions", "0003_updated_at")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
