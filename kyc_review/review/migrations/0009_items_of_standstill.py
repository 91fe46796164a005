from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Built while the queue works: it locks no row."""

    atomic = False

    dependencies = [
        ('review', '0008_checks_and_standstill'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='reviewitem',
            index=models.Index(condition=models.Q(('reason', 'standstill'), ('state', 'open')), fields=['opened_at'], name='item_of_standstill'),
        ),
    ]
