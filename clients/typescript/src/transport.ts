// Requests with retries.
import { contentOf, retryAfterS, text, type Answer, type Reader } from "./answers.js";
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
  /** How long the server may hold the answer back; an attempt may take this much longer. */
  holdS?: number;
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

  /** The answer, 2xx or (with If-None-Match) 304, with what `read` made of it. Throws ApiError and ConnectionFailed. */
  async send<Value>(method: string, path: string, read: Reader<Value>, sent: Sent = {}): Promise<Answer<Value>> {
    const mayRepeat = method === "GET" || method === "DELETE" || sent.key !== undefined;
    for (let attempt = 0; ; attempt++) {
      const answer = await this.#once(method, path, read, sent);
      const isAnswer = !(answer instanceof Error);
      const toldS = isAnswer ? retryAfterS(answer.headers) : undefined;
      const pauseS = toldS ?? this.#pauseS(attempt);
      const isLast = attempt >= this.#options.retries || pauseS > this.#options.longestPauseS;
      if (isLast || !isPassing(answer, mayRepeat)) {
        if (!isAnswer) throw new ConnectionFailed(`${method} ${path}: ${answer.message}`, { cause: answer });
        const isUnchanged = answer.status === 304 && sent.headers?.["If-None-Match"] !== undefined;
        if (answer.status >= 300 && !isUnchanged) throw errorOf(answer.status, text(answer), toldS);
        return answer;
      }
      await sleep(pauseS);
    }
  }

  async #once<Value>(method: string, path: string, read: Reader<Value>, sent: Sent): Promise<Answer<Value> | Error> {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(sent.query ?? {})) {
      if (value !== undefined) query.set(name, String(value));
    }
    const holdS = sent.holdS ?? 0;
    if (holdS > 0) query.set("wait", String(Math.round(holdS * 1000) / 1000));
    const headers: Record<string, string> = { ...sent.headers, Authorization: `Bearer ${this.#options.key}` };
    if (sent.key !== undefined) headers["Idempotency-Key"] = sent.key;
    if (sent.json !== undefined) headers["Content-Type"] = "application/json";
    const body = sent.form ?? (sent.json === undefined ? null : JSON.stringify(sent.json));
    const attemptS = this.#options.timeoutS + holdS;
    const aborter = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    // Raced too: what `fetch` reads of a broken encoding may stay pending although it was aborted.
    const late = new Promise<Error>((resolve) => {
      timer = setTimeout(() => {
        resolve(new Error(`no complete answer after ${attemptS} s`));
        aborter.abort();
      }, attemptS * 1000);
    });
    const asked = query.toString();
    const address = `${this.#root}${path}${asked ? `?${asked}` : ""}`;
    const request = { method, headers, body, signal: aborter.signal, redirect: "manual" } as const;
    try {
      return await Promise.race([answered(address, request, read), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #pauseS(attempt: number): number {
    const longestS = Math.min(FIRST_PAUSE_S * 2 ** attempt, this.#options.longestPauseS);
    return longestS * (0.5 + Math.random() / 2);
  }
}

async function answered<Value>(
  address: string,
  request: RequestInit,
  read: Reader<Value>,
): Promise<Answer<Value> | Error> {
  try {
    const found = await fetch(address, request);
    const answer = { status: found.status, headers: found.headers, bytes: await contentOf(found), value: undefined };
    return found.ok ? { ...answer, value: read(answer) } : answer;
  } catch (failure) {
    return failure instanceof Error ? failure : new Error(String(failure));
  }
}

/** Whether the same request may succeed later. */
function isPassing(answer: Answer | Error, mayRepeat: boolean): boolean {
  if (answer instanceof Error || BROKEN.includes(answer.status)) return mayRepeat;
  // The first attempt, whose answer was lost, is still being worked on.
  if (answer.status === 409) return mayRepeat && text(answer).includes('"idempotency_key_in_flight"');
  return REFUSED.includes(answer.status);
}
