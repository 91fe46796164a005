// What an integrator does, with the client that orval makes for fetch. It knows addresses, but neither host nor key.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import * as api from "./generated/client.js";

const { SERVER, KEY, PICTURE, RECEIVER } = process.env as Record<string, string>;
const plainFetch = globalThis.fetch;
globalThis.fetch = (address, options) => {
  const headers = new Headers(options?.headers);
  headers.set("Authorization", `Bearer ${KEY}`);
  return plainFetch(new URL(String(address), SERVER), { ...options, headers });
};
const picture = await readFile(PICTURE!);
const headers = () => ({ headers: { "Idempotency-Key": randomUUID() } });

const form = { external_ref: "form-1", metadata: JSON.stringify({ branch: "12" }) };
const image = new File([picture], "selfie.jpg", { type: "image/jpeg" });
const posted = await api.createSubmission({ ...form, image }, {}, headers());
assert(posted.status === 202);
assert.deepEqual(posted.data.metadata, { branch: "12" });
const body = { external_ref: "json-1", image: picture.toString("base64"), metadata: { branch: "12" } };
const asJson = await api.createSubmissionJson(body, {}, headers());
assert(asJson.status === 202);

const page = await api.listSubmissions({ external_ref: "json-1" });
assert(page.status === 200);
assert.deepEqual(page.data.data.map((one) => one.id), [asJson.data.id]);
const read = await api.retrieveSubmission(posted.data.id);
assert(read.status === 200);
assert.equal(read.data.external_ref, "form-1");
const missing = await api.retrieveSubmission(randomUUID());
assert(missing.status === 404);
assert.equal(missing.data.code, "not_found");

const made = await api.createWebhookEndpoint({ url: RECEIVER! });
assert(made.status === 201);
assert.match(made.data.secret, /^whsec_/);
await api.sendTestWebhook(made.data.id);
const deliveries = await api.listWebhookDeliveries(made.data.id);
assert(deliveries.status === 200);
assert.deepEqual(deliveries.data.data.map((one) => one.event), ["webhook.test"]);
assert.equal((await api.deleteWebhookEndpoint(made.data.id)).status, 204);
const left = await api.listWebhookEndpoints();
assert(left.status === 200);
assert.deepEqual(left.data.data, []);
console.log("done");
