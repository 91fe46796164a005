import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

# Each change of what `_decisions` (kyc_review/review/decision_counts.py) says, noted with the quarter hour of the
# decisions on the face: whether one is final, and what others had decided before it. Everything else of a decision never
# changes. The triggers write with the owner's rights: the release before, whose role has none on the new tables, still
# runs.
# A trigger locks its table against writers until the end of the migration, so they are made in the order in which
# transactions write: an undo its row before the item, a decision the item before its own row.
TOUCH = """
CREATE FUNCTION review_decision_touch(touched uuid) RETURNS void LANGUAGE sql
SET search_path = pg_catalog, public, pg_temp AS $$
    INSERT INTO review_decisiontouch (slot)
    SELECT DISTINCT date_bin('15 minutes', decided_at, 'epoch'::timestamptz) FROM review_decision
    WHERE submission_id = touched;
$$;
CREATE FUNCTION review_decision_item_touched() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM review_decision_touch(NEW.submission_id);
    RETURN NULL;
END $$;
CREATE FUNCTION review_decision_undo_touched() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM review_decision_touch(submission_id) FROM review_decision
    WHERE id = coalesce(NEW.decision_id, OLD.decision_id);
    RETURN NULL;
END $$;
CREATE FUNCTION review_decision_touched() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        INSERT INTO review_decisiontouch (slot)
        VALUES (date_bin('15 minutes', OLD.decided_at, 'epoch'::timestamptz));
    END IF;
    PERFORM review_decision_touch(coalesce(NEW.submission_id, OLD.submission_id));
    RETURN NULL;
END $$;
CREATE TRIGGER review_decision_undone AFTER INSERT OR DELETE ON review_decisionundo
    FOR EACH ROW EXECUTE FUNCTION review_decision_undo_touched();
CREATE TRIGGER review_decision_item_decided AFTER UPDATE ON review_reviewitem FOR EACH ROW
    WHEN ((OLD.state = 'decided') <> (NEW.state = 'decided') OR OLD.reason <> NEW.reason)
    EXECUTE FUNCTION review_decision_item_touched();
CREATE TRIGGER review_decision_made AFTER INSERT OR DELETE ON review_decision
    FOR EACH ROW EXECUTE FUNCTION review_decision_touched();
"""
END = """
DROP TRIGGER review_decision_undone ON review_decisionundo;
DROP TRIGGER review_decision_item_decided ON review_reviewitem;
DROP TRIGGER review_decision_made ON review_decision;
DROP FUNCTION review_decision_touched();
DROP FUNCTION review_decision_undo_touched();
DROP FUNCTION review_decision_item_touched();
DROP FUNCTION review_decision_touch(uuid);
"""


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0012_deactivation_by_two'),
        ('review', '0030_first_calls_discarded'),
    ]

    operations = [
        migrations.CreateModel(
            name='DecisionCountMark',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('until', models.DateTimeField(null=True)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='one_decision_count_mark')],
            },
        ),
        migrations.CreateModel(
            name='DecisionTouch',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('slot', models.DateTimeField()),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'indexes': [models.Index(fields=['at'], name='decision_touch_by_time')],
            },
        ),
        migrations.CreateModel(
            name='DecisionCount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('slot', models.DateTimeField(help_text='When the quarter hour began in which they were made.')),
                ('reason', models.CharField(help_text='Of the item.', max_length=20)),
                ('label', models.CharField(max_length=14)),
                ('is_test', models.BooleanField()),
                ('is_planted', models.BooleanField()),
                ('call', models.CharField(blank=True, choices=[('', 'None'), ('followed', 'Followed'), ('kept', 'Kept'), ('stayed', 'Stayed'), ('left', 'Left')], max_length=10)),
                ('pair', models.CharField(blank=True, choices=[('', 'None'), ('same', 'Same'), ('apart', 'Apart')], max_length=10)),
                ('number', models.PositiveIntegerField()),
                ('integration', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.integration')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('slot', 'integration', 'reason', 'label', 'is_test', 'is_planted', 'call', 'pair'), name='decision_count_once')],
            },
        ),
        migrations.RunSQL(TOUCH, END),
    ]
