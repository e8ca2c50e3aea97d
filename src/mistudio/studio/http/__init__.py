"""What every endpoint shares: envelope, errors, pages, limits, keys."""
