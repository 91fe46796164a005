// Messages of the server to your webhook endpoint (Standard Webhooks).
import { checked } from "./answers.js";
import { webCrypto } from "./crypto.js";
import { WebhookInvalid } from "./errors.js";
import type { Event, TestEvent } from "./models.js";

const TOLERANCE_S = 300;
const SHORTEST_KEY_BYTES = 16;

type HeadersLike = Headers | Readonly<Record<string, string | string[] | undefined>>;

/**
 * The event of a message, once its signature and age are right. Throws WebhookInvalid.
 *
 * `body`: the bytes or the text as they came, before anything parsed them. `headers`: those of `fetch`, or of Node.
 * The same event may arrive twice: keep its `id`.
 */
export async function verifyWebhook(
  body: string | Uint8Array,
  headers: HeadersLike,
  secret: string,
  toleranceS: number = TOLERANCE_S,
): Promise<Event | TestEvent> {
  const keyBytes = decoded(secret.replace(/^whsec_/, ""));
  if (keyBytes === null || keyBytes.length < SHORTEST_KEY_BYTES) {
    throw new WebhookInvalid("The secret is not one of an endpoint: whsec_ and base64."); // an empty one is no secret
  }
  const id = header(headers, "webhook-id");
  const stamp = header(headers, "webhook-timestamp");
  const signatures = header(headers, "webhook-signature");
  if (!id || !stamp || !signatures || !/^\d{1,12}$/.test(stamp)) {
    throw new WebhookInvalid("The headers of a signed webhook are missing or malformed.");
  }
  if (Math.abs(Date.now() / 1000 - Number(stamp)) > toleranceS) {
    throw new WebhookInvalid("The message is too old, or a clock is wrong.");
  }
  const sentBytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const { subtle } = await webCrypto();
  const key = await subtle.importKey("raw", keyBytes, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
  const prefix = new TextEncoder().encode(`${id}.${stamp}.`);
  const content = new Uint8Array(prefix.length + sentBytes.length);
  content.set(prefix);
  content.set(sentBytes, prefix.length);
  for (const one of signatures.split(" ")) {
    // During a rotation a message carries two; `verify` takes the same time for every wrong one.
    const sent = one.startsWith("v1,") ? decoded(one.slice(3)) : null;
    if (sent && (await subtle.verify("HMAC", key, sent, content))) return event(sentBytes, id);
  }
  throw new WebhookInvalid("The signature does not belong to this secret and body.");
}

function event(body: Uint8Array, id: string): Event | TestEvent {
  try {
    const found = JSON.parse(new TextDecoder().decode(body)) as unknown;
    checked(found, { type: "string", timestamp: "string", data: "object" });
    return { ...(found as Omit<Event, "id">), id };
  } catch {
    throw new WebhookInvalid("The message is signed but holds no event; upgrade this package.");
  }
}

function header(headers: HeadersLike, name: string): string | undefined {
  if (headers instanceof Headers) return headers.get(name) ?? undefined;
  const found: unknown = Object.entries(headers).find(([sent]) => sent.toLowerCase() === name)?.[1];
  const first: unknown = Array.isArray(found) ? found[0] : found;
  return typeof first === "string" ? first : undefined;
}

/** null: no base64. */
function decoded(base64: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  } catch {
    return null;
  }
}
