"""The process that owns the loaded models and SAEs, and its typed client."""
