"""Which paths the engine reads: those below the studio's home, and no others."""

from __future__ import annotations

from pathlib import Path

from mistudio.artifacts.kinds import Kind
from mistudio.errors import BadInput, NotFound


class Confinement:
    """The studio's home. Its folders of artifacts may be links to another disk; what lies in them may not lead out."""

    def __init__(self, home: Path) -> None:
        self.home = home.expanduser().resolve()

    def check(self, path: str) -> Path:
        """The path of something that exists, without links and dots.

        Raises:
            BadInput: it leads out of the home.
            NotFound: there is nothing.
        """
        found = self.resolved(path)
        if not found.exists():
            raise NotFound(f"There is nothing at {path}.", remedy="Let the studio look at its store again.")
        return found

    def resolved(self, path: str) -> Path:
        """The path without links and dots.

        Raises:
            BadInput: it leads out of the home.
        """
        try:
            found = self.home.joinpath(path).resolve()
        except (ValueError, OSError, RuntimeError) as error:
            raise BadInput(f"{path!r} is not a path.", remedy="Give the path of an artifact.") from error
        if not any(found.is_relative_to(root) for root in self._roots()):
            raise BadInput(
                f"{path} is outside of {self.home}, and the engine reads nothing there.",
                remedy="Add the model or SAE to the studio first, and name its path in the store.",
            )
        return found

    def _roots(self) -> list[Path]:
        return [self.home, *((self.home / kind.folder).resolve() for kind in Kind)]
