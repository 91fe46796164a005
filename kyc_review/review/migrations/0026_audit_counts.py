import django.db.models.functions.datetime
from django.db import migrations, models

# Each change of what `draws_judged` (kyc_review/review/audit_counts.py) says of a draw, noted with its quarter hour. What
# was not drawn costs one look into an index.
# The triggers write with the owner's rights: the release before, whose role has none on the new tables, still runs.
TOUCH = """
CREATE FUNCTION review_audit_touch(touched uuid) RETURNS void LANGUAGE sql
SET search_path = pg_catalog, public, pg_temp AS $$
    INSERT INTO review_audittouch (slot)
    SELECT date_bin('15 minutes', drawn_at, 'epoch'::timestamptz) FROM review_auditdraw
    WHERE submission_id = touched AND outcome = 'clear';
$$;
CREATE FUNCTION review_audit_item_touched() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM review_audit_touch(coalesce(NEW.submission_id, OLD.submission_id));
    RETURN NULL;
END $$;
CREATE FUNCTION review_audit_undo_touched() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM review_audit_touch(submission_id) FROM review_decision WHERE id = NEW.decision_id;
    RETURN NULL;
END $$;
CREATE FUNCTION review_audit_draw_touched() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    draw review_auditdraw := coalesce(NEW, OLD);
BEGIN
    IF draw.outcome = 'clear' THEN
        INSERT INTO review_audittouch (slot)
        VALUES (date_bin('15 minutes', draw.drawn_at, 'epoch'::timestamptz));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER review_audit_item_opened AFTER INSERT OR DELETE ON review_reviewitem
    FOR EACH ROW EXECUTE FUNCTION review_audit_item_touched();
CREATE TRIGGER review_audit_item_decided AFTER UPDATE ON review_reviewitem FOR EACH ROW
    WHEN ((OLD.state = 'decided') <> (NEW.state = 'decided') OR OLD.decided_at IS DISTINCT FROM NEW.decided_at)
    EXECUTE FUNCTION review_audit_item_touched();
CREATE TRIGGER review_audit_decision AFTER INSERT ON review_decision
    FOR EACH ROW EXECUTE FUNCTION review_audit_item_touched();
CREATE TRIGGER review_audit_undone AFTER INSERT ON review_decisionundo
    FOR EACH ROW EXECUTE FUNCTION review_audit_undo_touched();
CREATE TRIGGER review_audit_drawn AFTER INSERT OR UPDATE OR DELETE ON review_auditdraw
    FOR EACH ROW EXECUTE FUNCTION review_audit_draw_touched();
"""
END = """
DROP TRIGGER review_audit_drawn ON review_auditdraw;
DROP TRIGGER review_audit_undone ON review_decisionundo;
DROP TRIGGER review_audit_decision ON review_decision;
DROP TRIGGER review_audit_item_decided ON review_reviewitem;
DROP TRIGGER review_audit_item_opened ON review_reviewitem;
DROP FUNCTION review_audit_draw_touched();
DROP FUNCTION review_audit_undo_touched();
DROP FUNCTION review_audit_item_touched();
DROP FUNCTION review_audit_touch(uuid);
"""


class Migration(migrations.Migration):

    dependencies = [
        ('review', '0025_times_of_records'),
        ('submissions', '0016_rejected_index'),
    ]

    operations = [
        migrations.CreateModel(
            name='AuditCount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('slot', models.DateTimeField(help_text='When the quarter hour began in which they were drawn.')),
                ('version', models.CharField(max_length=60)),
                ('digest', models.CharField(max_length=64)),
                ('shift', models.FloatField()),
                ('is_uniform', models.BooleanField()),
                ('label', models.CharField(blank=True, max_length=14)),
                ('waits', models.BooleanField()),
                ('number', models.PositiveIntegerField()),
                ('weight', models.FloatField()),
            ],
        ),
        migrations.CreateModel(
            name='AuditCountMark',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('until', models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='AuditTouch',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('slot', models.DateTimeField()),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.AddConstraint(
            model_name='auditcount',
            constraint=models.UniqueConstraint(fields=('slot', 'digest', 'version', 'shift', 'is_uniform', 'label', 'waits'), name='audit_count_once'),
        ),
        migrations.AddConstraint(
            model_name='auditcountmark',
            constraint=models.CheckConstraint(condition=models.Q(('id', 1)), name='one_audit_count_mark'),
        ),
        migrations.AddIndex(
            model_name='audittouch',
            index=models.Index(fields=['at'], name='audit_touch_by_time'),
        ),
        migrations.RunSQL(TOUCH, END),
    ]
