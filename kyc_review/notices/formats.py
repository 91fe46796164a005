"""What is sent: plain text for e-mail in the active language, and the bodies of webhooks for their receivers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.utils.translation import gettext

from kyc_review.core.days import moment_in_words
from kyc_review.core.stored_texts import shown
from kyc_review.notices.models import Kind, Notice


def link_of(notice: Notice) -> str:
    return f"{settings.PUBLIC_URL.rstrip('/')}{notice.path}"


def subject_of(notices: Sequence[Notice]) -> str:
    """The title, or how many there are."""
    head = shown(notices[0].title)
    if len(notices) > 1:
        head = gettext("%(number)s notices: %(first)s") % {"number": len(notices), "first": head}
    return f"[{settings.BRAND_NAME}] {head}"


def plain(notices: Sequence[Notice]) -> str:
    """The body of an e-mail."""
    parts = [
        "\n".join(
            filter(
                None,
                [
                    shown(notice.title),
                    shown(notice.text),
                    link_of(notice),
                    moment_in_words(notice.created_at),
                ],
            )
        )
        for notice in notices
    ]
    choose = gettext("Choose what you are sent: %(url)s") % {
        "url": f"{settings.PUBLIC_URL.rstrip('/')}/notices/"
    }
    is_chosen = any(notice.kind != Kind.ACCOUNT for notice in notices)
    return "\n\n".join([*parts, choose] if is_chosen else parts) + "\n"


def generic_json(notice: Notice) -> dict[str, Any]:
    """The body has the form of integrations' webhooks: type, timestamp, data."""
    return {
        "type": notice.kind,
        "timestamp": notice.created_at.isoformat(timespec="milliseconds"),
        "data": {"title": notice.title, "text": notice.text, "url": link_of(notice)},
    }


def slack(notices: Sequence[Notice]) -> dict[str, Any]:
    """For incoming webhooks: `text` is the notification, `blocks` are what is shown.

    https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
    """
    return {
        "text": _slack_escaped(subject_of(notices)),
        "blocks": [
            {
                "type": "section",
                "text": {
                    "type": "mrkdwn",
                    "text": f"*{_slack_escaped(notice.title)}*\n{_slack_escaped(notice.text)}\n"
                    f"<{link_of(notice)}|Open>",
                },
            }
            for notice in notices
        ],
    }


def teams(notices: Sequence[Notice]) -> dict[str, Any]:
    """An Adaptive Card, as the workflow "When a Teams webhook request is received" takes it.

    https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using
    """
    blocks: list[dict[str, Any]] = []
    for notice in notices:
        blocks.append({"type": "TextBlock", "text": notice.title, "weight": "Bolder", "wrap": True})
        if notice.text:
            blocks.append({"type": "TextBlock", "text": notice.text, "wrap": True})
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": blocks,
        "actions": [{"type": "Action.OpenUrl", "title": "Open", "url": link_of(notices[0])}],
    }
    return {
        "type": "message",
        "attachments": [
            {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
        ],
    }


def _slack_escaped(text: str) -> str:
    """Slack's three control characters; links and mentions in a text stay text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
