// What an integrator does, with the client of @hey-api/openapi-ts.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { client } from "./generated/client.gen.js";
import * as api from "./generated/sdk.gen.js";

const { SERVER, KEY, PICTURE, RECEIVER } = process.env as Record<string, string>;
client.setConfig({ baseUrl: SERVER!, auth: KEY! });
const picture = await readFile(PICTURE!);
const headers = () => ({ "Idempotency-Key": randomUUID() });

const posted = await api.createSubmission({
  headers: headers(),
  body: {
    external_ref: "form-1",
    image: new File([picture], "selfie.jpg", { type: "image/jpeg" }),
    metadata: JSON.stringify({ branch: "12" }),
  },
});
assert.deepEqual(posted.data?.metadata, { branch: "12" });
const asJson = await api.createSubmissionJson({
  headers: headers(),
  body: { external_ref: "json-1", image: picture.toString("base64"), metadata: { branch: "12" } },
});
assert.equal(asJson.response?.status, 202);

const page = await api.listSubmissions({ query: { external_ref: "json-1" } });
assert.deepEqual(page.data?.data.map((one) => one.id), [asJson.data?.id]);
const read = await api.retrieveSubmission({ path: { submission_id: posted.data!.id } });
assert.equal(read.data?.external_ref, "form-1");
const missing = await api.retrieveSubmission({ path: { submission_id: randomUUID() } });
assert.equal(missing.error?.code, "not_found");

const endpoint = (await api.createWebhookEndpoint({ body: { url: RECEIVER! } })).data!;
assert.match(endpoint.secret, /^whsec_/);
const path = { endpoint_id: endpoint.id };
await api.sendTestWebhook({ path });
const deliveries = await api.listWebhookDeliveries({ path });
assert.deepEqual(deliveries.data?.data.map((one) => one.event), ["webhook.test"]);
assert.equal((await api.deleteWebhookEndpoint({ path })).response?.status, 204);
assert.deepEqual((await api.listWebhookEndpoints()).data?.data, []);
console.log("done");
