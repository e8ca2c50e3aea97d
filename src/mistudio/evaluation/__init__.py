"""How good an SAE is: quality numbers, each defined by name, and what the model loses when the SAE is spliced in."""
