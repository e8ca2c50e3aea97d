"""The endpoints, a group a file."""
