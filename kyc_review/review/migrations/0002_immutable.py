from django.db import migrations

# Undecided items change; what was decided stays. Deletion (retention) is left to the foreign keys' PROTECT.
# What people wrote may be emptied once the submission is erased, and nothing else of the row may change.
REFUSE = """
CREATE FUNCTION review_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
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
CREATE TRIGGER review_item_immutable BEFORE UPDATE ON review_reviewitem
    FOR EACH ROW WHEN (OLD.state = 'decided') EXECUTE FUNCTION review_refuse_change();
CREATE TRIGGER review_decision_immutable BEFORE UPDATE ON review_decision
    FOR EACH ROW EXECUTE FUNCTION review_refuse_change();
CREATE TRIGGER review_withdrawal_immutable BEFORE UPDATE ON review_withdrawal
    FOR EACH ROW EXECUTE FUNCTION review_refuse_change();
CREATE TRIGGER review_firstcall_immutable BEFORE UPDATE ON review_firstcall
    FOR EACH ROW EXECUTE FUNCTION review_refuse_change();
"""
ALLOW = """
DROP TRIGGER review_firstcall_immutable ON review_firstcall;
DROP TRIGGER review_withdrawal_immutable ON review_withdrawal;
DROP TRIGGER review_decision_immutable ON review_decision;
DROP TRIGGER review_item_immutable ON review_reviewitem;
DROP FUNCTION review_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("review", "0001_initial"), ("submissions", "0001_initial")]
    operations = [migrations.RunSQL(REFUSE, ALLOW)]
