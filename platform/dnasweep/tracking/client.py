"""Choice and check of the MLflow store, and a client for it.

MLflow is imported when it is first needed, not when this module is imported: the import takes two
seconds, and MLflow's telemetry must be turned off before it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from dnasweep.errors import InputError
from dnasweep.tracking.database import alone_with

if TYPE_CHECKING:
    from mlflow import MlflowClient

_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # The defaults (7 retries of 120 s) would block the uploading thread for a quarter of an hour.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}
NO_TRACKING = "none"
"""Tracking URI that disables recording."""
_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
_PING = "/api/2.0/mlflow/experiments/search"
"""The path `/health` is not used, because it answers for any Host header."""
_REMEDIES = {
    401: "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN.",
    403: "Start the server with --allowed-hosts naming this host and port, "
    "or reach it by localhost.",
    404: "There is a web server at this address, but MLflow is not; correct --tracking-uri.",
}
"""What to do about each HTTP status."""


def prepare() -> None:
    """Set MLflow's settings unless the user has set them, and silence its migration log."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    for name in ("alembic", "mlflow.store.db.utils", "mlflow.transformers"):
        logging.getLogger(name).setLevel(logging.ERROR)


def connect(uri: str) -> MlflowClient:
    """Return a client for `uri` without sending a request."""
    prepare()
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri, registry_uri=uri)


@contextlib.contextmanager
def default_store(uri: str) -> Iterator[None]:
    """Make `uri` MLflow's default store within the block.

    A client of a database looks up `models:/m-...` in the default store instead of its own.
    """
    import mlflow

    before = os.environ.get("MLFLOW_TRACKING_URI")
    mlflow.set_tracking_uri(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(before)  # type: ignore[arg-type]


def resolve_uri(uri: str | None, storage_root: str) -> str:
    """Return the absolute tracking URI to use.

    Parameters
    ----------
    uri
        URI given by the user; `none` records nothing. None means MLFLOW_TRACKING_URI or, if this
        is not set, a SQLite database in the storage root.
    storage_root
        Storage root. If it is not a local path, the database goes to `runs/` in the current folder.

    Raises
    ------
    InputError
        For a path or a `file:` store, which MLflow no longer supports, or an unknown scheme.
    """
    given = uri or os.environ.get("MLFLOW_TRACKING_URI") or ""
    if not given:
        root = storage_root.removeprefix("file://")
        local = Path("runs" if "://" in root else root)
        return f"sqlite:///{local.expanduser().absolute() / 'mlflow.db'}"
    if given == NO_TRACKING:
        return given
    scheme = given.split(":", 1)[0] if ":" in given else ""
    if scheme.split("+")[0] == "sqlite":
        path = given.split("///", 1)[1] if ":///" in given else ""
        if not path or path == ":memory:":
            raise InputError(
                f"the tracking URI {given!r} names no database file",
                remedy="Write it as sqlite:///path/to/mlflow.db.",
            )
        return f"{scheme}:///{_absolute(path, given)}"
    if scheme in ("http", "https") and _has_host(given):
        return given.rstrip("/")
    if scheme.split("+")[0] in _DATABASES or scheme == "databricks" or given == "databricks":
        return given
    if scheme in ("", "file"):
        path = given.removeprefix("file:").removeprefix("//") or "runs"
        database = _absolute(path, given) / "mlflow.db"
        raise InputError(
            f"the tracking URI {given!r} is a folder, and MLflow no longer keeps runs in folders",
            remedy=f"Use sqlite:///{database}, or the http address of an MLflow server.",
        )
    raise InputError(
        f"the tracking URI {without_password(given)!r} is not one MLflow knows",
        remedy="Use sqlite:///path/to/mlflow.db or the http address of an MLflow server.",
    )


def _absolute(path: str, given: str) -> Path:
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError as error:
        raise InputError(
            f"the tracking URI {given!r} is not in the home folder of any user",
            remedy="Write the full path: sqlite:////path/to/mlflow.db.",
        ) from error


def _has_host(given: str) -> bool:
    try:
        parts = urlsplit(given)
        # Reading the port raises ValueError if it is not a port number.
        return bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def check_reachable(uri: str) -> None:
    """Make sure that the store answers; create or migrate a SQLite database (5 s, once).

    Call this in the driver before any trial starts: two processes that migrate one database at the
    same time would corrupt it.

    Parameters
    ----------
    uri
        Absolute tracking URI.

    Raises
    ------
    InputError
        With what to start or change.
    """
    if uri == NO_TRACKING:
        return
    if is_server(uri):
        _check_server(uri)
        return
    try:
        with alone_with(database_path(uri)):
            connect(uri).search_experiments(max_results=1)
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"the MLflow store {without_password(uri)} cannot be opened: {first_line(error)}",
            remedy="Give another with --tracking-uri, or repair this one "
            "(`mlflow db upgrade URI` if its schema is old).",
        ) from error


def _check_server(uri: str) -> None:
    # A busy server answers late.
    answer = ask_server(uri, timeout_s=(4, 60))
    if answer.status is None:
        raise InputError(
            f"no MLflow server answers at {without_password(uri)} ({answer.text})",
            remedy="Start it (`mlflow server --port 5000`), correct --tracking-uri, or leave "
            "out --tracking-uri and MLFLOW_TRACKING_URI to record into a local database.",
        )
    if answer.status == 200:
        return
    try:
        # MLflow's own client sends the user's credentials.
        connect(uri).search_experiments(max_results=1)
    except Exception as error:
        raise InputError(
            f"the MLflow server at {without_password(uri)} answered with HTTP status "
            f"{answer.status}",
            remedy=_REMEDIES.get(answer.status, "See the log of the server."),
        ) from error


class ServerAnswer(NamedTuple):
    """The answer of an MLflow server to a request without credentials."""

    status: int | None
    """HTTP status; None if there was no answer."""
    text: str
    """The beginning of the answer, or the reason why there was none."""

    def __str__(self) -> str:
        return f"{self.status} {self.text}".strip() if self.status else self.text

    @property
    def reached(self) -> bool:
        """Whether MLflow accepts this host name; 401 means only that credentials are missing."""
        return self.status in (200, 401)

    @property
    def refused_host(self) -> bool:
        """Whether MLflow refuses the Host header, as MLflow 3 does for unknown names."""
        return self.status == 403 and "host" in self.text.lower()


def ask_server(uri: str, *, timeout_s: tuple[float, float] = (4, 4)) -> ServerAnswer:
    """Send one small request to a server, without importing MLflow, and return the answer.

    Parameters
    ----------
    uri
        Address of the server.
    timeout_s
        Seconds to connect, and to wait for the answer.
    """
    # The same proxies and certificates are used as by MLflow's own client.
    import requests

    insecure = os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() in ("1", "true")
    trusted = os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH") or True
    try:
        answer = requests.get(
            uri + _PING,
            params={"max_results": 1},
            timeout=timeout_s,
            verify=False if insecure else trusted,
        )
        return ServerAnswer(answer.status_code, "" if answer.ok else answer.text[:200].strip())
    except (OSError, ValueError) as error:
        return ServerAnswer(None, _reason(error))


def _reason(error: BaseException) -> str:
    """Return the operating system's reason for a failed request, if there is one."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return first_line(error)


def is_server(uri: str) -> bool:
    """Return whether the store is a server rather than a database."""
    return uri.startswith(("http://", "https://"))


def is_loopback(uri: str) -> bool:
    """Return whether the server's address means "this machine" on every machine."""
    host = urlsplit(uri).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def database_path(uri: str) -> Path | None:
    """Return the file of a SQLite URI, else None."""
    match = re.fullmatch(r"sqlite(?:\+\w+)?:///(.+)", uri)
    return Path(match[1]) if match else None


def without_password(text: str) -> str:
    """Return a URI, or a text that contains URIs, without user names and passwords.

    Database options that contain a password are also masked.
    """
    text = re.sub(r"//[^/@\s]*@", "//***@", text)
    return re.sub(r"([?&][^=&\s]*(?:password|secret|token)[^=&\s]*=)[^&\s]*", r"\1***", text)


def first_line(error: BaseException, limit: int = 200) -> str:
    """Return the first line of an error message, shortened and without passwords."""
    text = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
    text = without_password(text)
    return text if len(text) <= limit else text[: limit - 1] + "…"
