from django.db import migrations

# What people wrote may be emptied once the submission is erased, and nothing else of the row may change.
ALLOW_EMPTYING = """
CREATE OR REPLACE FUNCTION review_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    -- Generated columns are not known yet before an update; what they come from is compared.
    words text[] := ARRAY['note', 'message', 'shown_reason', 'priority', 'urgency'];
BEGIN
    IF TG_TABLE_NAME IN ('review_decision', 'review_reviewitem') THEN
        IF to_jsonb(NEW) - words = to_jsonb(OLD) - words
            AND coalesce(to_jsonb(NEW) ->> 'note', '') = '' AND coalesce(to_jsonb(NEW) ->> 'message', '') = ''
            AND EXISTS (
                SELECT 1 FROM submissions_submission WHERE id = OLD.submission_id AND erased_at IS NOT NULL
            )
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'decided review rows are immutable';
END $$;
"""
REFUSE = """
CREATE OR REPLACE FUNCTION review_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'decided review rows are immutable';
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("review", "0005_places"), ("submissions", "0005_erasure")]
    operations = [migrations.RunSQL(ALLOW_EMPTYING, REFUSE)]
