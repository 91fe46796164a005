// What an integrator does, with the types of openapi-typescript and the client openapi-fetch.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import createClient from "openapi-fetch";
import type { paths } from "./generated/schema.d.ts";

const { SERVER, KEY, PICTURE, RECEIVER } = process.env as Record<string, string>;
const api = createClient<paths>({ baseUrl: SERVER!, headers: { Authorization: `Bearer ${KEY}` } });
const picture = await readFile(PICTURE!);
const header = () => ({ "Idempotency-Key": randomUUID() });

const form = new FormData();
form.set("external_ref", "form-1");
form.set("metadata", JSON.stringify({ branch: "12" }));
form.set("image", new Blob([picture]), "selfie.jpg");
const posted = await api.POST("/api/v1/submissions", {
  params: { header: header() },
  body: { external_ref: "form-1", image: "", metadata: "" },
  bodySerializer: () => form,
});
assert.deepEqual(posted.data?.metadata, { branch: "12" });

const asJson = await api.POST("/api/v1/submissions/json", {
  params: { header: header() },
  body: { external_ref: "json-1", image: picture.toString("base64"), metadata: { branch: "12" } },
});
assert.equal(asJson.response.status, 202);

const page = await api.GET("/api/v1/submissions", { params: { query: { external_ref: "json-1" } } });
assert.deepEqual(page.data?.data.map((one) => one.id), [asJson.data?.id]);
const path = { submission_id: posted.data!.id };
const read = await api.GET("/api/v1/submissions/{submission_id}", { params: { path } });
assert.equal(read.data?.external_ref, "form-1");
const missing = await api.GET("/api/v1/submissions/{submission_id}", {
  params: { path: { submission_id: randomUUID() } },
});
assert.deepEqual([missing.error?.status, missing.error?.code], [404, "not_found"]);

const endpoint = (await api.POST("/api/v1/webhook-endpoints", { body: { url: RECEIVER! } })).data!;
assert.match(endpoint.secret, /^whsec_/);
const params = { path: { endpoint_id: endpoint.id } };
await api.POST("/api/v1/webhook-endpoints/{endpoint_id}/test", { params });
const deliveries = await api.GET("/api/v1/webhook-endpoints/{endpoint_id}/deliveries", { params });
assert.deepEqual(deliveries.data?.data.map((one) => one.event), ["webhook.test"]);
const deleted = await api.DELETE("/api/v1/webhook-endpoints/{endpoint_id}", { params });
assert.equal(deleted.response.status, 204);
assert.deepEqual((await api.GET("/api/v1/webhook-endpoints")).data?.data, []);
console.log("done");
