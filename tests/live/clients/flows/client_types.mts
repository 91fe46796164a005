// Compiles only while the types of clients/typescript are those of docs/openapi.yaml.
import type * as ours from "kyc-review-client";
import type { components } from "./schema.d.ts";

type Schemas = components["schemas"];
/** `Theirs` can be read as `Ours`, and has no field that `Ours` lacks. */
type Covers<Ours, Theirs extends Ours> = Exclude<keyof Theirs, keyof Ours> extends never ? true : never;

export const covered: [
  Covers<ours.Submission, Schemas["SubmissionOut"]>,
  Covers<ours.Reason, Schemas["ReasonOut"]>,
  Covers<ours.Check, Schemas["PictureCheckOut"]>,
  Covers<ours.Outcome, Schemas["LateOutcomeOut"]>,
  Covers<ours.Key, Schemas["KeyOut"]>,
  Covers<ours.Limits, Schemas["LimitsOut"]>,
  Covers<ours.Event, Schemas["EventOut"]>,
  Covers<ours.EventData, Schemas["WebhookData"]>,
  Covers<ours.WebhookEndpointWithSecret, Schemas["EndpointWithSecretOut"]>,
  Covers<ours.WebhookEndpoint, Schemas["EndpointOut"]>,
  Covers<ours.Delivery, Schemas["DeliveryOut"]>,
  Covers<ours.Attempt, Schemas["AttemptOut"]>,
] = [true, true, true, true, true, true, true, true, true, true, true, true];
