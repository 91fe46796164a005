import gc
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import pytest_django
from django.conf import LazySettings
from django.test import Client
from django.test.utils import override_settings, setup_databases, teardown_databases

from kyc_review.accounts import services as accounts
from kyc_review.accounts.models import Integration, User
from kyc_review.submissions.intake import submission_create
from kyc_review.submissions.models import Submission
from tests.factories.people import PASSWORD
from tests.factories.pictures import jpeg_bytes
from tests.factories.storages import storage_move
from tests.fixtures.database import connections_of_others_end, flush_of_filled_tables

# Read when torch is loaded, by processes that tests start too. Networks of tests are so small that several threads take
# twice the processor time of one, and parallel tests need the cores; threads that wait for each other must not keep a
# core busy (a test of 0.5 s took minutes).
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
gc.disable()  # until all is imported, which leaves next to no garbage: a third of the time of collecting the tests

pytest_plugins = [
    "tests.fixtures.accounts",
    "tests.fixtures.audit",
    "tests.fixtures.branding",
    "tests.fixtures.devstack",
    "tests.fixtures.encryption",
    "tests.fixtures.evidence",
    "tests.fixtures.key_service",
    "tests.fixtures.object_stores",
    "tests.fixtures.receivers",
    "tests.fixtures.retraining",
    "tests.fixtures.review",
    "tests.fixtures.roles",
    "tests.fixtures.single_sign_on",
    "tests.fixtures.training",
]

# They start a browser, the whole stack or live servers. Other slow tests carry the marker themselves.
SLOW_FOLDERS = ("browser", "devstack", "live")


@pytest.hookimpl(tryfirst=True, wrapper=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    """Tests of a slow folder get the marker `slow`, so that `-m "not slow"` leaves them out; `long` ones are left out
    unless LONG_TESTS=1.

    Parallel workers take files in the order of their tests, those with slow tests first: a long file that comes last
    would keep one worker for minutes while the other has nothing left.
    """
    left_out = (
        [] if os.environ.get("LONG_TESTS") else [item for item in items if item.get_closest_marker("long")]
    )
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    here = Path(__file__).parent
    for item in items:
        if item.path.relative_to(here).parts[0] in SLOW_FOLDERS:
            item.add_marker(pytest.mark.slow)
    yield
    if hasattr(config, "workerinput"):
        slow_files = {item.path for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: item.path not in slow_files)


def pytest_collection_finish() -> None:
    """The garbage collector looks no more at what was imported, and less often at what tests make: it took a fifth of
    the processor time of tests of pages."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)
    gc.enable()


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None,
    django_db_modify_db_settings: None,
    django_db_blocker: pytest_django.DjangoDbBlocker,
) -> Iterator[None]:
    """The test database, also where no test has pytest-django's marker: its own fixture makes none then, and tests that
    write committed rows without the marker would find an empty server."""
    with django_db_blocker.unblock():
        made = setup_databases(verbosity=0, interactive=False, aliases={"default": None})
    with flush_of_filled_tables():
        yield
    with django_db_blocker.unblock():
        connections_of_others_end()
        teardown_databases(made, verbosity=0)


@pytest.fixture(scope="session", autouse=True)
def usual_settings(django_test_environment: None) -> Iterator[None]:
    """Decisions are final at once, votes are open, one person corrects and nothing is drawn, unless a test is about
    these very things. Once for all tests: each setting that changes is told to a dozen receivers."""
    usual = {
        # Hashing a password well takes a third of a second, and most tests make two people.
        "PASSWORD_HASHERS": ["django.contrib.auth.hashers.MD5PasswordHasher"],
        "UNDO_WINDOW_S": 0,
        "BLIND_SHARE": 0.0,
        "GOLD_DELAY_S": 0.0,
        "CORRECTIONS_NEED_TWO": False,
        "SECOND_REVIEW_SHARE": 0.0,
        "SECOND_REVIEW_RISK": 0.0,
        "AUDIT_SHARE": 0.0,
        "AUDIT_RISK_SHARE": 0.0,
        # People of most tests have no second factor.
        "APPROVER_SECOND_FACTOR": False,
        "REQUIRE_SECOND_FACTOR": [],
        "ADMIN_ACCESS_NEEDS_TWO": False,
        "NOTICE_EMAIL_DOMAINS": ["bank.example"],
    }
    with override_settings(**usual):
        yield


@pytest.fixture(autouse=True)
def private_data(
    usual_settings: None, tmp_path: Path, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Every test has private folders of its own."""
    settings.DATA_DIR, settings.BUNDLES_DIR = tmp_path, tmp_path / "bundles"
    settings.LOCAL_COPIES_DIR = tmp_path / "copies"
    for name in ("originals", "derivatives", "bundles", "snapshots", "archive", "training", "means"):
        storage_move(monkeypatch, name, tmp_path / name)
    return tmp_path


@pytest.fixture
def integration(db: None) -> Integration:
    return accounts.integration_create(slug="mobile-app", name="Mobile app")


@pytest.fixture
def api_key(integration: Integration) -> str:
    return accounts.key_create(integration=integration)[1]


@pytest.fixture
def api(client: Client, api_key: str) -> Client:
    """A test client that carries the integration's key."""
    client.defaults["HTTP_AUTHORIZATION"] = f"Bearer {api_key}"
    return client


@pytest.fixture
def staff(db: None) -> Callable[..., User]:
    """staff("alice", "reviewer") creates a member of staff with PASSWORD."""
    accounts.roles_ensure()

    def make(username: str, role: str) -> User:
        return accounts.staff_create(username=username, password=PASSWORD, role=role)

    return make


@pytest.fixture
def alice(staff: Callable[..., User]) -> User:
    return staff("alice", "reviewer")


@pytest.fixture
def bob(staff: Callable[..., User]) -> User:
    return staff("bob", "reviewer")


@pytest.fixture
def submit(integration: Integration) -> Callable[..., Submission]:
    """submit() posts one more small selfie, as the intake service stores it."""
    count = iter(range(100_000))

    def make(**fields: object) -> Submission:
        number = next(count)
        defaults: dict = {
            "integration": integration,
            "image": jpeg_bytes(seed=number),
            "external_ref": f"application-{number}",
        }
        return submission_create(**(defaults | fields))

    return make
