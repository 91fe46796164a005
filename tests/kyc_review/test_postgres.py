import psycopg
import pytest
from django.conf import settings
from django.db import connection, connections

from kyc_review.postgres.base import DatabaseWrapper


def ended_by_the_server() -> None:
    """End this process' connection from the server's side, as a restarted Postgres does."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    target = connection.settings_dict
    with psycopg.connect(
        host=target["HOST"],
        port=target["PORT"],
        user=target["USER"],
        password=target["PASSWORD"],
        dbname=target["NAME"],
        autocommit=True,
    ) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


def test_the_product_uses_it() -> None:
    assert isinstance(connections["default"], DatabaseWrapper)
    assert settings.DATABASES["default"]["CONN_HEALTH_CHECKS"]


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_the_server_ended_is_noticed_without_asking_it() -> None:
    connection.ensure_connection()
    assert connection.is_usable()
    ended_by_the_server()
    assert not connection.is_usable()
    connection.close()
    assert not connection.is_usable()


@pytest.mark.django_db(transaction=True)
def test_a_request_after_the_end_gets_a_new_connection() -> None:
    connection.ensure_connection()
    ended_by_the_server()
    connection.health_check_enabled, connection.health_check_done = True, False  # as when a request starts
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)


@pytest.mark.django_db(transaction=True)
def test_a_notice_does_not_end_a_connection() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DO $$ BEGIN RAISE NOTICE 'still here'; END $$")
    assert connection.is_usable()
