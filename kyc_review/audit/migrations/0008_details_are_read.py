from django.db import migrations, models

from kyc_review.audit.models import DetailDecoder

# An event whose detail no program reads would stop verification, pages and exports for good, because no role but the
# owner may delete it. Not validated: rows from before that break this must not stop the upgrade, and readers bear them.
# Numbers: Python reads no integer of more than 4300 digits. Depth: its JSON reader has a limit, too.
BOUND = """
ALTER TABLE audit_event ADD CONSTRAINT event_detail_is_read CHECK (
    jsonb_typeof(detail) = 'object'
    AND pg_column_size(detail) <= 262144
    AND NOT jsonb_path_exists(detail, '$.**{20 to last}')
    AND NOT jsonb_path_exists(detail, '$.** ? (@ > 1e300 || @ < -1e300)')
) NOT VALID;
ALTER TABLE audit_sealedbatch ADD CONSTRAINT batch_time_is_read CHECK (
    sealed_at BETWEEN '2000-01-01 00:00+00' AND '9999-01-01 00:00+00'
) NOT VALID;
"""
FREE = """
ALTER TABLE audit_event DROP CONSTRAINT event_detail_is_read;
ALTER TABLE audit_sealedbatch DROP CONSTRAINT batch_time_is_read;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0007_times_of_records")]
    operations = [
        migrations.RunSQL(BOUND, FREE),
        migrations.AlterField("event", "detail", models.JSONField(decoder=DetailDecoder, default=dict)),
    ]
