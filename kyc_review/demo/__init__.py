"""`make demo`: the whole product on this machine, with people to log in as and sample selfies in it."""
