"""A certified OpenID Connect provider (the npm package oidc-provider) on loopback, with accounts that tests write."""

import fcntl
import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.factories.processes import free_port

FOLDER = Path(__file__).parents[1] / "identity_provider"
CLIENT_ID, CLIENT_SECRET = "kyc-review", "only-for-tests"


class IdentityProvider:
    """Its address, its accounts, and its private key, with which a test forges tokens."""

    def __init__(self, folder: Path) -> None:
        self.issuer = f"http://127.0.0.1:{free_port()}"
        self.accounts = folder / "accounts.json"
        self.logout_tokens: list[str] = []
        self.key = RSAKey.generate_key(
            2048, parameters={"kid": "of-the-provider", "use": "sig", "alg": "RS256"}
        )
        self.write({})

    def write(self, accounts: dict[str, Any]) -> None:
        """accounts: name -> {"claims": {...}, "amr": [...], "acr": "..."}."""
        self.accounts.write_text(json.dumps(accounts))

    def visit(self, address: str, name: str, session: requests.Session | None = None) -> str:
        """Logs in there as `name`, as a browser would; the path on our side to which it sends the browser back."""
        browser = session or requests.Session()
        answer = browser.get(address, allow_redirects=False, timeout=10)
        for _ in range(10):
            there = answer.headers.get("Location", "")
            if "/callback/" in there:
                return re.sub(r"^https?://[^/]+", "", there)
            if there:
                answer = browser.get(urljoin(answer.url, there), allow_redirects=False, timeout=10)
            else:
                assert "Bank login" in answer.text, answer.text
                answer = browser.post(answer.url, {"login": name}, allow_redirects=False, timeout=10)
        raise AssertionError("the provider leads in circles")

    def log_out(self, browser: requests.Session) -> None:
        """The person of this browser ends their session there."""
        page = browser.get(f"{self.issuer}/session/end", timeout=10)
        (xsrf,) = re.findall(r'name="xsrf" value="([^"]+)"', page.text)
        done = browser.post(f"{self.issuer}/session/end/confirm", {"xsrf": xsrf, "logout": "yes"}, timeout=10)
        assert done.status_code == 200, done.text

    def forged(
        self,
        claims: dict[str, Any],
        *,
        key: Any = None,
        alg: str = "RS256",
        kid: str = "of-the-provider",
        without: tuple[str, ...] = (),
    ) -> str:
        now = int(time.time())
        said = {"iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 600, "sub": "eve"} | claims
        said = {name: value for name, value in said.items() if name not in without}
        return jwt.encode({"alg": alg, "kid": kid}, said, key or self.key, algorithms=[alg])


@contextmanager
def identity_provider(folder: Path, origins: list[str]) -> Iterator[IdentityProvider]:
    """Runs it. Skips, with the reason, where there is no Node.js or its packages cannot be had."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("no Node.js: the identity provider of the tests is an npm package")
    _install(npm)
    provider = IdentityProvider(folder)
    with _logout_receiver(provider) as address:
        yield from _running(provider, node, folder, origins, address)


@contextmanager
def _logout_receiver(provider: IdentityProvider) -> Iterator[str]:
    """An address that keeps the logout tokens which the provider posts to it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            provider.logout_tokens += form["logout_token"]
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


def _running(
    provider: IdentityProvider, node: str, folder: Path, origins: list[str], logout_address: str
) -> Iterator[IdentityProvider]:
    environment = os.environ | {
        "ISSUER": provider.issuer,
        "PORT": provider.issuer.rpartition(":")[2],
        "ACCOUNTS": str(provider.accounts),
        "KEYS": json.dumps({"keys": [provider.key.as_dict(private=True)]}),
        "REDIRECT_URIS": json.dumps([f"{origin}/login/single-sign-on/callback/" for origin in origins]),
        "SIGNED_OUT_URIS": json.dumps([f"{origin}/login/" for origin in origins]),
        "BACK_CHANNEL_LOGOUT_URI": logout_address,
        "CLIENT_ID": CLIENT_ID,
        "CLIENT_SECRET": CLIENT_SECRET,
    }
    with (folder / "provider.log").open("w") as log:
        process = subprocess.Popen(
            [node, "provider.mjs"],
            cwd=FOLDER,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            assert process.stdout is not None
            if "ready" not in process.stdout.readline():
                pytest.fail("the identity provider did not start: " + (folder / "provider.log").read_text())
            yield provider
        finally:
            process.kill()
            process.communicate()


def _install(npm: str) -> None:
    with (FOLDER / "package-lock.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (FOLDER / "node_modules" / ".package-lock.json").exists():
            return
        done = subprocess.run(
            [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=FOLDER,
            capture_output=True,
            text=True,
            timeout=120,
        )
    if done.returncode:
        pytest.skip(f"npm could not fetch the identity provider: {done.stderr[-300:]}")
