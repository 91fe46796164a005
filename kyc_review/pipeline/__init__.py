"""What happens to a selfie, in order; the code of the scoring worker and of the sweeps that stand behind it.

`wake.py` tells the worker that there may be work. `worker.py` is its loop, and the steps are, one module each:

1. `leases.py`: take submissions that are due; a lease that runs out gives them back.
2. `reading.py`: decode the picture, find the face, make the checks.
3. `champion.py`: the ensemble that votes, and `scoring.py`: its votes on one batch, where the checks allow a vote.
4. `routing.py`: from checks and votes to an outcome: cleared, sent back, or an item for a person.

`standstill.py` gives what waits too long to people and takes it back; `heartbeat.py` says that a worker lives.
`shadowing.py` lets a candidate vote when the worker is idle; `canary.py` proves every minute that scoring works.
Postgres is the truth: every step survives the death of its process.
"""
