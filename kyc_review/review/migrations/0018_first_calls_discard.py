from django.db import migrations

# The application's role may not delete first calls. When the onboarding system cancels, the undecided item goes, and
# with it what was called on it: this function is the only way, and it refuses where a person has decided.
DISCARD = """
CREATE FUNCTION review_first_calls_discard(item bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM review_decision WHERE item_id = item) THEN
        RAISE EXCEPTION 'first calls of decided items stay';
    END IF;
    DELETE FROM review_firstcall WHERE item_id = item;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("review", "0017_outcome_may_be_known")]
    operations = [migrations.RunSQL(DISCARD, "DROP FUNCTION review_first_calls_discard(bigint);")]
