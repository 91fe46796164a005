"""Dates by ISO 8601, which no reader takes for another day: 3/4/2026 is March in one country and April in another."""

DATE_FORMAT = SHORT_DATE_FORMAT = "Y-m-d"
TIME_FORMAT = "H:i"
DATETIME_FORMAT = SHORT_DATETIME_FORMAT = "Y-m-d H:i"
