"""Planting itself, with the real synthesis: what is due, what intake gets, and what a killed process leaves."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.db import IntegrityError
from django.utils import timezone

from kyc_review.accounts.models import Integration, User
from kyc_review.evidence.models import Evidence
from kyc_review.planting import references, rules, worker
from kyc_review.planting.changes import planting_switch_off
from kyc_review.planting.models import Sources
from kyc_review.planting.rules import planting_due, source_draw
from kyc_review.planting.worker import plant_one
from kyc_review.review.claims import items_for
from kyc_review.review.decisions import decision_record
from kyc_review.review.models import OutcomeExposure, PlantedForgery, ReviewItem
from kyc_review.review.opening import items_open
from kyc_review.submissions.models import State, Submission
from kyc_review.submissions.storage import originals
from tests.factories.claims import item_claim_next
from tests.factories.pictures import jpeg_bytes
from tests.factories.planted import WHY, licensed_folder, planted, planting_on
from tests.factories.portraits import portrait_bytes

pytestmark = pytest.mark.django_db


@pytest.fixture
def admins(staff: Callable[..., User]) -> tuple[User, User]:
    return staff("ada", "admin"), staff("maya", "admin")


@pytest.fixture
def folder(settings: LazySettings, tmp_path: Path) -> Path:
    settings.PLANTED_PICTURES_DIR = licensed_folder(tmp_path / "licensed")
    return tmp_path / "licensed"


@pytest.fixture
def genuine(submit: Callable[..., Submission], alice: User) -> Submission:
    """A portrait that alice found genuine."""
    row = submit(
        image=portrait_bytes(5),
        external_ref="APP-004711",
        applicant_ref="person-0815",
        metadata={"branch": "Bonn"},
        reference_image=portrait_bytes(5),
    )
    Submission.objects.filter(pk=row.pk).update(state=State.IN_REVIEW)
    items_open([(row.pk, "split_vote", 0.5)])
    item = item_claim_next(reviewer=alice)
    assert item is not None
    decision_record(item_id=item.pk, reviewer=alice, label="real")
    row.refresh_from_db()
    return row


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests plant one after the other."""
    monkeypatch.setattr(rules, "PAUSE", timedelta(0))


def test_each_bound_is_named_to_those_who_do_not_decide(
    submit: Callable[..., Submission],
    admins: tuple[User, User],
    enqueue: Callable[..., ReviewItem],
    staff: Callable[..., User],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def told() -> set[str]:
        return {bound.value for bound in rules.bounds_reached(viewer=admins[0])}

    monkeypatch.setattr(rules, "PAUSE", timedelta(minutes=2))
    assert told() == {"off"}
    planting_on(by=admins[0], approved_by=admins[1], per_day_max=1, queue_max=0)
    assert told() == {"share"}
    row = submit()
    assert told() == set()
    Evidence.objects.create(submission=row, due_at=timezone.now() - timedelta(minutes=5))
    assert told() == {"evidence"}
    assert planting_due() is None
    made = planted(submit)
    enqueue()
    assert told() == {"day", "pause", "share", "queue", "evidence"}
    assert rules.bounds_reached(viewer=staff("sam", "senior")) == []
    PlantedForgery.objects.filter(submission=made).update(planted_at=timezone.now() - timedelta(days=2))
    ReviewItem.objects.update(state="decided", decided_at=timezone.now())
    Evidence.objects.all().delete()
    for path in folder.iterdir():
        path.unlink()
    assert told() == {"no_picture"}


def test_a_worker_that_was_busy_plants_one_of_several_requests(
    submit: Callable[..., Submission],
    admins: tuple[User, User],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rules, "PAUSE", timedelta(minutes=2))
    planting_on(by=admins[0], approved_by=admins[1])
    for _ in range(11):
        submit()
    assert [plant_one() is not None for _ in range(3)] == [True, False, False]
    PlantedForgery.objects.update(planted_at=timezone.now() - timedelta(minutes=3))
    assert plant_one() is not None


def test_it_is_due_within_its_bounds_only(
    submit: Callable[..., Submission], admins: tuple[User, User], enqueue: Callable[..., ReviewItem]
) -> None:
    by = {"by": admins[0], "approved_by": admins[1]}
    assert planting_due() is None
    planting_on(**by)
    assert planting_due() is None  # no customer yet
    submit()
    assert planting_due() is not None
    made = planted(submit)
    assert planting_due() is None  # one for at most five customers
    for _ in range(5):
        submit()
    assert planting_due() is not None
    planting_on(**by, per_day_max=1)
    submit()
    assert planting_due() is None
    PlantedForgery.objects.filter(submission=made).update(planted_at=timezone.now() - timedelta(days=2))
    assert planting_due() is not None
    planting_on(**by, queue_max=0)
    submit()
    assert planting_due() is not None
    enqueue()
    assert planting_due() is None
    planting_on(**by)
    submit()
    assert planting_due() is not None
    planting_switch_off(reason=WHY, actor=admins[0])
    assert planting_due() is None


def test_a_forgery_of_an_applicants_picture_goes_through_intake(
    submit: Callable[..., Submission],
    admins: tuple[User, User],
    genuine: Submission,
    alice: User,
    bob: User,
    staff: Callable[..., User],
    folder: Path,
) -> None:
    staff("carol", "reviewer")
    planting_on(by=admins[0], approved_by=admins[1], sources=Sources.GENUINE)
    submit(external_ref="APP-004999", applicant_ref="person-0999")
    row = plant_one()
    assert row is not None
    made = row.submission
    assert made.is_planted
    assert row.source_id == genuine.pk
    assert (made.format, made.width, made.height) == (genuine.format, genuine.width, genuine.height)
    assert (made.integration_id, made.metadata) == (genuine.integration_id, genuine.metadata)
    assert made.sha256 != genuine.sha256
    assert made.reference_sha256 == genuine.reference_sha256
    assert made.external_ref.startswith("APP-004")
    assert len(made.external_ref) == len("APP-004711")
    assert made.applicant_ref.startswith("person-0")
    assert not Submission.objects.exclude(pk=made.pk).filter(external_ref=made.external_ref).exists()
    with originals.open(made.image_key) as file:
        assert len(file.read()) == made.size_bytes
    assert plant_one() is None  # its source is used, and no other customer came
    # alice, who judged the original, is not asked.
    items_open([(made.pk, "split_vote", 0.5)])
    item = ReviewItem.objects.get(submission=made)
    takers = [person for person in (alice, bob) if item in items_for(person.pk, is_senior=False)]
    assert takers == [bob]
    assert OutcomeExposure.objects.filter(submission=made, person=alice, in_passing=False).exists()


def test_a_licensed_picture_is_forged_once(
    submit: Callable[..., Submission], admins: tuple[User, User], folder: Path
) -> None:
    planting_on(by=admins[0], approved_by=admins[1])
    submit(metadata={"name": "Ann"})
    row = plant_one()
    assert row is not None
    assert (row.source, row.submission.metadata) == (None, {})
    left = {source_draw(Sources.LICENSED) for _ in range(20)}
    assert len(left) == 2
    for path in folder.iterdir():
        path.unlink()
    assert source_draw(Sources.LICENSED) is None


def test_no_licensed_picture_is_planted_where_most_submissions_have_a_reference_image(
    submit: Callable[..., Submission], admins: tuple[User, User], folder: Path
) -> None:
    """It has none: people would know it by that."""
    planting_on(by=admins[0], approved_by=admins[1])
    rows = [submit(reference_image=portrait_bytes(3)) for _ in range(2)] + [submit()]
    assert plant_one() is None
    other = Integration.objects.create(name="Branches", slug="branches")
    older = submit(integration=other)
    Submission.objects.filter(pk=older.pk).update(received_at=timezone.now() - timedelta(seconds=9))
    row = plant_one()
    assert row is not None
    assert row.submission.integration == other
    assert not references.mostly_with_reference_image(other.pk)
    assert references.mostly_with_reference_image(rows[0].integration_id)


def test_a_process_that_dies_between_the_rows_plants_nothing(
    submit: Callable[..., Submission],
    admins: tuple[User, User],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither a customer's submission nor a mark is left of it."""
    planting_on(by=admins[0], approved_by=admins[1])
    customer = submit()

    class Killed(BaseException):
        pass

    def die(*args: object, **fields: object) -> None:
        raise Killed

    monkeypatch.setattr(PlantedForgery.objects, "create", die)
    with pytest.raises(Killed):
        plant_one()
    assert list(Submission.objects.all()) == [customer]
    monkeypatch.undo()


def test_of_two_workers_with_one_source_one_plants(
    submit: Callable[..., Submission],
    admins: tuple[User, User],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    planting_on(by=admins[0], approved_by=admins[1])
    for _ in range(6):
        submit()
    monkeypatch.setattr(rules.dice, "choice", lambda found: found[0])
    source = rules.Source(None, folder / "0.jpg")
    monkeypatch.setattr(worker, "source_draw", lambda sources: source)
    assert plant_one() is not None
    assert plant_one() is None
    assert Submission.objects.filter(is_planted=True).count() == 1


def test_a_source_is_what_people_found_genuine_and_is_in_no_question(
    submit: Callable[..., Submission], genuine: Submission, bob: User, staff: Callable[..., User]
) -> None:
    assert source_draw(Sources.GENUINE) is None  # only bob is left who does not know it
    staff("carol", "reviewer")
    found = source_draw(Sources.GENUINE)
    assert found is not None
    assert found.submission == genuine
    changes: list[dict] = [{"result_reason": "models_agree"}, {"result": "rejected"}, {"format": "WEBP"}]
    changes += [{"file_facts": {"trailing": [], "damage": "ends_early"}}, {"is_planted": True}]
    for change in changes:
        before = {name: getattr(genuine, name) for name in change}
        Submission.objects.filter(pk=genuine.pk).update(**change)
        assert source_draw(Sources.GENUINE) is None, change
        Submission.objects.filter(pk=genuine.pk).update(**before)
    planted(submit, source=genuine)
    assert source_draw(Sources.GENUINE) is None
    with pytest.raises(IntegrityError):
        planted(submit, source=genuine)


def test_a_picture_that_cannot_be_forged_is_passed_over(
    submit: Callable[..., Submission], admins: tuple[User, User], folder: Path
) -> None:
    for path in folder.iterdir():
        path.write_bytes(jpeg_bytes(seed=int(path.stem)))
    planting_on(by=admins[0], approved_by=admins[1])
    submit()
    assert plant_one() is None
    assert not Submission.objects.filter(is_planted=True).exists()
