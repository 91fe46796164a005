import django.db.models.deletion
from django.db import migrations, models

from kyc_review.core.db.index_drops import key_index_dropped


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("webhooks", "0008_endpoint_disabled")]
    operations = [
        key_index_dropped(
            "webhooks_event",
            "webhooks_event_integration_id_47d34ae7",
            model="event",
            field="integration",
            key=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="accounts.integration",
            ),
        ),
        key_index_dropped(
            "webhooks_delivery",
            "webhooks_delivery_event_id_b6f5af91",
            model="delivery",
            field="event",
            key=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="deliveries",
                to="webhooks.event",
            ),
        ),
        key_index_dropped(
            "webhooks_delivery",
            "webhooks_delivery_endpoint_id_6cbee67d",
            model="delivery",
            field="endpoint",
            key=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="deliveries",
                to="webhooks.endpoint",
            ),
        ),
    ]
