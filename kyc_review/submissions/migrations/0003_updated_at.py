from datetime import UTC, datetime

from django.db import migrations, models
from django.db.models.functions import Now
from django.utils import timezone

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
# Of rows that the next migration has not filled yet. A constant, because it needs no row to be written; after it the
# default for new rows is the time.
UNFILLED = datetime(1970, 1, 1, tzinfo=UTC)
TOLD = "The last change of state or result. A trigger of the database sets it at every such change."


class Migration(migrations.Migration):
    """Only what takes a moment, because reading waits for it; 0004 fills the column while everything goes on."""

    dependencies = [("submissions", "0002_reference_image")]
    operations = [
        migrations.AddField(
            model_name="submission",
            name="updated_at",
            field=models.DateTimeField(default=timezone.now, db_default=UNFILLED, help_text=TOLD),
        ),
        migrations.AlterField(
            model_name="submission",
            name="updated_at",
            field=models.DateTimeField(default=timezone.now, db_default=Now(), help_text=TOLD),
        ),
        migrations.RunSQL(WATCH, UNWATCH),
    ]
