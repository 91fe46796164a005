"""The problem types of the API; each is explained at the address in its `type`."""

from dataclasses import dataclass

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe


@dataclass(frozen=True, slots=True)
class ProblemType:
    code: str
    status: int
    meaning: str
    remedy: str

    @property
    def slug(self) -> str:
        return self.code.replace("_", "-")


RESEND = "Choose another file, or export the picture again as a plain JPEG or PNG."
TYPES = [
    ProblemType(*row)
    for row in [
        ("invalid_request", 400,
         "Fields or parameters are missing or invalid.",
         "`errors` names each with a pointer; correct them."),
        ("parse_error", 400,
         "The body does not match its Content-Type.",
         "Check how the request is built."),
        ("malformed_request", 400,
         "The request could not be parsed.",
         "Check its headers and its body."),
        ("invalid_cursor", 400,
         "`after` is not an id of your resources.",
         "Send `next` of the previous page, unchanged."),
        ("idempotency_key_missing", 400,
         "A create needs an `Idempotency-Key`.",
         "Send a fresh UUID with each new submission, and the same one with each repetition."),
        ("idempotency_key_invalid", 400,
         "The `Idempotency-Key` is empty, too long or has invalid characters.",
         "Send 1 to 255 visible ASCII characters but commas, in one header."),
        ("unknown_reference", 400,
         "A field names something that does not exist, or is not ready.",
         "`errors` names the field; list the existing ones."),
        ("empty_image", 400,
         "The file has no bytes.",
         "Send the image itself."),
        ("not_authenticated", 401,
         "The API key or personal token is missing.",
         "Send `Authorization: Bearer <key>`."),
        ("authentication_failed", 401,
         "The key or token is unknown, expired, revoked, of the wrong kind or not allowed from your address.",
         "Ask the bank's administrator for a key; staff create tokens on their account page."),
        ("permission_denied", 403,
         "The key lacks the scope for this, or the token's owner the role.",
         "`detail` names the scope; an administrator can issue a key that has it. A token has the rights of its "
          "owner."),
        ("approval_by_token", 403,
         "A personal token cannot approve while approvals need the second factor of a person.",
         "Log in and approve on the page."),
        ("not_found", 404,
         "There is no such resource, or it is not yours.",
         "Check the identifier, and that a test key is not used for a live resource."),
        ("method_not_allowed", 405,
         "Method not allowed.",
         "The header `Allow` lists the allowed methods."),
        ("idempotency_key_in_flight", 409,
         "A request with this `Idempotency-Key` is still being processed.",
         "Wait a moment and repeat it."),
        ("already_decided", 409,
         "The submission has its result, or a person has just decided.",
         "Read the submission."),
        ("appeal_refused", 409,
         "There is nothing to appeal against now.",
         "`detail` says why: no result yet, a result that cannot be appealed against, or an earlier appeal."),
        ("appeal_not_yet", 409,
         "Another person is to judge the picture first, for example for the bank's quality sample.",
         "Repeat the request later, with the same `Idempotency-Key` if you like."),
        ("not_completed", 409,
         "The submission has no result yet.",
         "Report the outcome once it has one."),
        ("too_many_endpoints", 409,
         "The integration has reached its limit of webhook endpoints.",
         "Delete one."),
        ("endpoint_exists", 409,
         "The integration has a webhook endpoint with this URL.",
         "`detail` names it; change that one instead."),
        ("not_replayable", 409,
         "The delivery is in progress, or its endpoint is switched off.",
         "Wait for it, or switch the endpoint on."),
        ("endpoint_paused", 409,
         "A test event was asked for, and the webhook endpoint is switched off.",
         "Switch it on: `PATCH` it with `{\"active\": true}`."),
        ("snapshot_refused", 409,
         "The decisions cannot be frozen.",
         "`detail` says why: choose another name, or decide on some items first."),
        ("work_refused", 409,
         "The training run or comparison cannot be requested, or can no longer be cancelled.",
         "`detail` says why."),
        ("proposal_refused", 409,
         "The proposal cannot be made or decided on.",
         "`detail` says why: another person must approve, the gate is closed, or another bundle is in production "
          "now."),
        ("gate_settings_refused", 409,
         "The gate's settings cannot be changed so.",
         "`detail` names the setting and what it may be."),
        ("channel_refused", 409,
         "The channel for notices cannot be made or changed so.",
         "`detail` says why."),
        ("record_refused", 409,
         "The record of a model cannot be written so.",
         "`detail` says why."),
        ("shadow_refused", 409,
         "Shadow mode cannot start for this bundle, or is not running.",
         "`detail` says why; end the running shadow first."),
        ("bundle_refused", 409,
         "A bundle's files differ from the registered ones.",
         "Register it again from its source; `detail` names the file."),
        ("promotion_refused", 409,
         "The bundle cannot be promoted or rolled back so.",
         "`detail` says why."),
        ("nothing_to_roll_back", 409,
         "No other bundle was in production before the champion.",
         "Promote another bundle instead."),
        ("rollback_repeated", 409,
         "The latest change in production was a rollback; one admin alone goes back no further.",
         "Compare the earlier bundle with the one in production and propose it; another admin approves."),
        ("no_applicant", 409,
         "The submission is a planted forgery and belongs to no applicant.",
         "Ask for the dossier of the `auditor`."),
        ("erased", 410,
         "The submission was erased; its picture and references were deleted permanently.",
         "Delete your copy too."),
        ("endpoint_deleted", 410,
         "A repeated request: the webhook endpoint that the first one made was deleted.",
         "Take a new `Idempotency-Key` to register one."),
        ("secret_replaced", 410,
         "A repeated request: the secret that the first one made is no longer the endpoint's.",
         "Use the present secret, or rotate it with a new `Idempotency-Key`."),
        ("length_required", 411,
         "The body came in chunks, and the server in front cannot read those.",
         "Send a `Content-Length`."),
        ("too_many_bytes", 413,
         "The request is larger than the API accepts.",
         "Send a smaller file."),
        ("too_many_pixels", 413,
         "The image has more megapixels than are accepted; `detail` names the number.",
         "Send a smaller picture, not a re-compressed one."),
        ("request_too_large", 413,
         "The request has too many or too large fields in addition to its image.",
         "Send fewer or shorter fields."),
        ("unsupported_media_type", 415,
         "The Content-Type is not supported at this address.",
         "Send a form or JSON, as described in the reference."),
        ("unsupported_image", 415,
         "The file is not a JPEG, PNG, WebP, HEIC or AVIF image.",
         RESEND),
        ("corrupt_image", 422,
         "The image is damaged so far that nothing can be seen.",
         RESEND),
        ("truncated_image", 422,
         "The image ends before anything can be seen.",
         "Send it again; the upload may have been cut off."),
        ("damaged_reference", 422,
         "The reference image is damaged: a part of it is missing or cannot be decoded.",
         "Send the whole file again, or the submission without a reference image."),
        ("bad_dimensions", 422,
         "The image is too small, too long or too narrow to show a face.",
         "Take another picture."),
        ("too_many_scans", 422,
         "The JPEG is built of more scans than any camera writes.",
         RESEND),
        ("animated_image", 422,
         "The file is an animation.",
         "Send a single picture."),
        ("too_costly", 422,
         "The image takes too much time or memory to decode.",
         RESEND),
        ("idempotency_key_reused", 422,
         "The `Idempotency-Key` was used for another request.",
         "A new request needs a new key."),
        ("url_refused", 422,
         "The webhook's URL may not be used.",
         "Register an https URL of a host with public addresses, or ask the bank to allow the host."),
        ("throttled", 429,
         "Too many requests for this key.",
         "Wait as long as `Retry-After` says."),
        ("server_error", 500,
         "Internal error; the request was not accepted.",
         "Repeat the request with the same `Idempotency-Key` and a growing delay; state the `request_id` in "
          "support requests."),
        ("picture_damaged", 500,
         "The stored picture is not what was posted, so it is not sent.",
         "Tell the bank's operator the submission's id."),
        ("format_unavailable", 501,
         "The server cannot write this format.",
         "`detail` names the missing package; choose another format."),
        ("unavailable", 503,
         "The service is temporarily unavailable; the request was not accepted.",
         "Repeat the request with the same `Idempotency-Key`."),
        ("signing_key_unavailable", 503,
         "The server cannot read the key that signs archives.",
         "Ask an operator to make the archive with `manage.py`; `detail` names the file."),
        ("busy", 503,
         "Too many images are being decoded at once, or another snapshot is being hashed; the request was not "
          "accepted.",
         "Repeat the request with the same `Idempotency-Key` after `Retry-After` seconds."),
    ]
]  # fmt: skip
BY_SLUG = {kind.slug: kind for kind in TYPES}


@require_safe
def problem_types(request: HttpRequest) -> HttpResponse:
    """Public, like the reference."""
    return render(request, "problems.html", {"kinds": TYPES})


@require_safe
def problem_type(request: HttpRequest, slug: str) -> HttpResponse:
    kind = BY_SLUG.get(slug)
    if kind is None:
        raise Http404("There is no such problem type.")
    return render(request, "problems.html", {"kinds": [kind], "one": kind})
