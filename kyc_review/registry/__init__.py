"""Bundles, promotions and the shadow: which ensemble is in production."""
