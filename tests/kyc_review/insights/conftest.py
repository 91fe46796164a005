from tests.kyc_review.review.conftest import claimed, enqueue, login  # noqa: F401  (fixtures)
