import django.contrib.postgres.indexes
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):

    atomic = False
    dependencies = [
        ('submissions', '0014_found_by_metadata'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='submission',
            index=django.contrib.postgres.indexes.HashIndex(fields=['sha256'], name='submission_by_sha256'),
        ),
    ]
