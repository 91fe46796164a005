"""A bundle in the shadow judges what the champion judged, and changes nothing, even when it fails."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import LazySettings

from detection.voting import Vote
from kyc_review.accounts.models import User
from kyc_review.audit.models import Event
from kyc_review.pipeline import shadowing, worker
from kyc_review.registry import shadows
from kyc_review.registry.bundles import bundle_promote, bundle_register
from kyc_review.registry.models import Bundle, Shadow, ShadowScore
from kyc_review.registry.shadows import ShadowRefused, shadow_end, shadow_start
from kyc_review.review.models import ReviewItem
from kyc_review.scoring.models import Scoring
from kyc_review.scoring.shadow_scores import disagreements, shadow_comparison, shadow_record
from kyc_review.submissions.models import Submission
from kyc_review.webhooks.models import Event as Sent
from tests.factories.bundles import tiny_bundle
from tests.factories.portraits import portrait_bytes

pytestmark = pytest.mark.django_db


@pytest.fixture
def submit(submit: Callable[..., Submission]) -> Callable[..., Submission]:
    """submit() posts one more real portrait, which passes every check."""
    numbers = iter(range(100_000))
    return lambda **fields: submit(**{"image": portrait_bytes(next(numbers))} | fields)


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: LazySettings) -> tuple[Bundle, Bundle]:
    """A champion that serves and a candidate."""
    monkeypatch.setattr("kyc_review.pipeline.champion._loaded", None)
    monkeypatch.setattr("kyc_review.pipeline.shadowing._shadow", None)
    settings.SCORING_DEVICE = "cpu"
    made = []
    for number in (1, 2):
        folder = tmp_path / f"tiny-{number}"
        tiny_bundle(folder, version=folder.name, seed=number)
        made.append(bundle_register(path=folder, source=Bundle.Source.TRAINED))
    bundle_promote(actor=None, bundle=made[0])
    return made[0], made[1]


@pytest.fixture
def ada(staff: Callable[..., User]) -> User:
    return staff("ada", "admin")


def facts() -> list:
    return list(Submission.objects.order_by("pk").values_list("state", "result", "attempts"))


def test_a_shadow_scores_live_selfies_once_and_changes_nothing(
    two: tuple[Bundle, Bundle], submit: Callable, ada: User
) -> None:
    before = submit()
    worker.run_until_idle()
    shadow = shadow_start(bundle=two[1], actor=ada)
    for _ in range(11):
        submit()
    assert worker.run_until_idle() == 11
    assert ShadowScore.objects.count() == 11
    assert not ShadowScore.objects.filter(submission=before).exists(), "what came earlier is not its affair"
    assert set(Scoring.objects.values_list("bundle_version", flat=True)) == {"tiny-1"}
    known = facts(), ReviewItem.objects.count(), Sent.objects.count()
    assert worker.run_until_idle() == 0
    assert ShadowScore.objects.count() == 11
    assert (facts(), ReviewItem.objects.count(), Sent.objects.count()) == known
    found = shadow_comparison(viewer=ada, shadow=shadow)
    assert found.scored == found.both + found.neither + found.shadow_only + found.champion_only == 11


def test_without_a_shadow_nothing_is_kept(two: tuple[Bundle, Bundle], submit: Callable) -> None:
    submit()
    worker.run_until_idle()
    assert not ShadowScore.objects.exists()
    assert shadowing._shadow is None


def test_a_shadow_that_cannot_be_loaded_harms_no_verdict_and_ends(
    two: tuple[Bundle, Bundle], submit: Callable, ada: User
) -> None:
    shadow = shadow_start(bundle=two[1], actor=ada)
    (two[1].directory / "stack.safetensors").unlink()
    for number in range(1, 5):
        submit()
        assert worker.run_until_idle() == 1
        assert Scoring.objects.count() == number
    shadow.refresh_from_db()
    assert shadow.ended_at is not None
    assert shadow.remark.startswith("It failed 3 times in a row")
    assert not ShadowScore.objects.exists()


def test_one_picture_that_is_gone_does_not_stop_a_shadow(
    two: tuple[Bundle, Bundle], submit: Callable, ada: User
) -> None:
    from kyc_review.submissions.storage import originals

    rows = [submit(), submit()]
    shadow = shadow_start(bundle=two[1], actor=ada)
    Shadow.objects.update(started_at=rows[0].received_at)
    worker.run_until_idle()
    ShadowScore.objects.all().delete()
    originals.delete(rows[0].image_key)
    assert shadowing.shadow_some() is True
    assert shadow_comparison(viewer=ada, shadow=shadow).unread == 1
    assert shadowing.shadow_some() is False


def test_one_bundle_at_a_time_and_never_the_champion(two: tuple[Bundle, Bundle], ada: User) -> None:
    with pytest.raises(ShadowRefused, match="serves already"):
        shadow_start(bundle=two[0], actor=ada)
    shadow = shadow_start(bundle=two[1], actor=ada)
    with pytest.raises(ShadowRefused, match="Another bundle"):
        shadow_start(bundle=two[1], actor=ada)
    shadow_end(shadow=shadow, actor=ada, remark="Enough.")
    with pytest.raises(ShadowRefused, match="already ended"):
        shadow_end(actor=None, shadow=shadow)
    shadow_start(bundle=two[1], actor=ada)
    actions = Event.objects.filter(action__startswith="shadow.").order_by("pk")
    assert list(actions.values_list("action", flat=True)) == [
        "shadow.started",
        "shadow.ended",
        "shadow.started",
    ]


def test_a_shadow_that_is_promoted_leaves_the_shadow(two: tuple[Bundle, Bundle], ada: User) -> None:
    shadow = shadow_start(bundle=two[1], actor=ada)
    bundle_promote(bundle=two[1], actor=None)
    shadow.refresh_from_db()
    assert shadow.remark == "It is in production now."


@pytest.fixture
def differing(two: tuple[Bundle, Bundle], clear: Callable, decide: Callable, ada: User) -> Shadow:
    """Four: two cleared that the shadow flags (one found fake), one flagged by the champion alone, one by both."""
    shadow = shadow_start(bundle=two[1], actor=ada)
    caught, alarm = clear(), clear()
    Submission.objects.filter(pk=caught.pk).update(result="rejected")
    alone, both = decide("real").submission, decide("fake").submission
    fake = [Vote(f"member-{i}", 0.9, 0.5) for i in range(5)]
    real = [Vote(f"member-{i}", 0.1, 0.5) for i in range(5)]
    shadow_record(shadow, {caught.pk: fake, alarm.pk: fake, alone.pk: real, both.pk: fake})
    return shadow


def test_the_page_counts_disagreements_by_side(differing: Shadow, ada: User, login: Callable) -> None:
    found = shadow_comparison(viewer=ada, shadow=differing)
    assert (found.scored, found.both, found.neither) == (4, 1, 0)
    assert (found.shadow_only, found.shadow_fake, found.champion_only, found.champion_fake) == (2, 1, 1, 0)
    page = login(ada).get("/retraining/shadow/").content.decode()
    assert page.count("Only the shadow") == 3  # two rows and the heading of their count
    assert "75.0 %" in page


def test_strangers_to_retraining_learn_nothing(differing: Shadow, alice: User) -> None:
    assert shadow_comparison(viewer=alice, shadow=differing).scored == 0
    assert not disagreements(viewer=alice, shadow=differing).exists()
    assert not shadows.shadows_listed(viewer=alice).exists()


@pytest.mark.parametrize(
    ("role", "read", "write"),
    [("reviewer", 403, 403), ("senior", 403, 403), ("auditor", 200, 403), ("admin", 200, 302)],
)
def test_admins_alone_start_and_end_a_shadow(
    two: tuple[Bundle, Bundle], staff: Callable, login: Callable, role: str, read: int, write: int
) -> None:
    window = login(staff("person", role))
    assert window.get("/retraining/shadow/").status_code == read
    assert window.post("/retraining/shadow/", {"candidate": two[1].digest}).status_code == write
    assert Shadow.objects.exists() == (write == 302)
    assert window.post("/retraining/shadow/end/", {"remark": "Enough."}).status_code == write
    assert not Shadow.objects.filter(ended_at=None).exists()
