"""Files as objects of a bucket, through any S3 API. boto3 is loaded by the first request, so by no other installation.

django-storages is not used: it keeps one boto3 resource, 7 to 13 MB, for each thread and storage, and reads and writes
by several requests, which carry neither a condition nor a checksum of the whole object.
"""

from kyc_review.core.object_storage.backend import ObjectStorage

__all__ = ["ObjectStorage"]
