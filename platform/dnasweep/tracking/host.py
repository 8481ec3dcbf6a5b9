"""Whether an MLflow server answers this machine, and takes the name it is called by.

MLflow 3 refuses requests whose Host header it was not told to expect, each with status 403. Asked
without MLflow itself, whose import takes seconds on every node.
"""

from __future__ import annotations

import http.client
import os
import re
import ssl
import urllib.error
import urllib.request
from typing import NamedTuple
from urllib.parse import urlsplit

_QUESTION = "/api/2.0/mlflow/experiments/search?max_results=1"
"""Not `/health`, which answers to every name."""
_LOOPBACK = ("localhost", "::1")
_MAX_BYTES = 200


class ServerAnswer(NamedTuple):
    """What a server said."""

    status: int | None
    """HTTP status; None where there was no answer."""
    text: str
    """The beginning of what it said, or why it said nothing."""

    def __str__(self) -> str:
        return f"{self.status} {self.text}".strip() if self.status else self.text

    @property
    def reached(self) -> bool:
        """Whether MLflow answers by this name; a password that is missing here comes after that."""
        return self.status in (200, 401)

    @property
    def refused_host(self) -> bool:
        """Whether it answers, and not by this name."""
        return self.status == 403 and "host" in self.text.lower()


def is_server(uri: str) -> bool:
    """Return whether the store is a server, and no database."""
    return uri.startswith(("http://", "https://"))


def is_loopback(uri: str) -> bool:
    """Return whether the server's address leads every machine to itself."""
    host = urlsplit(uri).hostname or ""
    return host in _LOOPBACK or host.startswith("127.")


def ask_server(uri: str, *, timeout_s: float = 4.0) -> ServerAnswer:
    """Ask a server for an experiment, and say how it answers."""
    try:
        # A password in the address is for MLflow's own client; here it would be part of the host.
        address = re.sub(r"//[^/@]*@", "//", uri) + _QUESTION
        with urllib.request.urlopen(address, timeout=timeout_s, context=_tls(uri)) as said:
            return ServerAnswer(said.status, "")
    except urllib.error.HTTPError as error:
        with error:
            return ServerAnswer(
                error.code, error.read(_MAX_BYTES).decode(errors="replace").strip()
            )
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        said = getattr(reason, "strerror", None) or str(reason)
        return ServerAnswer(None, said or type(reason).__name__)


def _tls(uri: str) -> ssl.SSLContext | None:
    """Trust whom MLflow's own client trusts."""
    if not uri.startswith("https://"):
        return None
    trusted = os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH")
    context = ssl.create_default_context(cafile=trusted or os.environ.get("REQUESTS_CA_BUNDLE"))
    if os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() in ("1", "true"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
