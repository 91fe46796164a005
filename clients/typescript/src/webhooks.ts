// Messages of the server to your webhook endpoint (Standard Webhooks).
import { webCrypto } from "./crypto.js";
import { WebhookInvalid } from "./errors.js";
import type { Event, TestEvent } from "./models.js";

const TOLERANCE_S = 300;

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
  const id = header(headers, "webhook-id");
  const stamp = header(headers, "webhook-timestamp");
  const signatures = header(headers, "webhook-signature");
  if (!id || !stamp || !signatures || !/^\d+$/.test(stamp)) {
    throw new WebhookInvalid("The headers of a signed webhook are missing or malformed.");
  }
  if (Math.abs(Date.now() / 1000 - Number(stamp)) > toleranceS) {
    throw new WebhookInvalid("The message is too old, or a clock is wrong.");
  }
  const text = typeof body === "string" ? body : new TextDecoder().decode(body);
  const crypto = await webCrypto();
  const usage = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", bytes(secret.replace(/^whsec_/, "")), usage, false, ["verify"]);
  const content = new TextEncoder().encode(`${id}.${stamp}.${text}`);
  for (const one of signatures.split(" ")) {
    // During a rotation a message carries two; `verify` takes the same time for every wrong one.
    const sent = one.startsWith("v1,") ? signature(one.slice(3)) : null;
    if (sent && (await crypto.subtle.verify("HMAC", key, sent, content))) {
      return { ...(JSON.parse(text) as Omit<Event, "id">), id };
    }
  }
  throw new WebhookInvalid("The signature does not belong to this secret and body.");
}

function header(headers: HeadersLike, name: string): string | undefined {
  if (headers instanceof Headers) return headers.get(name) ?? undefined;
  const found = Object.entries(headers).find(([sent]) => sent.toLowerCase() === name)?.[1];
  return Array.isArray(found) ? found[0] : found;
}

function bytes(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

function signature(base64: string): Uint8Array<ArrayBuffer> | null {
  try {
    return bytes(base64);
  } catch {
    return null; // no base64, so it is not the right one
  }
}
