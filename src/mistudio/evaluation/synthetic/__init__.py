"""Activations with known features, and how much of them an SAE finds."""
