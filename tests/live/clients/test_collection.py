"""The collection of requests that docs/api.md tells how to make."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.factories.clients import DOCUMENT, run

ASKED = ("submissions/Read what your key is and may do.yml", "submissions/List submissions.yml")


@pytest.mark.long
def test_a_collection_of_bruno_is_made_from_the_document_and_its_requests_are_answered(
    node: Path, all_tools: Path, client_environment: Mapping[str, str], tmp_path: Path
) -> None:
    bru = str(all_tools / "node/node_modules/.bin/bru")
    run([bru, "import", "openapi", "--source", str(DOCUMENT), "--output", "."], tmp_path)
    (collection,) = (path for path in tmp_path.iterdir() if path.name.startswith("KYC"))
    requests = list(collection.glob("*/*.yml"))
    assert len(requests) >= len(re.findall("operationId", DOCUMENT.read_text().split("\nwebhooks:")[0]))
    told = ["--env-var", f"baseUrl={client_environment['SERVER']}", "--env-var"]
    told += [f"token={client_environment['KEY']}", "--env", "The host that serves this document"]
    out = run([bru, "run", *ASKED, *told], collection)
    assert len(re.findall(r"\(200 OK\)", out)) == len(ASKED), out
