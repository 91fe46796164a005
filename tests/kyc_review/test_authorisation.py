"""Every URL, method and caller, as docs/authorisation.md states them: a URL without a row there fails, and
so does a row that a real request contradicts. Other tests say what happens when a caller may.

Of objects that belong to somebody, the caller's own and another person's are tried where the row says that it matters;
the long run tries both everywhere.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import NamedTuple

import pytest
from django.test import Client
from django.utils import timezone

from kyc_review.accounts import services as accounts
from kyc_review.accounts.models import Integration, Scope, User
from kyc_review.accounts.tokens.services import token_create
from kyc_review.notices.models import Channel
from kyc_review.registry.models import Promotion
from kyc_review.review.models import ReviewItem, SavedView
from kyc_review.training.models import Comparison, TrainingRun
from kyc_review.webhooks.models import Delivery, Endpoint, Event
from tests.factories.authorisation import Call, answer, filled, routes, stated

pytestmark = pytest.mark.django_db
ROLES = ("reviewer", "senior", "admin", "auditor")
API, STAFF_API = "api/v1/", ("api/v1/retraining/", "api/v1/records/")
METHODS = {True: ("GET", "POST", "PUT", "PATCH", "DELETE"), False: ("GET", "POST")}  # of the API, of pages
STATED = stated()


class World(NamedTuple):
    """A value for each placeholder: what belongs to the caller, and what belongs to another person."""

    own: dict[str, str]
    foreign: dict[str, str]


class Caller(NamedTuple):
    client: Client
    world: World


def claim(item: ReviewItem, holder: User) -> ReviewItem:
    ReviewItem.objects.filter(pk=item.pk).update(
        state="claimed",
        claimed_by=holder,
        claimed_at=timezone.now(),
        claim_expires_at=timezone.now() + timedelta(hours=1),
    )
    return item


def channel(owner: User) -> Channel:
    return Channel.objects.create(
        owner=owner, created_by=owner, medium="email", email="a@bank.example", kinds=[]
    )


@pytest.fixture
def delivery(integration: Integration) -> Delivery:
    endpoint = Endpoint.objects.create(
        integration=integration, url="https://a.example/", secret="s", kinds=[]
    )
    event = Event.objects.create(integration=integration, kind="submission.completed", payload={})
    return Delivery.objects.create(
        event=event, endpoint=endpoint, due_at=timezone.now(), gives_up_at=timezone.now()
    )


@pytest.fixture
def general(
    integration: Integration, delivery: Delivery, comparison: Comparison, run: TrainingRun
) -> dict[str, str]:
    """What belongs to no person. A number is that of a comparison, a run or a promotion; there are no proposals."""
    return {
        "<number>": str(comparison.pk),
        "run <number>": str(run.pk),
        "promotion <number>": str(Promotion.objects.latest("pk").pk),
        "<decision_id>": "1",
        "<endpoint_id>": str(delivery.endpoint_id),
        "<delivery_id>": str(delivery.pk),
        "<slug>": integration.slug,
        "<name>": comparison.snapshot.name,
        "<format>": "csv",
        "<audience>": "subject",
        "<kind>": "logo",
        "<digest>": comparison.candidate.digest,
        "<token>": "none",
        "key <prefix>": accounts.key_create(integration=integration)[0].prefix,
    }


@pytest.fixture
def world(
    staff: Callable[..., User], enqueue: Callable[..., ReviewItem], general: dict[str, str]
) -> Callable[[User], World]:
    """world(person): an item that the person holds if they may, and what else they have; and the same of others."""

    def of(person: User, holder: User, keeper: User) -> dict[str, str]:
        item = claim(enqueue(), holder)
        return general | {
            "<item_id>": str(item.pk),
            "<submission_id>": str(item.submission_id),
            "<member_id>": str(item.submission_id),
            "<view_id>": str(SavedView.objects.create(owner=person, name="a", query="").pk),
            "<channel_id>": str(channel(keeper).pk),
            "<person_id>": str(keeper.pk),
            "<prefix>": token_create(owner=keeper, label="a", days=1)[0].prefix,
        }

    other, admin = staff("olga", "senior"), staff("olaf", "admin")
    foreign = of(other, other, admin)
    items = ("<item_id>", "<submission_id>", "<member_id>")

    def make(person: User) -> World:
        if person.has_role("reviewer", "senior"):
            return World(of(person, person, admin), foreign)
        mine = of(person, staff(f"holder-{person.pk}", "reviewer"), person)
        return World(mine | {name: foreign[name] for name in items}, foreign)

    return make


def path_of(call: Call, values: dict[str, str]) -> str:
    if call.route.startswith("integrations/keys/"):
        values = values | {"<prefix>": values["key <prefix>"]}
    for kind in ("run", "promotion"):
        if f"/{kind}s/<number>" in call.route:
            values = values | {"<number>": values[f"{kind} <number>"]}
    if call.route.startswith("registry/"):
        values = values | {"<name>": "manifest.json"}
    return filled(call.route, values)


def found_by(caller: Caller, call: Call, *, both: bool = False) -> str:
    """One word, or two where it matters whose object it is: own / another's."""
    own = answer(caller.client, call, path_of(call, caller.world.own))
    if not both:
        return own
    foreign = answer(caller.client, call, path_of(call, caller.world.foreign))
    return own if own == foreign else f"{own} / {foreign}"


def compare(calls: Sequence[Call], callers: Sequence[Caller], *, everything: bool = False) -> None:
    """Fails with the rows as they should be, of those that are stated otherwise.

    Unless `everything`: a page that opened for one role is not opened for a second one that is stated to open it, too,
    and another person's object is tried where the row says that it matters.
    """
    wrong = []
    for call in calls:
        is_split = "/" in "".join(STATED[call])
        cells: list[str] = []
        for caller, said in zip(callers, STATED[call], strict=True):
            opened = call.method == "GET" and said == "yes" and "yes" in cells
            both = is_split or (everything and "<" in call.route)
            cells.append("yes" if opened and not everything else found_by(caller, call, both=both))
        if cells != STATED[call]:
            wrong.append(f"| `{call.method} /{call.route}` | {' | '.join(cells)} |")
    assert not wrong, "\n".join(["docs/authorisation.md should say:", *wrong])


def bearer(secret: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {secret}"})


def rows(*, of_api: bool, of_staff: bool = False) -> list[Call]:
    return [
        call
        for call in STATED
        if call.route.startswith(API) == of_api and call.route.startswith(STAFF_API) == of_staff
    ]


@pytest.fixture
def visitors(
    staff: Callable[..., User], login: Callable[[User], Client], world: Callable[[User], World]
) -> list[Caller]:
    """The columns of the table of pages."""
    people = [staff(f"a-{role}", role) for role in ROLES]
    known = [Caller(login(person), world(person)) for person in people]
    return [Caller(Client(), known[0].world), *known]


def test_every_url_is_stated_and_no_other() -> None:
    assert {call.route for call in STATED} == set(routes())


def test_pages_open_for_those_who_are_stated(visitors: list[Caller]) -> None:
    compare(rows(of_api=False), visitors)


@pytest.mark.long
def test_pages_open_so_for_own_objects_and_for_those_of_others(visitors: list[Caller]) -> None:
    compare(rows(of_api=False), visitors, everything=True)


@pytest.fixture
def owner(staff: Callable[..., User], world: Callable[[User], World]) -> tuple[User, World]:
    ada = staff("ada", "admin")
    return ada, world(ada)


@pytest.fixture
def systems(integration: Integration, owner: tuple[User, World]) -> list[Caller]:
    """The columns of the table of the API for onboarding systems."""
    keys = []
    for scope in Scope.values:
        integration.keys.update(revoked_at=timezone.now())  # there is a limit of valid keys
        keys.append(accounts.key_create(integration=integration, scopes=[scope])[1])
    integration.keys.update(revoked_at=None)
    other = accounts.integration_create(slug="other", name="Other")
    keys.append(accounts.key_create(integration=other, scopes=Scope.values)[1])
    keys.append(token_create(owner=owner[0], label="b", days=1)[1])
    return [Caller(client, owner[1]) for client in (Client(), *map(bearer, keys))]


@pytest.fixture
def scripts(integration: Integration, owner: tuple[User, World], staff: Callable[..., User]) -> list[Caller]:
    """The columns of the table of the API for staff."""
    ada, of_ada = owner
    integration.keys.update(revoked_at=timezone.now())
    keys = [accounts.key_create(integration=integration, scopes=Scope.values)[1]]
    integration.keys.update(revoked_at=None)
    keys += [token_create(owner=ada, label="b", days=1, is_read_only=only)[1] for only in (False, True)]
    keys.append(token_create(owner=staff("audrey", "auditor"), label="c", days=1)[1])
    return [Caller(client, of_ada) for client in (Client(), *map(bearer, keys))]


def test_systems_reach_by_scope_what_is_stated(systems: list[Caller]) -> None:
    compare(rows(of_api=True), systems, everything=True)


def test_scripts_of_staff_reach_what_is_stated(scripts: list[Caller]) -> None:
    compare(rows(of_api=True, of_staff=True), scripts, everything=True)


def test_no_url_has_a_method_that_is_not_stated(systems: list[Caller], scripts: list[Caller]) -> None:
    """Pages say so to anybody, the API to who may use it at all: 405."""
    found = []
    for route in routes():
        is_api, is_staff = route.startswith(API), route.startswith(STAFF_API)
        caller = scripts[2] if is_staff else systems[1] if is_api else systems[0]
        calls = [Call(method, route) for method in METHODS[is_api]]
        found += [
            call
            for call in calls
            if call not in STATED and answer(caller.client, call, path_of(call, caller.world.own))
        ]
    assert found == []
