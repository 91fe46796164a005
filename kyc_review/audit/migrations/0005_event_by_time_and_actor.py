from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False
    dependencies = [
        ('audit', '0004_event_by_transaction'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='event',
            index=models.Index(fields=['at', 'id'], name='event_by_time'),
        ),
        AddIndexConcurrently(
            model_name='event',
            index=models.Index(condition=models.Q(('actor_name', ''), _negated=True), fields=['actor_name', 'at', 'id'], name='event_by_actor'),
        ),
    ]
