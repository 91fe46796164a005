from django.apps import AppConfig
from django.conf import settings

from detection import decoding
from kyc_review.core.row_archive import checks_before


class SubmissionsConfig(AppConfig):
    name = "kyc_review.submissions"
    label = "submissions"

    def ready(self) -> None:
        from kyc_review.submissions.storage_identity import storage_identity_check  # models are loaded by now

        checks_before.append(storage_identity_check)
        decoding.configure(
            max_bytes=settings.UPLOAD_MAX_BYTES,
            max_pixels=settings.UPLOAD_MAX_PIXELS,
            processes=settings.DECODER_PROCESSES,
            wait_s=settings.DECODER_WAIT_S,
            waiting=settings.DECODER_WAITERS_MAX,
            cpu_s=settings.DECODER_CPU_S,
            memory_bytes=settings.DECODER_MEMORY_MB * 1_000_000,
        )
