"""Notices to people about governance: by e-mail and by webhooks, chosen per person and kind."""
