"""Inference only: bytes in, votes and evidence out. Knows neither Django nor training."""
