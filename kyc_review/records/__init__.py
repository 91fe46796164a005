"""What leaves the product as a record: exports, a submission's dossier, and its item page as it was seen.

Reads what other apps store; writes nothing but audit events. No rows, no rules of the business.
"""
