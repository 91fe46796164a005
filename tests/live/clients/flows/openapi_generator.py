"""What an integrator does, with the client that openapi-generator makes for Python."""

import base64
import json
import os
import uuid
from pathlib import Path

import openapi_client as generated

configuration = generated.Configuration(host=os.environ["SERVER"], access_token=os.environ["KEY"])
client = generated.ApiClient(configuration)
submissions, webhooks = generated.SubmissionsApi(client), generated.WebhooksApi(client)
picture = Path(os.environ["PICTURE"]).read_bytes()

posted = submissions.create_submission(
    str(uuid.uuid4()), "form-1", ("selfie.jpg", picture), metadata=json.dumps({"branch": "12"})
)
assert posted.metadata == {"branch": "12"}
sent = generated.SubmissionJsonRequest(
    external_ref="json-1", image=base64.b64encode(picture).decode(), metadata={"branch": "12"}
)
as_json = submissions.create_submission_json(str(uuid.uuid4()), sent)

assert [one.id for one in submissions.list_submissions(external_ref="json-1").data] == [as_json.id]
assert submissions.retrieve_submission(posted.id).external_ref == "form-1"
missing = submissions.retrieve_submission_without_preload_content(uuid.uuid4())
assert (missing.status, json.loads(missing.data)["code"]) == (404, "not_found")

endpoint = webhooks.create_webhook_endpoint(generated.EndpointInRequest(url=os.environ["RECEIVER"]))
assert endpoint.secret.startswith("whsec_")
webhooks.send_test_webhook(endpoint.id)
assert [one.event for one in webhooks.list_webhook_deliveries(endpoint.id).data] == ["webhook.test"]
webhooks.delete_webhook_endpoint(endpoint.id)
assert webhooks.list_webhook_endpoints().data == []
print("done")
