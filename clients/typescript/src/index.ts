export { KycClient } from "./client.js";
export type { ClientOptions, Image, NewSubmission, SubmissionFilters } from "./client.js";
export {
  ApiError,
  Conflict,
  ConnectionFailed,
  Erased,
  InvalidRequest,
  KycReviewError,
  NotAuthenticated,
  NotFound,
  PermissionDenied,
  RateLimited,
  Unavailable,
  WaitTimeout,
  WebhookInvalid,
} from "./errors.js";
export type { FieldError } from "./errors.js";
export type {
  Attempt,
  Check,
  Delivery,
  Event,
  EventData,
  Key,
  Limits,
  Outcome,
  Reason,
  Submission,
  TestEvent,
  WebhookEndpoint,
  WebhookEndpointWithSecret,
} from "./models.js";
export { verifyWebhook } from "./webhooks.js";
