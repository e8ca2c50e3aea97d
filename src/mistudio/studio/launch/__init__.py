"""Start the studio's processes, keep them running, and stop them so that none is left."""
