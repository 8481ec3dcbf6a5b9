"""Options of publishing a model."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tyro.conf import Suppress

from dnasweep.config.execution import PlaceOptions
from dnasweep.errors import InputError

_REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
_LICENSE = re.compile(r"[a-z0-9][a-z0-9.-]*")


@dataclass(frozen=True, kw_only=True)
class PublishOptions(PlaceOptions):
    """What to publish, and where."""

    model: str
    """MLflow run id, registered model (models:/NAME@ALIAS), or directory."""
    name: str | None = None
    """Title of the card. Default: the name of the repository or the sweep."""
    license: str | None = None
    """Licence of the weights by its identifier on the hub: apache-2.0, mit, cc-by-4.0, cc-by-nc-sa-4.0,
    other. Default: none, which the card states."""
    out: str = "published"
    """Folder to write, for the hub or to hand on."""
    to: str | None = None
    """Repository OWNER/NAME on the Hugging Face hub to push the folder to, with the token from HF_TOKEN or
    `hf auth login`. Default: nothing leaves this machine."""
    private: bool = False
    """Make the repository private if it is new."""
    dry_run: bool = False
    """Print the card without writing or pushing anything."""
    # Nothing is computed.
    address: Suppress[str | None] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.to is not None and _REPOSITORY.fullmatch(self.to) is None:
            raise InputError(
                f"to is {self.to!r}, not the name of a repository", remedy="Write OWNER/NAME."
            )
        if self.license is not None and _LICENSE.fullmatch(self.license) is None:
            raise InputError(
                f"license is {self.license!r}, which the hub does not know",
                remedy="Use apache-2.0, mit, cc-by-4.0, cc-by-nc-sa-4.0 or other.",
            )
