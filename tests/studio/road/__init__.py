"""The whole road in a real studio: as a user walks it, and while its processes are killed."""
