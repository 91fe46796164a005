// What came back, checked so that no answer of a server or proxy is taken for one of the API.

/** Far above a picture. */
const LONGEST_ANSWER_BYTES = 256 * 2 ** 20;
const LONGEST_RETRY_AFTER_S = 1e9;
const DATE = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)/;

export interface Answer<Value = unknown> {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** What `read` made of a 2xx. */
  readonly value: Value | undefined;
}

/** Makes a value of a 2xx; throws an Error for what is cut off or not from this API: it counts as lost. */
export type Reader<Value> = (answer: Answer) => Value;

type Kind = "string" | "boolean" | "object" | "array";

/** Reads JSON: an object with at least these fields of these kinds. */
export function object<Value>(fields: Readonly<Record<string, Kind>>): Reader<Value> {
  return (answer) => checked(JSON.parse(text(answer)), fields) as Value;
}

/** Reads a page or list of such objects in `data`. */
export function list<Value>(fields: Readonly<Record<string, Kind>>, isPaged: boolean): Reader<Value> {
  return (answer) => {
    const page = checked(JSON.parse(text(answer)), { data: "array", ...(isPaged && { has_more: "boolean" }) });
    for (const one of page["data"] as unknown[]) checked(one, fields);
    if (page["has_more"] === true && typeof page["next"] !== "string") throw new Error("the next page is missing");
    return page as Value;
  };
}

/** Reads an answer without content. */
export const nothing: Reader<void> = (answer) => {
  if (answer.status !== 204) throw new Error("with content, which this API does not send here");
};

/** Reads the bytes of a picture. */
export const picture: Reader<Uint8Array<ArrayBuffer>> = (answer) => {
  const isPicture = /^application\/octet-stream\b/i.test(answer.headers.get("Content-Type") ?? "");
  if (!isPicture) throw new Error("with no picture");
  return answer.bytes;
};

export function text(answer: Pick<Answer, "bytes">): string {
  return new TextDecoder().decode(answer.bytes);
}

export function checked(found: unknown, fields: Readonly<Record<string, Kind>>): Record<string, unknown> {
  if (kindOf(found) !== "object") throw new Error("with JSON that is not this API's");
  const values = found as Record<string, unknown>;
  for (const [name, kind] of Object.entries(fields)) {
    if (kindOf(values[name]) !== kind) throw new Error(`with JSON that is not this API's (${name})`);
  }
  return values;
}

function kindOf(value: unknown): string {
  return Array.isArray(value) ? "array" : value === null ? "null" : typeof value;
}

/** The body in pieces: neither a length that is a lie nor a body that expands takes more memory than the limit. */
export async function contentOf(found: Response): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  const reader = found.body?.getReader();
  for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) {
    pieces.push(next.value);
    size += next.value.length;
    if (size > LONGEST_ANSWER_BYTES) {
      await reader?.cancel();
      throw new Error(`an answer of more than ${LONGEST_ANSWER_BYTES} bytes`);
    }
  }
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}

/** Of `Retry-After` in seconds or as a date (RFC 9110); undefined: absent, no such value, or a date that is past. */
export function retryAfterS(headers: Headers): number | undefined {
  const told = (headers.get("Retry-After") ?? "").trim();
  if (/^\d+$/.test(told)) return Math.min(Number(told), LONGEST_RETRY_AFTER_S);
  if (!DATE.test(told)) return undefined;
  const leftS = (Date.parse(told.endsWith("GMT") ? told : `${told} GMT`) - Date.now()) / 1000;
  return leftS > 0 ? Math.min(leftS, LONGEST_RETRY_AFTER_S) : undefined;
}
