"""One verb a file; `cli/main.py` has a line for each."""
