"""The studio from Python: a typed client of its HTTP interface."""
