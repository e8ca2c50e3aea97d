"""Bring text in, tokenize it, pack it into contexts, and describe it."""
