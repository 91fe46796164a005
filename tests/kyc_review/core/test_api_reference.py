import pytest
from django.test import Client


@pytest.mark.parametrize(
    ("page", "document"),
    [("/docs/api/", "/docs/openapi.yaml"), ("/docs/api/staff/", "/docs/openapi-staff.yaml")],
)
def test_the_references_need_no_login_and_no_other_host(client: Client, page: str, document: str) -> None:
    shown = client.get(page)
    assert shown.status_code == 200
    policy = shown["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "script-src 'self'" in policy
    assert "://" not in shown.content.decode()
    assert f'data-document="{document}"' in shown.content.decode()
    answer = client.get(document)
    assert b"".join(answer).startswith(b"openapi: 3.1.0")
    assert answer["Content-Type"] == "application/yaml"
