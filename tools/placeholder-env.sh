# Settings refuse to start without these; the checks that source this file connect to neither address.
export SECRET_KEY=placeholder-for-checks-that-serve-nothing
export DATABASE_URL=postgres://unused:unused@127.0.0.1:1/none
export VALKEY_URL=redis://127.0.0.1:1/0
