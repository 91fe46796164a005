from django.test import Client


def test_the_reference_needs_no_login_and_no_other_host(client: Client) -> None:
    page = client.get("/docs/api/")
    assert page.status_code == 200
    policy = page["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "script-src 'self'" in policy
    assert "://" not in page.content.decode()
    document = client.get("/docs/openapi.yaml")
    assert b"".join(document).startswith(b"openapi: 3.1.0")
    assert document["Content-Type"] == "application/yaml"
