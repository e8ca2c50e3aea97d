"""One architecture a file; `sae/registry.py` has a line for each."""
