from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, connection, connections, transaction
from django.test import Client

from kyc_review.core.db.base import DatabaseWrapper
from kyc_review.core.db.copy import copy_in
from kyc_review.core.problems import RETRY_AFTER_S
from kyc_review.scoring.models import Scoring, Vote
from kyc_review.submissions.models import Submission
from tests.factories.connections import backend_end
from tests.factories.portraits import portrait_bytes
from tests.factories.responses import ClientResponse


def test_the_product_uses_it() -> None:
    assert isinstance(connections["default"], DatabaseWrapper)
    assert settings.DATABASES["default"]["CONN_HEALTH_CHECKS"]


@pytest.mark.django_db
def test_a_server_that_is_gone_is_given_up_within_seconds() -> None:
    connection.ensure_connection()
    said = connection.connection.info.get_parameters()
    assert int(said["connect_timeout"]) == 5
    assert int(said["tcp_user_timeout"]) == 15_000
    assert (int(said["keepalives_idle"]), int(said["keepalives_count"])) == (10, 3)


def test_the_address_may_say_how_long_to_wait_for_a_server() -> None:
    wrapper = DatabaseWrapper(connection.settings_dict | {"OPTIONS": {"connect_timeout": "20"}})
    assert wrapper.get_connection_params()["connect_timeout"] == "20"


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_the_server_ended_is_noticed_without_asking_it() -> None:
    connection.ensure_connection()
    assert connection.is_usable()
    backend_end()
    assert not connection.is_usable()
    connection.close()
    assert not connection.is_usable()


@pytest.mark.django_db(transaction=True)
def test_a_request_after_the_end_gets_a_new_connection() -> None:
    connection.ensure_connection()
    backend_end()
    kept: Any = connection
    kept.health_check_enabled, kept.health_check_done = True, False  # as when a request starts
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)


@pytest.mark.django_db(transaction=True)
def test_a_notice_does_not_end_a_connection() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DO $$ BEGIN RAISE NOTICE 'still here'; END $$")
    assert connection.is_usable()


def post(api: Client) -> ClientResponse:
    image = SimpleUploadedFile("selfie.jpg", portrait_bytes(0))
    return api.post(
        "/api/v1/submissions", {"image": image, "external_ref": "a"}, headers={"Idempotency-Key": "k"}
    )


@pytest.mark.django_db(transaction=True)
def test_a_web_process_answers_503_instead_of_waiting_for_a_lock_without_end(
    api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in `wsgi.py`, which is the only place that sets it: workers wait."""
    holder = connection.copy()
    with closing(holder), holder.cursor() as cursor:
        holder.set_autocommit(False)
        cursor.execute("LOCK TABLE submissions_submission IN ACCESS EXCLUSIVE MODE")
        connection.close()
        monkeypatch.setitem(connections.databases["default"], "LOCK_WAIT_S", 1)
        answer = post(api)
        assert (answer.status_code, answer["Retry-After"]) == (503, RETRY_AFTER_S), answer.content
        holder.rollback()
    assert post(api).status_code == 202
    connection.close()


@pytest.mark.django_db
def test_copied_rows_keep_the_tables_constraints(submit: Callable[..., Submission]) -> None:
    scoring = Scoring.objects.create(
        submission=submit(), bundle_version="b", bundle_digest="d", verdict="clear", risk=0.1, elapsed_ms=1
    )
    fields = ("scoring", "position", "member", "probability", "threshold", "is_fake")
    copy_in(Vote, fields, [(scoring.pk, 7, "a\tb\\", 0.25, 0.5, False), (scoring.pk, 8, "c", 1.0, 0.5, True)])
    kept = list(scoring.votes.filter(position__gte=7).values_list("member", "probability", "is_fake"))
    assert kept == [("a\tb\\", 0.25, False), ("c", 1.0, True)]
    for broken in ((scoring.pk, 7, "twice", 0.5, 0.5, False), (scoring.pk, 9, "no share", 1.5, 0.5, False)):
        with pytest.raises(IntegrityError), transaction.atomic():
            copy_in(Vote, fields, [broken])
    copy_in(Vote, fields, [])
