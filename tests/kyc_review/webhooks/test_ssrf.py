import socket
import ssl
import subprocess
import threading
import time
from ipaddress import ip_address
from pathlib import Path

import pytest
from django.conf import LazySettings

from kyc_review.webhooks import http_client
from kyc_review.webhooks.ssrf import AddressRefused, address_check, resolve, url_check


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "192.0.0.192", "192.88.99.1", "168.63.129.16", "3fff::1",
        "224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "240.0.0.1", "::", "::1", "fe80::1", "fc00::1",
        "ff02::1", "2001:db8::1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b:1::1",
        "2002:7f00:1::", "2001:0:4136:e378::1", "fec0::1",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public_is_refused(text: str) -> None:
    with pytest.raises(AddressRefused):
        address_check(ip_address(text))


@pytest.mark.parametrize("text", ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "64:ff9b::808:808"])
def test_a_public_address_is_accepted(text: str) -> None:
    address_check(ip_address(text))


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/", "ftp://example.com/", "https://", "https:///path", "https://user:pw@example.com/",
        "https://example.com/#part", "https://example.com:0/", "https://example.com:99999/", "https://[::1/",
        "https://10.0.0.1/", "https://[::ffff:127.0.0.1]/", "https://exa mple.com/", "https://example.com/\r\nX: y",
        "https://localhost/", "https://LOCALHOST.:8443/", "https://kyc.localhost/", "https://siem/", "https://127.1/",
        "https://2130706433/", "https://0x7f.1/", "https://printer.local/", "https://vault.internal/x",
        "https://ex\u00e4mple.com/", "https://example.com/" + "x" * 500, "javascript:alert(1)", "", "example.com",
        "https://a..example.com/x", "https://.example.com/", "https://example.com../",
        f"https://{'a' * 64}.example.com/", "https://" + "a.bcdefg." * 29 + "example.com/",
    ],
)  # fmt: skip
def test_a_url_that_may_not_be_used_is_refused_when_it_is_registered(url: str) -> None:
    with pytest.raises(AddressRefused):
        url_check(url)


def test_the_operator_can_name_a_host_of_the_banks_own_network(settings: LazySettings) -> None:
    settings.WEBHOOK_ALLOWED_HOSTS = ["siem", "localhost"]
    for url in ("https://siem/kyc", "http://localhost:8000/"):
        url_check(url)


def test_an_ordinary_url_is_accepted() -> None:
    assert url_check("https://hooks.example.com:8443/kyc?x=1").port == 8443


@pytest.mark.parametrize("host", ["localhost", "2130706433", "0x7f.1", "127.1"])
def test_a_name_or_an_odd_spelling_of_loopback_is_refused_after_resolution(host: str) -> None:
    with pytest.raises(AddressRefused):
        resolve(host, 443)


def test_one_private_address_among_public_ones_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The resolver is the one part that a test cannot have for real: no name here has two such addresses."""
    answers = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (text, 443)) for text in ("8.8.8.8", "192.168.0.1")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    with pytest.raises(AddressRefused):
        resolve("two-faced.example", 443)


def test_a_refused_address_is_never_connected_to(settings: LazySettings) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.2)
    settings.WEBHOOK_ALLOWED_HOSTS = []
    answer = http_client.post(f"https://localhost:{listener.getsockname()[1]}/", b"{}", {})
    assert answer.status is None
    assert "not of the public internet" in answer.error
    with pytest.raises(TimeoutError):
        listener.accept()


def test_tls_is_checked_against_the_name_while_the_address_is_pinned(
    tmp_path: Path, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reached by a pinned address; SNI, Host and the certificate are the name's."""
    certificate, key = _certificate(tmp_path, "hooks.test")
    names: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.sni_callback = lambda _sock, name, _context: names.append(name)
    listener = socket.create_server(("127.0.0.1", 0))
    heads: list[bytes] = []

    def serve() -> None:
        for _ in range(2):
            connection, _peer = listener.accept()
            try:
                with context.wrap_socket(connection, server_side=True) as secure:
                    request = b""
                    while not request.endswith(b"\r\n\r\n{}"):
                        request += secure.recv(4000)
                    heads.append(request)
                    secure.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
            except OSError:
                pass  # the client refused the certificate

    threading.Thread(target=serve, daemon=True).start()
    port = listener.getsockname()[1]
    settings.WEBHOOK_ALLOWED_HOSTS = ["hooks.test", "other.test"]
    monkeypatch.setattr(http_client, "resolve", lambda host, port: [ip_address("127.0.0.1")])
    trusting = ssl.create_default_context(cafile=str(certificate))
    monkeypatch.setattr(http_client, "_tls", lambda: trusting)
    assert http_client.post(f"https://hooks.test:{port}/", b"{}", {}).status == 204
    assert f"Host: hooks.test:{port}".encode() in heads[0]
    refused = http_client.post(f"https://other.test:{port}/", b"{}", {})
    listener.close()
    assert "certificate was refused" in refused.error
    assert names == ["hooks.test", "other.test"]


def _certificate(folder: Path, name: str) -> tuple[Path, Path]:
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    options = f"-x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={name} -addext subjectAltName=DNS:{name}"
    subprocess.run(
        ["openssl", "req", *options.split(), "-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )
    return certificate, key


def test_a_resolver_that_does_not_answer_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The resolver is again the part that a test cannot have for real."""
    answered = threading.Event()

    def hang(host: str, port: int) -> list[object]:
        answered.wait(20)
        return []

    monkeypatch.setattr(http_client, "resolve", hang)
    started = time.monotonic()
    answer = http_client.post("https://bank.example/hook", b"{}", {}, timeout_s=0.3)
    elapsed_s = time.monotonic() - started
    answered.set()
    assert (answer.status, answer.error) == (None, "No answer within 0.3 s.")
    assert elapsed_s < 10
