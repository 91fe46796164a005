"""Prints every image of others by its digest, as lines for .env and for an overlay of Kubernetes (docs/deploy.md).

usage: tools/image_digests.py      asks `docker buildx imagetools inspect`, so it needs Docker and the registries
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
COMPOSE = "docker-compose.yml"
NAMED = re.compile(r"\$\{(\w+_IMAGE):-([^}]+)\}")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def images(compose: str) -> dict[str, str]:
    """By variable, what compose uses without it."""
    return dict(NAMED.findall(compose))


def digest(image: str) -> str:
    """Of the image for all its platforms. Raises SystemExit when it cannot be found out."""
    command = ["docker", "buildx", "imagetools", "inspect", image, "--format", "{{.Manifest.Digest}}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        raise SystemExit("docker is not installed here: run this where images are pulled") from None
    if done.returncode or not DIGEST.fullmatch(done.stdout.strip()):
        raise SystemExit(f"no digest of {image}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout.strip()


def main() -> None:
    found = {name: (image, digest(image)) for name, image in images((ROOT / COMPOSE).read_text()).items()}
    print("# .env of docker compose")
    for name, (image, pin) in found.items():
        print(f"{name}={image}@{pin}")
    print("# images: of your overlay of deploy/kubernetes")
    for name, (image, pin) in found.items():
        if name != "PYTHON_IMAGE":  # what ours are built from
            print(f"  - {{name: {image.partition(':')[0]}, digest: {pin}}}")


if __name__ == "__main__":
    sys.exit(main())
