from tests.kyc_review.review.conftest import enqueue  # noqa: F401  (a fixture)
