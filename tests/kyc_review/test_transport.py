"""Cookies and headers of an installation that is served over TLS, as its settings make them."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SHOW = """
import json, django
django.setup()
from django.conf import settings
from django.middleware.security import SecurityMiddleware
from django.http import HttpResponse
from django.test import RequestFactory
from kyc_review.accounts.languages import cookie_write
answer = HttpResponse()
cookie_write(answer, "de")
sent = SecurityMiddleware(lambda request: answer)(RequestFactory().get("/", secure=True))
names = [settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME, settings.LANGUAGE_COOKIE_NAME]
print(json.dumps([names + [settings.TIME_ZONE_COOKIE_NAME], sent.get("Strict-Transport-Security"),
    answer.cookies.output(), settings.SESSION_COOKIE_PATH, settings.SESSION_COOKIE_DOMAIN, settings.CSRF_COOKIE_PATH,
    settings.CSRF_COOKIE_DOMAIN, settings.SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_SECURE]))
"""


def shown(**environment: str) -> list[object]:
    known = {"SECRET_KEY": "x" * 50, "DATABASE_URL": "postgres://u@h/d", "VALKEY_URL": "redis://h"}
    env = {
        "PATH": os.environ["PATH"],
        "DJANGO_SETTINGS_MODULE": "kyc_review.settings",
        **known,
        **environment,
    }
    done = subprocess.run([sys.executable, "-c", SHOW], env=env, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def test_over_tls_every_cookie_is_bound_to_the_host_and_hsts_covers_what_is_below() -> None:
    names, hsts, language, *rest = shown()
    expected = ["sessionid", "csrftoken", "django_language", "time_zone"]
    assert names == ["__Host-" + name for name in expected]
    assert hsts == "max-age=31536000; includeSubDomains"
    assert all(
        part in str(language) for part in ("__Host-django_language=de", "Path=/", "Secure", "HttpOnly")
    )
    assert "Domain" not in str(language)
    assert rest == ["/", None, "/", None, True, True]


def test_hsts_can_be_set() -> None:
    options = {"HSTS_SECONDS": "60", "HSTS_INCLUDE_SUBDOMAINS": "false", "HSTS_PRELOAD": "true"}
    assert shown(**options)[1] == "max-age=60; preload"


def test_the_script_that_writes_a_cookie_uses_the_same_names() -> None:
    script = (ROOT / "static/js/theme.js").read_text()
    assert '"__Host-"' in script
    assert "time_zone=" in script
    assert sum("document.cookie" in file.read_text() for file in (ROOT / "static/js").rglob("*.js")) == 1
