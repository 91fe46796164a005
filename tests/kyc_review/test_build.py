import os
import shutil
import subprocess
from pathlib import Path

import pytest

from kyc_review.settings.build import BUILD_FILE, PARTS, build_of
from kyc_review.settings.environment import BASE_DIR


@pytest.fixture
def product(tmp_path: Path) -> Path:
    (tmp_path / "kyc_review").mkdir()
    (tmp_path / "kyc_review" / "code.py").write_text("A = 1\n")
    return tmp_path


def git(folder: Path, *arguments: str) -> str:
    named = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    done = subprocess.run(["git", *named, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_an_image_is_what_it_was_told_to_be(product: Path) -> None:
    (product / BUILD_FILE).write_text("4f1c2d\n")
    assert build_of(product) == "4f1c2d"


def test_a_checkout_is_its_commit_and_says_whether_it_was_changed(product: Path) -> None:
    git(product, "init", "-q")
    git(product, "add", ".")
    git(product, "commit", "-qm", "first")
    commit = git(product, "rev-parse", "--short=12", "HEAD")
    assert build_of(product) == commit
    git(product, "tag", "v0.1.0")
    assert build_of(product) == commit
    (product / "kyc_review" / "code.py").write_text("A = 2\n")
    assert build_of(product) == f"{commit}-dirty"


def test_without_either_two_builds_differ_when_their_code_does(product: Path) -> None:
    (product / BUILD_FILE).write_text("\n")  # an image without the build argument
    first = build_of(product)
    assert first.startswith("files-")
    assert build_of(product) == first
    (product / "kyc_review" / "code.py").write_text("A = 2\n")
    assert build_of(product) != first
    (product / ".git").mkdir()  # no repository that git accepts
    assert build_of(product).startswith("files-")


@pytest.mark.parametrize(
    "name",
    [
        "templates/base.html",
        "static/css/base.css",
        "locale/de/LC_MESSAGES/django.mo",
        "kyc_review/review/migrations/0002.py",
        "detection/baseline/manifest.json",
    ],
)
def test_without_either_two_builds_differ_when_what_they_serve_does(product: Path, name: str) -> None:
    found = [build_of(product)]
    (product / name).parent.mkdir(parents=True)
    for content in ("", "one", "two"):
        (product / name).write_text(content)
        found.append(build_of(product))
    (product / name).rename(product / name.replace(".", "-2."))
    found.append(build_of(product))
    assert len(set(found)) == len(found)


def test_what_python_compiled_and_where_a_build_lies_is_not_part_of_it(
    product: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    first = build_of(product)
    (product / "kyc_review" / "__pycache__").mkdir()
    (product / "kyc_review" / "__pycache__" / "code.cpython-311.pyc").write_bytes(b"compiled")
    elsewhere = shutil.copytree(product, tmp_path_factory.mktemp("elsewhere") / "product")
    assert build_of(elsewhere) == build_of(product) == first


def test_both_images_hold_what_the_digest_covers() -> None:
    stages = (BASE_DIR / "Dockerfile").read_text().split("\nFROM ")
    for name in ("web", "worker"):
        (stage,) = (one for one in stages if one.startswith(f"base AS {name}\n"))
        assert {part for part in PARTS if f"COPY {part} {part}\n" in stage} == set(PARTS)


def test_another_repository_that_the_environment_names_is_not_asked(
    product: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(product, "init", "-q")
    git(product, "add", ".")
    git(product, "commit", "-qm", "first")
    commit = git(product, "rev-parse", "--short=12", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(tmp_path_factory.mktemp("other")))
    assert build_of(product) == commit


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a checkout to another account")
def test_a_checkout_of_another_account_is_the_same_build(product: Path) -> None:
    git(product, "init", "-q")
    git(product, "add", ".")
    git(product, "commit", "-qm", "first")
    commit = build_of(product)
    for path in (product, *product.rglob("*")):
        os.chown(path, 12345, 12345)
    assert build_of(product) == commit
