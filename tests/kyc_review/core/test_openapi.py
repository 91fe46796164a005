"""The documents as generators of clients need them."""

from typing import Any

import pytest
import yaml

from devstack.paths import REPOSITORY
from kyc_review.webhooks.models import Kind

DOCUMENTS = {
    name: yaml.load((REPOSITORY / "docs" / f"{name}.yaml").read_text(), yaml.CSafeLoader)
    for name in ("openapi", "openapi-staff")
}


def operations(name: str) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method} {path}", operation)
        for path, methods in DOCUMENTS[name]["paths"].items()
        for method, operation in methods.items()
    ]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_an_operation_takes_one_type_of_body(name: str) -> None:
    bodies = {
        name: list(one["requestBody"]["content"]) for name, one in operations(name) if "requestBody" in one
    }
    assert {name: kinds for name, kinds in bodies.items() if len(kinds) != 1} == {}
    forms = [name for name, kinds in bodies.items() if kinds == ["multipart/form-data"]]
    assert forms == (["post /api/v1/submissions"] if name == "openapi" else [])


def test_each_document_has_its_readers_addresses_only() -> None:
    def is_staff(path: str) -> bool:
        return path.startswith(("/api/v1/retraining/", "/api/v1/records/"))

    assert not any(is_staff(path) for path in DOCUMENTS["openapi"]["paths"])
    assert all(is_staff(path) for path in DOCUMENTS["openapi-staff"]["paths"])
    schemes = {name: list(one["components"]["securitySchemes"]) for name, one in DOCUMENTS.items()}
    assert schemes == {"openapi": ["apiKey"], "openapi-staff": ["personalToken"]}


def test_every_event_is_a_webhook_with_a_schema_and_an_example_of_its_own() -> None:
    found = DOCUMENTS["openapi"]["webhooks"]
    assert set(found) == set(Kind.values)
    for kind, message in found.items():
        body = message["post"]["requestBody"]["content"]["application/json"]
        assert body["schema"]["$ref"].startswith("#/components/schemas/Webhook")
        assert [one["value"]["type"] for one in body["examples"].values()] == [kind]
        assert {one["name"] for one in message["post"]["parameters"]} == {
            "webhook-id",
            "webhook-timestamp",
            "webhook-signature",
        }


def test_metadata_and_the_items_of_errors_are_typed() -> None:
    schemas = DOCUMENTS["openapi"]["components"]["schemas"]
    assert schemas["SubmissionOut"]["properties"]["metadata"]["type"] == "object"
    assert schemas["ProblemOut"]["properties"]["errors"]["items"] == {
        "$ref": "#/components/schemas/ProblemErrorOut"
    }
    assert schemas["BatchInRequest"]["properties"]["submissions"]["items"] == {
        "$ref": "#/components/schemas/SubmissionJsonRequest"
    }


def test_a_body_that_takes_no_other_fields_says_so() -> None:
    for name, document in DOCUMENTS.items():
        schemas = document["components"]["schemas"]
        bodies = {
            body["schema"]["$ref"].rpartition("/")[2]
            for _, one in operations(name)
            for body in one.get("requestBody", {}).get("content", {}).values()
        }
        is_open = {body for body in bodies if schemas[body].get("additionalProperties") is not False}
        assert is_open <= {"GateSettingsInRequest"}
    assert (
        DOCUMENTS["openapi"]["components"]["schemas"]["EndpointInRequest"]["properties"]["events"]["minItems"]
        == 1
    )


def test_no_field_of_a_body_has_a_default() -> None:
    """openapi-typescript makes a field with a default required, so that every client would have to send it."""
    schemas = DOCUMENTS["openapi"]["components"]["schemas"]
    defaults = {
        f"{name}.{field}"
        for name, schema in schemas.items()
        if name.endswith("Request")
        for field, described in schema.get("properties", {}).items()
        if "default" in described
    }
    assert defaults == set()
