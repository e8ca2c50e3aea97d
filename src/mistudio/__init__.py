"""miStudio: read, test, watch and steer the insides of a language model."""
