from django.db import migrations

# Where `erased_at` could be emptied again, what an erasure may empty could be emptied of any submission.
KEEP = """
CREATE FUNCTION submissions_stays_erased() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'submission % is erased and stays so', OLD.id;
END $$;
CREATE TRIGGER submissions_stays_erased BEFORE UPDATE OF erased_at ON submissions_submission
    FOR EACH ROW WHEN (OLD.erased_at IS NOT NULL AND NEW.erased_at IS DISTINCT FROM OLD.erased_at)
    EXECUTE FUNCTION submissions_stays_erased();
"""
FREE = """
DROP TRIGGER submissions_stays_erased ON submissions_submission;
DROP FUNCTION submissions_stays_erased();
"""


class Migration(migrations.Migration):
    dependencies = [("submissions", "0016_rejected_index")]
    operations = [migrations.RunSQL(KEEP, FREE)]
