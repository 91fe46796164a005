from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

import kyc_review.core.db.slots


class Migration(migrations.Migration):

    atomic = False
    dependencies = [
        ('review', '0026_audit_counts'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='auditdraw',
            index=models.Index(models.F('outcome'), kyc_review.core.db.slots.Slot('drawn_at'), name='audit_draw_by_slot'),
        ),
    ]
