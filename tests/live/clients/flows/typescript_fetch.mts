// What an integrator does, with the client that openapi-generator makes for typescript-fetch.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { Configuration, ResponseError, SubmissionsApi, WebhooksApi } from "./generated/index.js";

const { SERVER, KEY, PICTURE, RECEIVER } = process.env as Record<string, string>;
const configuration = new Configuration({ basePath: SERVER!, accessToken: KEY! });
const submissions = new SubmissionsApi(configuration);
const webhooks = new WebhooksApi(configuration);
const picture = await readFile(PICTURE!);

const posted = await submissions.createSubmission({
  idempotencyKey: randomUUID(),
  externalRef: "form-1",
  image: new File([picture], "selfie.jpg", { type: "image/jpeg" }),
  metadata: JSON.stringify({ branch: "12" }),
});
assert.deepEqual(posted.metadata, { branch: "12" });
const asJson = await submissions.createSubmissionJson({
  idempotencyKey: randomUUID(),
  submissionJsonRequest: {
    externalRef: "json-1",
    image: picture.toString("base64"),
    metadata: { branch: "12" },
  },
});

const page = await submissions.listSubmissions({ externalRef: "json-1" });
assert.deepEqual(page.data.map((one) => one.id), [asJson.id]);
const read = await submissions.retrieveSubmission({ submissionId: posted.id });
assert.equal(read.externalRef, "form-1");
await assert.rejects(
  submissions.retrieveSubmission({ submissionId: randomUUID() }),
  (error) => error instanceof ResponseError && error.response.status === 404,
);

const endpoint = await webhooks.createWebhookEndpoint({ endpointInRequest: { url: RECEIVER! } });
assert.match(endpoint.secret, /^whsec_/);
const endpointId = endpoint.id;
await webhooks.sendTestWebhook({ endpointId });
const deliveries = await webhooks.listWebhookDeliveries({ endpointId });
assert.deepEqual(deliveries.data.map((one) => one.event), ["webhook.test"]);
await webhooks.deleteWebhookEndpoint({ endpointId });
assert.deepEqual((await webhooks.listWebhookEndpoints()).data, []);
console.log("done");
