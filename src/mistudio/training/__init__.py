"""Step 1: train an SAE on a stream of activations, and never lose work."""
