// clients/typescript against answers and messages that no server of ours sends; the test gives the answers in this order.
import assert from "node:assert/strict";
import * as api from "kyc-review-client";

const options = { url: process.env["SERVER"]!, key: "k" };
const image = new Uint8Array([1, 2, 3]);
const lost = api.ConnectionFailed;

// An unreadable 2xx is a lost answer.
const patient = new api.KycClient({ ...options, retries: 1, longestPauseS: 0.01 });
for (let left = Number(process.env["UNREADABLE"]); left > 0; left--) {
  assert.equal((await patient.createSubmission({ image, externalRef: "application-1" })).status, "in_review");
  await assert.rejects(patient.cancelSubmission("1"), lost);
}

// Every error is one of the package.
const once = new api.KycClient({ ...options, retries: 0 });
for (const status of JSON.parse(process.env["STATUSES"]!) as number[]) {
  await assert.rejects(
    once.me(),
    (error) => error instanceof api.ApiError && error.status === status && error.code === "unknown",
  );
}

// A page of a proxy is neither an erasure nor a picture nor a list.
await assert.rejects(once.eraseSubmission("1"), lost);
await assert.rejects(once.image("1"), lost);
await assert.rejects(once.submissions().next(), lost);
await assert.rejects(once.webhookEndpoints(), lost);

// A Retry-After may be a date.
await assert.rejects(once.me(), (error) => error instanceof api.RateLimited && Math.abs(error.retryAfterS! - 3600) < 30);
let started = Date.now();
await new api.KycClient({ ...options, retries: 1 }).submission("1");
assert.ok(Date.now() - started > 900);

// The time-out is of the whole attempt; what the server was asked to hold back is added to it.
const hasty = new api.KycClient({ ...options, retries: 0, timeoutS: 0.2 });
started = Date.now();
await assert.rejects(hasty.me(), lost);
await assert.rejects(hasty.me(), lost); // an encoding that is broken
assert.ok(Date.now() - started < 2500);
await hasty.createSubmission({ image, externalRef: "x", waitS: 2 });
assert.equal((await hasty.waitForResult("1", { timeoutS: 3600 })).status, "completed");

// Whatever is sent to a receiver is an event or a WebhookInvalid.
const messages = JSON.parse(process.env["MESSAGES"]!) as [string, Record<string, string | string[]>, string][];
for (const [body, headers, secret] of messages) {
  await assert.rejects(api.verifyWebhook(body, headers, secret), api.WebhookInvalid, JSON.stringify(headers));
  await assert.rejects(api.verifyWebhook(new TextEncoder().encode(body), headers, secret), api.WebhookInvalid);
}
console.log("done");
