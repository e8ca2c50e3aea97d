"""Load, describe and partly run a causal language model; hook points; a generation loop."""
