"""What every step reads and writes: self-describing directories with a manifest, written atomically."""
