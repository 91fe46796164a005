// Retries of clients/typescript against a server with a script; the test looks at what arrived there.
import assert from "node:assert/strict";
import * as api from "kyc-review-client";

const kyc = new api.KycClient({ url: process.env["SERVER"]!, key: "k", retries: 4 });
const image = new Uint8Array([1, 2, 3]);
assert.equal((await kyc.createSubmission({ image, externalRef: "application-1" })).status, "in_review");
await assert.rejects(kyc.sendTestWebhook("1"), api.ConnectionFailed);
await assert.rejects(kyc.cancelSubmission("1"), api.Unavailable);
await assert.rejects(
  kyc.me(),
  (error) => error instanceof api.RateLimited && error.code === "throttled" && error.retryAfterS === 3600,
);
const found: string[] = [];
for await (const one of kyc.submissions({ status: "in_review" })) found.push(one.external_ref);
assert.deepEqual(found, ["application-1", "application-2"]);
console.log("done");
