"""What the loop's commands share: JSON for scripts, in the API's words, and a person who acts by a token."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rest_framework.utils.encoders import JSONEncoder

from kyc_review.accounts.models import User
from kyc_review.accounts.tokens.authentication import refusal, token_found
from kyc_review.core.permissions import may_promote
from kyc_review.registry.models import Bundle
from kyc_review.registry.selectors import bundles_matching


def json_option(parser: CommandParser) -> None:
    """Add `--json` to a command."""
    parser.add_argument("--json", action="store_true", help="print the JSON of the API")


def token_option(parser: CommandParser) -> None:
    """Add `--token-file` to a command that acts for an admin."""
    parser.add_argument(
        "--token-file",
        required=True,
        metavar="FILE",
        help="file with the admin's personal token; - reads standard input",
    )


def say(command: BaseCommand, options: dict[str, Any], body: Any, line: str = "") -> None:
    """`body` as JSON where `--json` asks for it, else the line."""
    if options["json"]:
        command.stdout.write(json.dumps(body, cls=JSONEncoder, indent=2))
    elif line:
        command.stdout.write(line)


def person_of(options: dict[str, Any]) -> User:
    """The admin whose token the file holds. The OS user has no identity here; a promotion requires the tokens
    of two admins.

    Raises CommandError.
    """
    name = options["token_file"]
    try:
        sent = sys.stdin.readline() if name == "-" else Path(name).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(
            f"{name} cannot be read: {getattr(error, 'strerror', 'it is no text')}."
        ) from error
    token = token_found(sent.strip())
    if token is None:
        raise CommandError("The personal token is unknown, expired or revoked, or its owner has left.")
    if why := refusal(token, is_change=True):
        raise CommandError(why)
    if not may_promote(token.owner):
        raise CommandError(f"{token.owner.get_username()} is not an admin; only admins propose and decide.")
    return token.owner


def bundle_named(text: str) -> Bundle:
    """By version or digest. Raises CommandError."""
    found = bundles_matching(text)
    if not found:
        raise CommandError(f"{text} is not a known version, digest or folder; see `manage.py bundle list`.")
    if len(found) > 1:
        digests = ", ".join(row.digest[:12] for row in found)
        raise CommandError(f"{text} matches several bundles; use a digest: {digests}.")
    return found[0]
