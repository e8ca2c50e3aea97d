"""Live events: one catalogue, published through PostgreSQL, delivered through Socket.IO."""
