from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

DATE = """
CREATE TRIGGER registry_promotion_time BEFORE INSERT ON registry_promotion
    FOR EACH ROW EXECUTE FUNCTION audit_record_time_is_now('promoted_at');
"""


class Migration(migrations.Migration):
    dependencies = [("registry", "0003_model_records"), ("audit", "0007_times_of_records")]
    operations = [
        migrations.RunSQL(DATE, "DROP TRIGGER registry_promotion_time ON registry_promotion;"),
        # Rows that are there are not read, so that one of them cannot keep the system from being upgraded.
        AddConstraintNotValid(
            model_name="promotion",
            constraint=models.CheckConstraint(
                condition=models.Q(("shift__gte", -3.0), ("shift__lte", 3.0)), name="promotion_shift_bounded"
            ),
        ),
    ]
