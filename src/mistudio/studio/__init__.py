"""The studio: rows, jobs, served models and pages over the library. It contains no mathematics."""
