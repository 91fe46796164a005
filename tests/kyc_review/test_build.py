import os
import subprocess
from pathlib import Path

import pytest

from kyc_review.settings.build import BUILD_FILE, build_of


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
    assert first.startswith("code-")
    assert build_of(product) == first
    (product / "kyc_review" / "code.py").write_text("A = 2\n")
    assert build_of(product) != first
    (product / ".git").mkdir()  # no repository that git accepts
    assert build_of(product).startswith("code-")


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
