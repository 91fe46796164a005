"""People's scripts, which speak the retraining API with a token."""

import json
from typing import Any

from django.test import Client

from kyc_review.accounts.models import User
from kyc_review.accounts.tokens.services import token_create

LOOP = "/api/v1/retraining"


class Script:
    """A person's script: it carries a token and speaks JSON."""

    def __init__(self, person: User, *, is_read_only: bool = False) -> None:
        self.person = person
        token = token_create(owner=person, label="a test", days=1, is_read_only=is_read_only)[1]
        self.client = Client(headers={"Authorization": f"Bearer {token}"})

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(f"{LOOP}{path}", query)

    def send(self, method: str, path: str, **body: Any) -> Any:
        return self.client.generic(method, f"{LOOP}{path}", json.dumps(body), content_type="application/json")

    def post(self, path: str, **body: Any) -> Any:
        return self.send("POST", path, **body)
