"""Measurements of the whole product: against LitServe, at a steady rate, in memory, and under kill -9.

All traffic stays on the loopback address and is bounded in count and time.
"""
