"""People of the tests."""

PASSWORD = "correct horse battery staple"
