from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False
    dependencies = [
        ('webhooks', '0006_with_external_ref'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='delivery',
            index=models.Index(condition=models.Q(('state', 'delivered')), fields=['endpoint', '-finished_at'], name='webhook_delivery_latest'),
        ),
    ]
