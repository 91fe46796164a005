"""Which build of the product this is: the version alone does not tell two of them apart."""

import hashlib
import os
import subprocess
from pathlib import Path

from kyc_review.settings.environment import BASE_DIR

# Of the product, as in pyproject.toml, which no image holds.
VERSION = "0.1.0"
# The file that an image has; its content is the build argument BUILD (Dockerfile).
BUILD_FILE = "build_id"
# In both images, so that web processes and workers of one build agree.
PARTS = ("detection", "encrypted_files", "estimation", "kyc_review", "locale", "static", "templates")
WEIGHTS = ".safetensors"  # large, and named with their SHA-256 in the manifest next to them
GIT_WAIT_S = 10


def build_of(folder: Path) -> str:
    """What an image was told, or the commit of a checkout (`-dirty`: with changes), or a digest of the files."""
    return _told(folder) or _commit(folder) or _files_digest(folder)


def _told(folder: Path) -> str:
    path = folder / BUILD_FILE
    return path.read_text().strip() if path.is_file() else ""


def _commit(folder: Path) -> str:
    """Empty where git is missing or refuses."""
    if not (folder / ".git").exists():  # git would look in the folders above
        return ""
    # In a checkout of another account, too: processes of one checkout must agree.
    asked = ["git", "--no-optional-locks", "-c", f"safe.directory={folder}", "-c", "core.fsmonitor=false"]
    asked += ["describe", "--always", "--exclude=*", "--dirty", "--abbrev=12"]
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(  # noqa: S603  (no part of it comes from outside)
            asked, cwd=folder, env=inherited, capture_output=True, text=True, timeout=GIT_WAIT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def _files_digest(folder: Path) -> str:
    """Of all code, templates, static files and catalogues: some 20 ms of a start."""
    digest = hashlib.sha256()
    for part in PARTS:
        for place, folders, files in os.walk(folder / part):
            folders[:] = sorted(name for name in folders if name != "__pycache__")
            within = Path(place).relative_to(folder).as_posix()
            for name in sorted(name for name in files if not name.endswith(WEIGHTS)):
                content = Path(place, name).read_bytes()
                digest.update(f"{within}/{name}\0{len(content)}\0".encode() + content)
    return f"files-{digest.hexdigest()[:12]}"


# Read once: a checkout may get other files while the process runs.
BUILD = build_of(BASE_DIR)
# As Semantic Versioning adds a build to a version.
RELEASE = f"{VERSION}+{BUILD}"
