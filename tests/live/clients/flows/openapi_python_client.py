"""What an integrator does, with the client that openapi-python-client makes (package `generated`)."""

import base64
import json
import os
import uuid
from pathlib import Path

from generated import AuthenticatedClient
from generated.api.submissions import (
    create_submission,
    create_submission_json,
    list_submissions,
    retrieve_submission,
)
from generated.api.webhooks import (
    create_webhook_endpoint,
    delete_webhook_endpoint,
    list_webhook_deliveries,
    list_webhook_endpoints,
    send_test_webhook,
)
from generated.models import (
    EndpointInRequest,
    EndpointsOut,
    EndpointWithSecretOut,
    ProblemOut,
    SubmissionFormRequest,
    SubmissionJsonRequest,
    SubmissionJsonRequestMetadata,
    SubmissionOut,
    SubmissionPage,
)
from generated.models.deliveries_out import DeliveriesOut
from generated.types import File

client = AuthenticatedClient(base_url=os.environ["SERVER"], token=os.environ["KEY"])
picture = Path(os.environ["PICTURE"])

with picture.open("rb") as file:
    form = SubmissionFormRequest(
        external_ref="form-1",
        image=File(file, "selfie.jpg", "image/jpeg"),
        metadata=json.dumps({"branch": "12"}),
    )
    posted = create_submission.sync(client=client, body=form, idempotency_key=str(uuid.uuid4()))
assert isinstance(posted, SubmissionOut)
assert posted.metadata.to_dict() == {"branch": "12"}

metadata = SubmissionJsonRequestMetadata.from_dict({"branch": "12"})
image = base64.b64encode(picture.read_bytes()).decode()
sent = SubmissionJsonRequest(external_ref="json-1", image=image, metadata=metadata)
as_json = create_submission_json.sync(client=client, body=sent, idempotency_key=str(uuid.uuid4()))
assert isinstance(as_json, SubmissionOut)

page = list_submissions.sync(client=client, external_ref="json-1")
assert isinstance(page, SubmissionPage)
assert [one.id for one in page.data] == [as_json.id]
read = retrieve_submission.sync(posted.id, client=client)
assert isinstance(read, SubmissionOut)
assert read.external_ref == "form-1"
missing = retrieve_submission.sync(uuid.uuid4(), client=client)
assert isinstance(missing, ProblemOut)
assert (missing.status, missing.code) == (404, "not_found")

endpoint = create_webhook_endpoint.sync(client=client, body=EndpointInRequest(url=os.environ["RECEIVER"]))
assert isinstance(endpoint, EndpointWithSecretOut)
assert endpoint.secret.startswith("whsec_")
send_test_webhook.sync(endpoint.id, client=client)
deliveries = list_webhook_deliveries.sync(endpoint.id, client=client)
assert isinstance(deliveries, DeliveriesOut)
assert [one.event.value for one in deliveries.data] == ["webhook.test"]
assert delete_webhook_endpoint.sync_detailed(endpoint.id, client=client).status_code == 204
left = list_webhook_endpoints.sync(client=client)
assert isinstance(left, EndpointsOut)
assert left.data == []
print("done")
