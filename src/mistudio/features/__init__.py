"""Step 2: what activates each latent. One pass over the text, one sort, and every page is a slice of the result."""
