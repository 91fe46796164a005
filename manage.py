#!/usr/bin/env python
import importlib.util
import os
import sys


def main() -> None:
    if sys.argv[1:2] == ["stack"]:  # makes the addresses and secrets that the settings below ask for
        from devstack.cli import main as stack

        sys.exit(stack(sys.argv[2:]))
    if sys.argv[1:2] == ["demo"]:
        from devstack.demo import main as demo

        sys.exit(demo(sys.argv[2:]))
    if sys.argv[1:3] == ["evidence", "verify"]:  # an auditor has no database
        from kyc_review.core.signed_archive import main as verify

        sys.exit(verify(sys.argv[3:]))
    # A container has no development stack: there the environment names everything.
    if "DATABASE_URL" not in os.environ and importlib.util.find_spec("devstack"):
        from devstack.environment import adopt

        adopt(os.environ)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kyc_review.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except BrokenPipeError:  # the reader, such as `head`, closed the pipe: write nothing more at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except ImproperlyConfigured as missing:
        if "DATABASE_URL" in os.environ:
            raise
        sys.exit(
            f"error: {missing}. No stack runs here: start one (make up), or set what .env.example lists."
        )


if __name__ == "__main__":
    main()
