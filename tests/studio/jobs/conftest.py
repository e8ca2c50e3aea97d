"""Every test of a job gets a workshop."""

from tests.studio.workshop import workshop

__all__ = ["workshop"]
