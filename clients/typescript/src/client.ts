// The API's operations as methods.
import { list, nothing, object, picture, type Reader } from "./answers.js";
import { webCrypto } from "./crypto.js";
import { ConnectionFailed, WaitTimeout } from "./errors.js";
import type {
  Delivery,
  Event,
  Key,
  Outcome,
  Page,
  Submission,
  WebhookEndpoint,
  WebhookEndpointWithSecret,
} from "./models.js";
import { sleep, Transport, type Sent } from "./transport.js";

const LONGEST_HOLD_S = 10; // the server's
// What an answer must have to be taken for one of this API.
const SUBMISSION = { id: "string", status: "string", reasons: "array", checks: "array" } as const;
const EVENT = { id: "string", type: "string", timestamp: "string", data: "object" } as const;
const OUTCOME = { submission: "string", outcome: "string" } as const;
const ENDPOINT = { id: "string", url: "string", events: "array" } as const;
const DELIVERY = { id: "string", event: "string", state: "string", attempts: "array" } as const;
const KEY = { integration: "string", key: "string", scopes: "array", limits: "object" } as const;

/** A path (in Node), a `File` or `Blob`, the bytes themselves, or a stream. */
export type Image = string | Blob | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array<ArrayBuffer>>;

export interface ClientOptions {
  /** The server, such as https://kyc.bank.example. */
  readonly url: string;
  /** kyc_live_... or kyc_test_... (the sandbox). */
  readonly key: string;
  /** Of one attempt, from connecting to the last byte, plus the `waitS` asked for. Default: 30. */
  readonly timeoutS?: number;
  /** How often a request is repeated that fails in passing (429, 503, a lost or torn answer). Default: 4. */
  readonly retries?: number;
  /** A Retry-After over this is thrown, not waited for. Default: 60. */
  readonly longestPauseS?: number;
}

export interface NewSubmission {
  readonly image: Image;
  readonly externalRef: string;
  readonly applicantRef?: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly referenceImage?: Image;
  /** Your own value for this attempt, kept with the application, makes even a restarted program post it once. */
  readonly idempotencyKey?: string;
  /** How long the server may hold the answer back for a verdict, at most 10. */
  readonly waitS?: number;
}

export interface SubmissionFilters {
  readonly status?: Submission["status"];
  readonly result?: NonNullable<Submission["result"]>;
  readonly externalRef?: string;
  readonly applicantRef?: string;
  readonly receivedFrom?: Date;
  readonly receivedBefore?: Date;
  readonly completedFrom?: Date;
  readonly completedBefore?: Date;
  /** Up to five names and their exact values. */
  readonly metadata?: Readonly<Record<string, string | number | boolean>>;
}

/** One integration's access. */
export class KycClient {
  readonly #transport: Transport;

  constructor(options: ClientOptions) {
    this.#transport = new Transport({ timeoutS: 30, retries: 4, longestPauseS: 60, ...options });
  }

  /** What the key is and may do: a first call that tells whether it works. */
  async me(): Promise<Key> {
    return this.#read(object(KEY), "GET", "/me");
  }

  /** Post a selfie. Once it returns, the picture is stored durably. */
  async createSubmission(sent: NewSubmission): Promise<Submission> {
    const form = new FormData();
    form.set("external_ref", sent.externalRef);
    if (sent.applicantRef) form.set("applicant_ref", sent.applicantRef);
    if (sent.metadata) form.set("metadata", JSON.stringify(sent.metadata));
    form.set("image", ...(await file(sent.image)));
    if (sent.referenceImage) form.set("reference_image", ...(await file(sent.referenceImage)));
    const key = sent.idempotencyKey ?? (await webCrypto()).randomUUID();
    return this.#read(object(SUBMISSION), "POST", "/submissions", { form, key, holdS: held(sent.waitS ?? 0) });
  }

  /** Read a submission; the server may hold the answer back for `waitS` until it is scored. */
  async submission(id: string, { waitS = 0 }: { waitS?: number } = {}): Promise<Submission> {
    return this.#read(object(SUBMISSION), "GET", `/submissions/${id}`, { holdS: held(waitS) });
  }

  /**
   * The submission as soon as it is completed or cancelled. Throws WaitTimeout.
   *
   * A person may need minutes or hours: use a webhook in production.
   */
  async waitForResult(id: string, { timeoutS = 60 }: { timeoutS?: number } = {}): Promise<Submission> {
    const ends = Date.now() + timeoutS * 1000;
    let pauseS = 0.5;
    let tag: string | null = null;
    for (;;) {
      const started = Date.now();
      const holdS = held((ends - started) / 1000);
      const headers: Record<string, string> = tag ? { "If-None-Match": tag } : {};
      const read = object<Submission>(SUBMISSION);
      const answer = await this.#transport.send("GET", `/submissions/${id}`, read, { headers, holdS });
      const found = answer.value;
      if (found !== undefined) {
        if (found.status === "completed" || found.status === "cancelled") return found;
        tag = answer.headers.get("ETag");
      }
      const leftS = (ends - Date.now()) / 1000;
      if (leftS <= 0) throw new WaitTimeout(`${id} has no result after ${timeoutS} s.`);
      if (Date.now() - started < pauseS * 1000) {
        await sleep(Math.min(pauseS, leftS)); // the server holds no more answers back, or it changed at once
        pauseS = Math.min(pauseS * 1.5, LONGEST_HOLD_S);
      }
    }
  }

  /** Every submission that the filters find, newest first; pages are read as you go on. */
  submissions(filters: SubmissionFilters = {}): AsyncGenerator<Submission> {
    return this.#pages(SUBMISSION, "/submissions", {
      status: filters.status,
      result: filters.result,
      external_ref: filters.externalRef,
      applicant_ref: filters.applicantRef,
      received_from: filters.receivedFrom?.toISOString(),
      received_before: filters.receivedBefore?.toISOString(),
      completed_from: filters.completedFrom?.toISOString(),
      completed_before: filters.completedBefore?.toISOString(),
      metadata: filters.metadata && JSON.stringify(filters.metadata),
    });
  }

  /** The picture as it was posted. The key needs the scope `submissions:pictures`. */
  async image(id: string): Promise<Uint8Array<ArrayBuffer>> {
    return this.#read(picture, "GET", `/submissions/${id}/image`);
  }

  /** Throws NotFound when there is none. The key needs the scope `submissions:pictures`. */
  async referenceImage(id: string): Promise<Uint8Array<ArrayBuffer>> {
    return this.#read(picture, "GET", `/submissions/${id}/reference-image`);
  }

  /** Throws Conflict when it has a result. */
  async cancelSubmission(id: string): Promise<Submission> {
    return this.#read(object(SUBMISSION), "POST", `/submissions/${id}/cancel`);
  }

  /** Ask for another look at a `rejected` or `resubmit`, once. Throws Conflict: appeal_refused, appeal_not_yet. */
  async appeal(id: string, reason: string, idempotencyKey?: string): Promise<void> {
    const key = idempotencyKey ?? (await webCrypto()).randomUUID();
    await this.#read(object({}), "POST", `/submissions/${id}/appeal`, { json: { reason }, key });
  }

  /** Delete the picture and what was derived from it. The key needs the scope `submissions:erase`. */
  async eraseSubmission(id: string, reason?: string): Promise<void> {
    await this.#read(nothing, "DELETE", `/submissions/${id}`, { query: { reason } });
  }

  /** Models and reviewers are measured against it. */
  async reportOutcome(
    id: string,
    outcome: Outcome["outcome"],
    note = "",
    idempotencyKey?: string,
  ): Promise<Outcome> {
    const key = idempotencyKey ?? (await webCrypto()).randomUUID();
    const json = { outcome, note };
    return this.#read(object(OUTCOME), "POST", `/submissions/${id}/outcome`, { json, key });
  }

  /** The latest report. Throws NotFound when there is none. */
  async outcome(id: string): Promise<Outcome> {
    return this.#read(object(OUTCOME), "GET", `/submissions/${id}/outcome`);
  }

  /** What happened after the event with this id, oldest first, up to now. Keep the last id for the next time. */
  events(after?: string): AsyncGenerator<Event> {
    return this.#pages(EVENT, "/events", { after });
  }

  /** Its `secret` is in this answer only; a repetition with the same key shows it again within 24 hours. */
  async createWebhookEndpoint(
    sent: {
      url: string;
      events?: readonly string[];
      description?: string;
      /** Messages carry your reference. */
      include_external_ref?: boolean;
    },
    idempotencyKey?: string,
  ): Promise<WebhookEndpointWithSecret> {
    const key = idempotencyKey ?? (await webCrypto()).randomUUID();
    const read = object<WebhookEndpointWithSecret>({ ...ENDPOINT, secret: "string" });
    return this.#read(read, "POST", "/webhook-endpoints", { json: sent, key });
  }

  async webhookEndpoints(): Promise<readonly WebhookEndpoint[]> {
    const read = list<{ data: WebhookEndpoint[] }>(ENDPOINT, false);
    return (await this.#read(read, "GET", "/webhook-endpoints")).data;
  }

  async deleteWebhookEndpoint(id: string): Promise<void> {
    await this.#read(nothing, "DELETE", `/webhook-endpoints/${id}`);
  }

  /** Queue a `webhook.test`; `webhookDeliveries` tells what came back. */
  async sendTestWebhook(id: string): Promise<Delivery> {
    return this.#read(object(DELIVERY), "POST", `/webhook-endpoints/${id}/test`);
  }

  webhookDeliveries(id: string, state?: Delivery["state"]): AsyncGenerator<Delivery> {
    return this.#pages(DELIVERY, `/webhook-endpoints/${id}/deliveries`, { state });
  }

  async #read<Value>(read: Reader<Value>, method: string, path: string, sent: Sent = {}): Promise<Value> {
    return (await this.#transport.send(method, path, read, sent)).value as Value;
  }

  async *#pages<Item>(
    fields: Parameters<typeof list>[0],
    path: string,
    filters: Record<string, string | undefined>,
  ): AsyncGenerator<Item> {
    let after = filters["after"];
    for (;;) {
      const page = await this.#read(list<Page<Item>>(fields, true), "GET", path, { query: { ...filters, after } });
      yield* page.data;
      if (!page.has_more || page.next === null) return;
      if (page.next === after) throw new ConnectionFailed(`GET ${path}: the next page is this one again`);
      after = page.next;
    }
  }
}

/** Content and name of a part of the form. The content decides the format, whatever the name. */
async function file(image: Image): Promise<[Blob, string]> {
  if (typeof image === "string") {
    const { readFile } = await import("node:fs/promises");
    return [new Blob([await readFile(image)]), image.split(/[\\/]/).at(-1) ?? "image"];
  }
  if (image instanceof Blob) return [image, "name" in image ? String(image.name) : "image"];
  if (image instanceof Uint8Array) return [new Blob([image]), "image"];
  return [await new Response(image).blob(), "image"]; // read once, so that a retry can send it again
}

function held(waitS: number): number {
  return Math.max(0, Math.min(waitS, LONGEST_HOLD_S));
}
