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
    """What is published, and where."""

    model: str
    """MLflow run id, registered model (models:/NAME@ALIAS), or directory."""
    name: str | None = None
    """Title of the card. Default: the name of the repository or the sweep."""
    license: str | None = None
    """Licence of the weights as the hub names it: apache-2.0, mit, cc-by-4.0, cc-by-nc-sa-4.0, other.
    Default: none, and the card says so."""
    out: str = "published"
    """Folder to write, for the hub or for anyone who is given it."""
    to: str | None = None
    """Repository OWNER/NAME of the Hugging Face hub that the folder is pushed to, with the token in
    HF_TOKEN or of `hf auth login`. Default: nothing leaves this machine."""
    private: bool = False
    """Make the repository private, where it is new."""
    dry_run: bool = False
    """Print the card, write and push nothing."""
    # Nothing is computed.
    address: Suppress[str | None] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.to is not None and _REPOSITORY.fullmatch(self.to) is None:
            raise InputError(
                f"to is {self.to!r}, no name of a repository", remedy="Write OWNER/NAME."
            )
        if self.license is not None and _LICENSE.fullmatch(self.license) is None:
            raise InputError(
                f"license is {self.license!r}, no name that the hub knows",
                remedy="Use apache-2.0, mit, cc-by-4.0, cc-by-nc-sa-4.0 or other.",
            )
