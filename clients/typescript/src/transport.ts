// Requests with retries.
import { ConnectionFailed, errorOf } from "./errors.js";

// Refused before anything happened, so that every request may be repeated.
const REFUSED = [429, 503];
// Something may have happened: only what is safe to repeat is repeated.
const BROKEN = [500, 502, 504];
const FIRST_PAUSE_S = 0.5;

export interface Sent {
  query?: Record<string, string | number | undefined>;
  json?: unknown;
  form?: FormData;
  headers?: Record<string, string>;
  /** The Idempotency-Key, the same in every repetition. */
  key?: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly text: string;
}

export interface TransportOptions {
  readonly url: string;
  readonly key: string;
  readonly timeoutS: number;
  readonly retries: number;
  readonly longestPauseS: number;
}

export const sleep = (seconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, seconds * 1000));

export class Transport {
  readonly #options: TransportOptions;
  readonly #root: string;

  constructor(options: TransportOptions) {
    this.#options = options;
    this.#root = `${options.url.replace(/\/+$/, "")}/api/v1`;
  }

  /** The answer, 2xx or 304. Throws ApiError and ConnectionFailed. */
  async send(method: string, path: string, sent: Sent = {}): Promise<Answer> {
    const mayRepeat = method === "GET" || method === "DELETE" || sent.key !== undefined;
    for (let attempt = 0; ; attempt++) {
      const answer = await this.#once(method, path, sent);
      const isAnswer = !(answer instanceof Error);
      const toldS = isAnswer ? retryAfterS(answer) : undefined;
      const pauseS = toldS ?? this.#pauseS(attempt);
      const isLast = attempt >= this.#options.retries || pauseS > this.#options.longestPauseS;
      if (isLast || !isPassing(answer, mayRepeat)) {
        if (!isAnswer) throw new ConnectionFailed(`${method} ${path}: ${answer.message}`, { cause: answer });
        if (answer.status >= 300 && answer.status !== 304) throw errorOf(answer.status, answer.text, toldS);
        return answer;
      }
      await sleep(pauseS);
    }
  }

  async #once(method: string, path: string, sent: Sent): Promise<Answer | Error> {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(sent.query ?? {})) {
      if (value !== undefined) query.set(name, String(value));
    }
    const headers: Record<string, string> = { ...sent.headers, Authorization: `Bearer ${this.#options.key}` };
    if (sent.key !== undefined) headers["Idempotency-Key"] = sent.key;
    if (sent.json !== undefined) headers["Content-Type"] = "application/json";
    const body = sent.form ?? (sent.json === undefined ? null : JSON.stringify(sent.json));
    const signal = AbortSignal.timeout(this.#options.timeoutS * 1000);
    const asked = query.toString();
    const address = `${this.#root}${path}${asked ? `?${asked}` : ""}`;
    try {
      const found = await fetch(address, { method, headers, body, signal, redirect: "manual" });
      const bytes = new Uint8Array(await found.arrayBuffer());
      return { status: found.status, headers: found.headers, bytes, text: new TextDecoder().decode(bytes) };
    } catch (failure) {
      return failure instanceof Error ? failure : new Error(String(failure));
    }
  }

  #pauseS(attempt: number): number {
    const longestS = Math.min(FIRST_PAUSE_S * 2 ** attempt, this.#options.longestPauseS);
    return longestS * (0.5 + Math.random() / 2);
  }
}

/** Whether the same request may succeed later. */
function isPassing(answer: Answer | Error, mayRepeat: boolean): boolean {
  if (answer instanceof Error || BROKEN.includes(answer.status)) return mayRepeat;
  // The first attempt, whose answer was lost, is still being worked on.
  if (answer.status === 409) return mayRepeat && answer.text.includes('"idempotency_key_in_flight"');
  return REFUSED.includes(answer.status);
}

function retryAfterS(answer: Answer): number | undefined {
  const told = answer.headers.get("Retry-After") ?? "";
  return /^\d+$/.test(told) ? Number(told) : undefined;
}
