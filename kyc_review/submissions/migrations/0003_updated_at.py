import django.db.models.functions.datetime
import django.utils.timezone
from django.db import migrations, models

# Many statements change a submission, in Python and in SQL; one trigger notes the time for all of them.
WATCH = """
CREATE FUNCTION submissions_note_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END $$;
CREATE TRIGGER submissions_submission_updated BEFORE UPDATE ON submissions_submission
    FOR EACH ROW WHEN (
        (OLD.state, OLD.result, OLD.result_reason, OLD.erased_at)
        IS DISTINCT FROM (NEW.state, NEW.result, NEW.result_reason, NEW.erased_at)
    ) EXECUTE FUNCTION submissions_note_update();
"""
UNWATCH = """
DROP TRIGGER submissions_submission_updated ON submissions_submission;
DROP FUNCTION submissions_note_update();
"""
# Of rows from before there was the column, the last change that is known.
FILL = """
UPDATE submissions_submission SET updated_at = coalesce(erased_at, completed_at, cancelled_at, received_at)
"""


class Migration(migrations.Migration):
    dependencies = [("submissions", "0002_reference_image")]
    operations = [
        migrations.AddField(
            model_name="submission",
            name="updated_at",
            field=models.DateTimeField(
                default=django.utils.timezone.now,
                db_default=django.db.models.functions.datetime.Now(),
                help_text="The last change of state or result. A trigger of the database sets it at every such change.",
            ),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.RunSQL(WATCH, UNWATCH),
    ]
