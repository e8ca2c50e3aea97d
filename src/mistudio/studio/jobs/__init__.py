"""The jobs, a step of the road a file: load, call the library, name what was made."""
