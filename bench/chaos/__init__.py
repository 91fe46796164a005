"""Faults under traffic, and one checker of what must hold whatever fails: `make chaos`.

`traffic` posts, reviews, receives webhooks and trains; `plan` draws faults from a seed; `faults` makes them; when all
are over and the work is done, `invariants` compares database, files and received webhooks.
"""
