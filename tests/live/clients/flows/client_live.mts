// What an integrator does, with clients/typescript.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import * as api from "kyc-review-client";

const { SERVER, KEY, PICTURE, RECEIVER } = process.env as Record<string, string>;
const kyc = new api.KycClient({ url: SERVER!, key: KEY! });
const bytes = new Uint8Array(await readFile(PICTURE!));

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = [];
  for await (const one of items) found.push(one);
  return found;
}

assert((await kyc.me()).test);
const byPath = await kyc.createSubmission({
  image: PICTURE!,
  externalRef: "sandbox-slow-review-path",
  metadata: { branch: "12" },
});
assert.deepEqual(byPath.metadata, { branch: "12" });
const byBytes = await kyc.createSubmission({ image: bytes, externalRef: "sandbox-slow-review-bytes", applicantRef: "p-77" });
const byStream = await kyc.createSubmission({
  image: new Blob([bytes]).stream(),
  externalRef: "sandbox-slow-review-stream",
  referenceImage: new Blob([bytes]),
});
assert.equal(byStream.reference_sha256, byPath.sha256);
const found = (await all(kyc.submissions())).map((one) => one.id);
assert.deepEqual(found, [byStream.id, byBytes.id, byPath.id]);
const ofBranch = await all(kyc.submissions({ metadata: { branch: "12" } }));
assert.deepEqual(ofBranch.map((one) => one.id), [byPath.id]);
await assert.rejects(kyc.image(byPath.id), api.PermissionDenied); // the key lacks the scope
const filters = { applicantRef: "p-77", receivedFrom: new Date(byPath.received_at) };
assert.deepEqual((await all(kyc.submissions(filters))).map((one) => one.id), [byBytes.id]);

assert.equal((await kyc.cancelSubmission(byPath.id)).status, "cancelled");
assert.equal((await kyc.waitForResult(byPath.id)).status, "cancelled");
await assert.rejects(kyc.waitForResult(byBytes.id, { timeoutS: 0.2 }), api.WaitTimeout);
await assert.rejects(kyc.outcome(byBytes.id), api.NotFound);
await assert.rejects(
  kyc.reportOutcome(byBytes.id, "confirmed_fraud"),
  (error) => error instanceof api.Conflict && error.code === "not_completed" && error.name === "Conflict",
);
await assert.rejects(
  kyc.createSubmission({ image: new Uint8Array([1, 2, 3]), externalRef: "x" }),
  (error) => error instanceof api.InvalidRequest && error.status === 415 && error.errors[0]?.pointer === "#/image",
);

const endpoint = await kyc.createWebhookEndpoint({ url: RECEIVER!, events: ["submission.completed"] });
assert.match(endpoint.secret, /^whsec_/);
await kyc.sendTestWebhook(endpoint.id);
assert.deepEqual((await all(kyc.webhookDeliveries(endpoint.id))).map((one) => one.event), ["webhook.test"]);
await kyc.deleteWebhookEndpoint(endpoint.id);
assert.deepEqual(await kyc.webhookEndpoints(), []);
await assert.rejects(new api.KycClient({ url: SERVER!, key: "kyc_test_no" }).me(), api.NotAuthenticated);
console.log("done");
