// What can go wrong, as types. Act on `code`; show `detail` to a person.

/** What one field of the body (`pointer`) or one query `parameter` has wrong. */
export interface FieldError {
  readonly detail: string;
  readonly pointer?: string;
  readonly parameter?: string;
}

/** Every error of this package. */
export class KycReviewError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The server was not reached, or its answer did not arrive whole or was not this API's, after all retries. */
export class ConnectionFailed extends KycReviewError {}

/** There is no result yet; a person may take longer. Ask again, or use a webhook. */
export class WaitTimeout extends KycReviewError {}

/**
 * The message was not signed with this secret, was changed, is too old or is no event; or the secret is not one.
 * Do not act on it; answer 401.
 */
export class WebhookInvalid extends KycReviewError {}

/** The server refused a request (a problem document, RFC 9457). */
export class ApiError extends KycReviewError {
  readonly code: string;
  readonly detail: string;
  readonly requestId: string | undefined;
  readonly errors: readonly FieldError[];

  constructor(
    readonly status: number,
    problem: Readonly<Record<string, unknown>>,
    readonly retryAfterS: number | undefined,
  ) {
    const code = string(problem["code"]) ?? "unknown";
    const detail = string(problem["detail"]) ?? "";
    const errors = Array.isArray(problem["errors"]) ? problem["errors"].flatMap(fieldError) : [];
    const named = errors.map((one) => `${one.pointer ?? one.parameter}: ${one.detail}`);
    super(`${status} ${code}: ${detail}${named.length ? ` (${named.join("; ")})` : ""}`);
    this.code = code;
    this.detail = detail;
    this.requestId = string(problem["request_id"]);
    this.errors = errors;
  }
}

function string(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function fieldError(found: unknown): FieldError[] {
  if (typeof found !== "object" || found === null) return [];
  const { detail, pointer, parameter } = found as Record<string, unknown>;
  return [
    {
      detail: string(detail) ?? "",
      ...(typeof pointer === "string" && { pointer }),
      ...(typeof parameter === "string" && { parameter }),
    },
  ];
}

/** 400, 413, 415 or 422: repeating it changes nothing; `errors` and `code` say what to change. */
export class InvalidRequest extends ApiError {}
/** 401: the key is missing, unknown, expired, revoked or not for this address. */
export class NotAuthenticated extends ApiError {}
/** 403: the key lacks the scope. */
export class PermissionDenied extends ApiError {}
/** 404: there is none, or it belongs to another integration. */
export class NotFound extends ApiError {}
/** 409: the state does not allow this; `code` says why. */
export class Conflict extends ApiError {}
/** 410: the submission was erased; delete your copy too. */
export class Erased extends ApiError {}
/** 429, after all retries. */
export class RateLimited extends ApiError {}
/** 5xx, after all retries. */
export class Unavailable extends ApiError {}

const KINDS: Record<number, typeof ApiError> = {
  400: InvalidRequest,
  401: NotAuthenticated,
  403: PermissionDenied,
  404: NotFound,
  409: Conflict,
  410: Erased,
  413: InvalidRequest,
  415: InvalidRequest,
  422: InvalidRequest,
  429: RateLimited,
};

/** A proxy in between may answer something that is no problem document. */
export function errorOf(status: number, body: string, retryAfterS: number | undefined): ApiError {
  let problem: unknown;
  try {
    problem = JSON.parse(body);
  } catch {
    problem = null;
  }
  const kind = KINDS[status] ?? (status >= 500 ? Unavailable : ApiError);
  const isObject = typeof problem === "object" && problem !== null;
  return new kind(status, isObject ? (problem as Record<string, unknown>) : {}, retryAfterS);
}
