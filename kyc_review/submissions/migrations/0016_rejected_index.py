from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False
    dependencies = [
        ('submissions', '0015_sha256_index'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='submission',
            index=models.Index(condition=models.Q(('result', 'rejected')), fields=['received_at'], name='submission_rejected'),
        ),
    ]
