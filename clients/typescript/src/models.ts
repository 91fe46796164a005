// What the API answers, with its names; a test compares each with docs/openapi.yaml. Times are ISO 8601.

export interface Reason {
  readonly code: string;
  readonly detail: string;
  readonly retry: boolean;
  readonly applicant_text: string;
}

export interface Check {
  readonly name: string;
  readonly status: "pass" | "doubt" | "fail";
  readonly measure: string | null;
  readonly unit: string | null;
  readonly value: number | null;
  readonly limit: number | null;
  readonly code: string | null;
  readonly action: string | null;
}

export interface Submission {
  readonly id: string;
  readonly external_ref: string;
  readonly applicant_ref: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly status: "received" | "scoring" | "in_review" | "completed" | "cancelled";
  readonly result: "clear" | "rejected" | "resubmit" | null;
  readonly reasons: readonly Reason[];
  readonly checks: readonly Check[];
  readonly test: boolean;
  readonly sha256: string;
  readonly reference_sha256: string | null;
  readonly received_at: string;
  readonly completed_at: string | null;
  readonly updated_at: string;
}

export interface Outcome {
  readonly submission: string;
  readonly outcome: "confirmed_fraud" | "confirmed_genuine";
  readonly note: string;
  readonly reported_at: string;
}

export interface Limits {
  readonly requests_per_minute: number;
  readonly image_bytes: number;
  readonly image_pixels: number;
  readonly form_bytes: number;
  readonly json_bytes: number;
}

export interface Key {
  readonly integration: string;
  readonly test: boolean;
  readonly key: string;
  readonly scopes: readonly string[];
  readonly networks: readonly string[];
  readonly expires_at: string | null;
  readonly limits: Limits;
}

export interface EventData {
  /** The submission; of `endpoint.disabled` the endpoint. */
  readonly id: string;
  readonly status: string;
  readonly result: string | null;
  readonly reason: string | null;
  readonly checks: readonly string[];
  readonly is_test: boolean;
  /** In messages to an endpoint that asks for it. */
  readonly external_ref?: string | null;
}

/** Something that happened to a submission or, `endpoint.disabled`, to a webhook endpoint. The same `id` may arrive twice. */
export interface Event {
  readonly id: string;
  readonly type: string;
  readonly timestamp: string;
  readonly data: EventData;
}

/** Sent on request, to try an endpoint; it is about no submission. */
export interface TestEvent {
  readonly id: string;
  readonly type: "webhook.test";
  readonly timestamp: string;
  readonly data: { readonly endpoint: string; readonly is_test: boolean };
}

export interface WebhookEndpoint {
  readonly id: string;
  readonly url: string;
  readonly description: string;
  readonly events: readonly string[];
  readonly include_external_ref: boolean;
  readonly active: boolean;
  readonly disabled_reason: string;
  readonly disabled_at: string | null;
  /** For a person: since when it is paused or off, why, and what to do. Empty for one that works. */
  readonly trouble: string;
  readonly failing_since: string | null;
  readonly failures: number;
  readonly paused_until: string | null;
  readonly test: boolean;
  readonly created_at: string;
}

export interface WebhookEndpointWithSecret extends WebhookEndpoint {
  readonly secret: string;
}

export interface Attempt {
  readonly at: string;
  readonly status: number | null;
  readonly error: string;
  readonly elapsed_ms: number;
}

export interface Delivery {
  readonly id: string;
  readonly webhook_id: string;
  readonly event: string;
  readonly submission: string | null;
  readonly state: "pending" | "sending" | "delivered" | "dead";
  readonly created_at: string;
  readonly next_attempt_at: string | null;
  readonly finished_at: string | null;
  readonly attempts: readonly Attempt[];
}

export interface Page<Item> {
  readonly data: readonly Item[];
  readonly has_more: boolean;
  readonly next: string | null;
}
