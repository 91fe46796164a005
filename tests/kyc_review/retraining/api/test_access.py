"""Who may ask what, by every address of the retraining API: one that is in no row here fails."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from kyc_review.audit.models import Event
from kyc_review.datasets.models import Snapshot
from kyc_review.registry.models import Promotion, Shadow
from kyc_review.retraining.api.urls import urlpatterns
from kyc_review.training.models import Comparison, GateSettings, Proposal, TrainingRun
from kyc_review.training.proposals import proposal_open
from tests.factories.scripts import LOOP, Script

pytestmark = pytest.mark.django_db
ROLES = ("reviewer", "senior", "auditor", "admin")
READERS, ADMINS = {"auditor", "admin"}, {"admin"}
# What each address's methods are for, as on the pages: originals leave with those alone who may see any face.
ROWS: dict[str, dict[str, set[str]]] = {
    "signals": {"GET": READERS},
    "decisions": {"GET": ADMINS},
    "snapshots": {"GET": READERS, "POST": ADMINS},
    "snapshots/<slug:name>": {"GET": READERS},
    "snapshots/<slug:name>/verification": {"GET": READERS},
    "snapshots/<slug:name>/manifest": {"GET": READERS},
    "snapshots/<slug:name>/archive": {"GET": {"auditor"}},
    "gate-settings": {"GET": READERS, "PUT": ADMINS},
    "gate-settings/proposals/<int:number>/approval": {"POST": ADMINS},
    "gate-settings/proposals/<int:number>/rejection": {"POST": ADMINS},
    "refused-trainings": {"GET": READERS},
    "runs": {"GET": READERS, "POST": ADMINS},
    "runs/<int:number>": {"GET": READERS},
    "runs/<int:number>/cancellation": {"POST": ADMINS},
    "comparisons": {"GET": READERS, "POST": ADMINS},
    "comparisons/<int:number>": {"GET": READERS},
    "bundles": {"GET": READERS},
    "bundles/<slug:digest>": {"GET": READERS},
    "bundles/<slug:digest>/record": {"GET": READERS, "PUT": ADMINS},
    "bundles/<slug:digest>/notes": {"GET": READERS, "POST": ADMINS},
    # Auditors have channels of their own; whose a channel is, services check.
    "notice-channels": {"GET": READERS, "POST": READERS},
    "notice-channels/<uuid:channel_id>": {"GET": READERS, "PATCH": READERS, "DELETE": READERS},
    "notice-channels/<uuid:channel_id>/test": {"POST": READERS},
    "proposals": {"GET": READERS, "POST": ADMINS},
    "proposals/<int:number>": {"GET": READERS},
    "proposals/<int:number>/approval": {"POST": ADMINS},
    "proposals/<int:number>/rejection": {"POST": ADMINS},
    "promotions": {"GET": READERS},
    "promotions/<int:number>/evidence": {"GET": READERS},
    "rollback": {"POST": ADMINS},
    "shadow": {"GET": READERS, "PUT": ADMINS, "DELETE": ADMINS},
}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def test_every_address_has_a_row_and_every_view_says_who_may() -> None:
    assert {str(pattern.pattern) for pattern in urlpatterns} == set(ROWS)
    for pattern in urlpatterns:
        view: Any = pattern.callback.cls  # type: ignore[attr-defined]
        offered = {method for method in METHODS if hasattr(view, method.lower())}
        assert offered == set(view.allowed) == set(ROWS[str(pattern.pattern)])


@pytest.fixture
def objects(comparison: Comparison, ready: Snapshot, amir: Script) -> dict[str, str]:
    """What the placeholders of the addresses stand for: all of it is there."""
    run = TrainingRun.objects.create(snapshot=ready, init=comparison.champion)
    proposal_open(comparison=comparison, actor=amir.person, reason="It is better.")
    return {
        "runs/<int:number>": f"runs/{run.pk}",
        "comparisons/<int:number>": f"comparisons/{comparison.pk}",
        "proposals/<int:number>": f"proposals/{Proposal.objects.get().pk}",
        "promotions/<int:number>": f"promotions/{Promotion.objects.latest('pk').pk}",
        "<slug:name>": ready.name,
        "<slug:digest>": comparison.candidate.digest,
        "<uuid:channel_id>": str(uuid4()),  # of no channel: whose one is, test_channels.py asks
    }


def addresses(objects: dict[str, str]) -> list[tuple[str, dict[str, set[str]]]]:
    found = []
    for route, methods in ROWS.items():
        address = route
        for placeholder, value in objects.items():
            address = address.replace(placeholder, value)
        found.append((f"/{address}", methods))
    return found


def state() -> list[Any]:
    models = (Snapshot, GateSettings, TrainingRun, Comparison, Proposal, Promotion, Shadow)
    return [list(model._default_manager.order_by("pk").values()) for model in models]


@pytest.mark.parametrize("role", ROLES)
def test_each_method_opens_for_its_roles_alone(
    script: Callable[..., Script], objects: dict[str, str], role: str
) -> None:
    asks = script("person", role)
    before, events = state(), Event.objects.exclude(action__startswith="token.").count()
    for address, methods in addresses(objects):
        for method, allowed in methods.items():
            status = asks.send(method, address).status_code
            if role in allowed:
                assert status not in (401, 403, 405), (method, address)
            else:
                assert status == 403, (method, address)
    if role != "admin":
        assert state() == before
        assert Event.objects.exclude(action__startswith="token.").count() == events


def test_a_token_that_only_reads_changes_nothing(
    script: Callable[..., Script], objects: dict[str, str]
) -> None:
    asks = script("careful", "admin", is_read_only=True)
    before = state()
    for address, methods in addresses(objects):
        for method in methods:
            status = asks.send(method, address).status_code
            refused = method != "GET" or address.endswith("/archive")  # which is for auditors
            assert (status == 403) == refused, (method, address)
    assert state() == before


def test_strangers_sessions_and_keys_of_integrations_open_nothing(
    objects: dict[str, str], ada: Script, api_key: str
) -> None:
    in_session = Client()
    in_session.force_login(ada.person)
    integration = Client(headers={"Authorization": f"Bearer {api_key}"})
    before = state()
    for address, methods in addresses(objects):
        for method in methods:
            for client in (Client(), in_session, integration):
                answer = client.generic(method, f"{LOOP}{address}", "{}", content_type="application/json")
                assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")
                assert answer["WWW-Authenticate"].startswith("Bearer")
    assert state() == before


def test_the_role_is_asked_at_every_request(ada: Script) -> None:
    assert ada.get("/snapshots").status_code == 200
    ada.person.groups.clear()
    assert ada.get("/snapshots").status_code == 403
