from django.db import migrations

# The function deletes what people called, with the owner's rights. The log says what was deleted, whichever code calls it.
DISCARD = """
CREATE OR REPLACE FUNCTION review_first_calls_discard(item bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    gone jsonb;
BEGIN
    IF EXISTS (SELECT 1 FROM review_decision WHERE item_id = item) THEN
        RAISE EXCEPTION 'first calls of decided items stay';
    END IF;
    WITH deleted AS (DELETE FROM review_firstcall WHERE item_id = item RETURNING reviewer_id, label, called_at)
    SELECT jsonb_agg(jsonb_build_object('reviewer', reviewer_id, 'label', label, 'at', called_at) ORDER BY called_at)
        INTO gone FROM deleted;
    IF gone IS NOT NULL THEN
        INSERT INTO audit_event (action, actor_kind, actor_id, actor_name, target_kind, target_id, detail)
        SELECT 'item.first_calls_discarded', 'system', '', '', 'reviewitem', item::text,
            jsonb_build_object('calls', gone, 'submission', submission_id)
        FROM review_reviewitem WHERE id = item;
    END IF;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("review", "0029_decision_indexes"), ("audit", "0009_pruning")]
    operations = [migrations.RunSQL(DISCARD, migrations.RunSQL.noop)]
