from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models
from django.db.models import Case, F, Q, Value, When


class Migration(migrations.Migration):
    """The new index is built while claims go on with the old one, which is removed last."""

    atomic = False
    dependencies = [("review", "0014_reserved_ahead")]

    operations = [
        AddIndexConcurrently(
            model_name="reviewitem",
            index=models.Index(
                Case(
                    When(is_escalated=True, then=Value(-1)),
                    When(is_blind=True, then=Value(0)),
                    default=F("priority"),
                    output_field=models.IntegerField(),
                ),
                Case(
                    When(is_blind=True, then=Value(-1.0)),
                    default=F("urgency") * -1,
                    output_field=models.FloatField(),
                ),
                F("opened_at"),
                F("id"),
                condition=Q(state__in=["open", "claimed"]),
                name="item_queue_order",
            ),
        ),
        AddIndexConcurrently(
            model_name="reviewitem",
            index=models.Index(
                fields=["opened_at", "id"],
                condition=Q(state__in=["open", "claimed"]),
                name="item_waiting_since",
            ),
        ),
        RemoveIndexConcurrently(model_name="reviewitem", name="item_next"),
    ]
