"""Turn latents up or down while the model writes: specs, delta functions, and comparisons in one batch."""
