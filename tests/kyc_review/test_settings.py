import os
import runpy
import subprocess
import sys
from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest
from environ import ImproperlyConfigured

from detection.decoding.limits import MAX_PIXELS_EVER, Limits
from kyc_review import settings
from kyc_review.settings.environment import Env

HTTP = str(Path(settings.__file__).with_name("http.py"))


def test_each_setting_is_set_in_one_module_only() -> None:
    """The star imports of `kyc_review.settings` would hide which of two wins."""
    folder = Path(settings.__file__).parent
    names: Counter[str] = Counter()
    for path in folder.glob("*.py"):
        if path.stem != "__init__":
            lines = path.read_text().splitlines()
            names.update(
                {line.split(" ")[0].rstrip(":") for line in lines if line[:1].isupper() and "=" in line}
            )
            assert import_module(f"kyc_review.settings.{path.stem}")
    assert len(names) > 100
    assert [name for name, times in names.items() if times > 1] == []


def test_uploads_have_the_limits_of_the_decoders_and_none_that_is_never_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    default = runpy.run_path(HTTP)
    allowed = Limits()
    assert (default["UPLOAD_MAX_BYTES"], default["UPLOAD_MAX_PIXELS"]) == (
        allowed.max_bytes,
        allowed.max_pixels,
    )
    monkeypatch.setenv("UPLOAD_MAX_PIXELS", str(MAX_PIXELS_EVER + 1))
    with pytest.raises(ImproperlyConfigured, match="UPLOAD_MAX_PIXELS is 200000001: expected at most 2"):
        runpy.run_path(HTTP)


def test_a_secret_may_be_in_a_file_with_or_without_a_line_break(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for content in ("postgres://a:b@host/kyc", "postgres://a:b@host/kyc\n"):
        (tmp_path / "url").write_text(content)
        monkeypatch.setenv("SOME_URL_FILE", str(tmp_path / "url"))
        assert Env().str("SOME_URL") == "postgres://a:b@host/kyc"


def test_a_list_in_a_file_may_be_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As SECRET_KEY_FALLBACKS is in a cluster until the key is changed."""
    contents: list[tuple[str, list[str]]] = [
        ("", []),
        ("\n", []),
        ("one\n", ["one"]),
        ("one,two\n", ["one", "two"]),
    ]
    for number, (content, keys) in enumerate(contents):  # a file is read once
        (tmp_path / f"keys-{number}").write_text(content)
        monkeypatch.setenv(f"SOME_KEYS{number}_FILE", str(tmp_path / f"keys-{number}"))
        assert Env().list(f"SOME_KEYS{number}", default=[]) == keys


def test_earlier_keys_have_no_file_in_a_secret_that_an_earlier_release_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SECRET_KEY_FALLBACKS", raising=False)
    monkeypatch.setenv("SECRET_KEY_FALLBACKS_FILE", str(tmp_path / "SECRET_KEY_FALLBACKS"))
    assert Env().list("SECRET_KEY_FALLBACKS", default=[]) == []
    monkeypatch.setenv("SECRET_KEY_FALLBACKS_FILE", str(tmp_path))  # there, and no file
    with pytest.raises(SystemExit, match="SECRET_KEY_FALLBACKS_FILE names a file that cannot be read"):
        Env().list("SECRET_KEY_FALLBACKS", default=[])


def test_a_file_that_is_not_there_is_named_with_its_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOST_URL_FILE", "/nowhere/url")
    said = "error: LOST_URL_FILE names a file that cannot be read: /nowhere/url: .*Mount the secret"
    with pytest.raises(SystemExit, match=said):
        Env().str("LOST_URL")


@pytest.mark.parametrize(
    "command", ["manage.py check", "-m celery -A kyc_review report", "-m kyc_review.wsgi"]
)
def test_a_process_without_a_secret_file_ends_with_one_line(command: str) -> None:
    known = {name: value for name, value in os.environ.items() if name != "SECRET_KEY"}
    done = subprocess.run(
        [sys.executable, *command.split()],
        cwd=settings.BASE_DIR,
        env=known | {"DJANGO_SETTINGS_MODULE": "kyc_review.settings", "SECRET_KEY_FILE": "/nowhere/key"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith(
        "error: SECRET_KEY_FILE names a file that cannot be read: /nowhere/key: No such file"
    )


@pytest.mark.parametrize(
    ("engine", "device", "refusal"),
    [
        ("tensorrt", "cpu", "must be torch or onnxruntime"),
        ("onnxruntime", "cuda", "needs SCORING_DEVICE=cpu"),
        ("onnxruntime", "auto", ""),
    ],
)
def test_an_engine_that_does_not_exist_or_has_no_gpu_is_refused(
    engine: str, device: str, refusal: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import kyc_review.settings.product"],
        env=os.environ | {"SCORING_ENGINE": engine, "SCORING_DEVICE": device},
        capture_output=True,
        text=True,
    )
    assert (done.returncode == 0) is (refusal == ""), done.stderr
    assert refusal in done.stderr
