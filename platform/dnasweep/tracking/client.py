"""Which MLflow store is meant, whether it answers, and a client for it.

MLflow is imported at the first use and never at import of this module: that costs two seconds, and
its telemetry can only be turned off before.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dnasweep.errors import InputError

if TYPE_CHECKING:
    from mlflow import MlflowClient

_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # The defaults (7 retries of 120 s) would hold the shipping thread for a quarter of an hour.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}
_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")


def prepare() -> None:
    """Set MLflow's own settings where the user has not, and quieten its migration log."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    for name in ("alembic", "mlflow.store.db.utils", "mlflow.transformers"):
        logging.getLogger(name).setLevel(logging.ERROR)


def connect(uri: str) -> MlflowClient:
    """Return a client for `uri`; makes no request."""
    prepare()
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri, registry_uri=uri)


@contextlib.contextmanager
def default_store(uri: str) -> Iterator[None]:
    """Make `uri` MLflow's default for a while.

    A client of a database looks up `models:/m-...` in the default store and not in its own.
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
        What the user gave, or None: then MLFLOW_TRACKING_URI, and without it a SQLite database in
        the storage root.
    storage_root
        Storage root; where it is no local path, the database goes to `runs/` in the current folder.

    Raises
    ------
    InputError
        For a path or a `file:` store, which MLflow has retired, or a scheme it does not know.
    """
    given = uri or os.environ.get("MLFLOW_TRACKING_URI") or ""
    if not given:
        root = storage_root.removeprefix("file://")
        local = Path("runs" if "://" in root else root)
        return f"sqlite:///{local.expanduser().absolute() / 'mlflow.db'}"
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
            f"the tracking URI {given!r} is in the home folder of nobody",
            remedy="Write the path in full: sqlite:////path/to/mlflow.db.",
        ) from error


def _has_host(given: str) -> bool:
    try:
        parts = urlsplit(given)
        # Asking for the port finds out whether it is one.
        return bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def check_reachable(uri: str, *, timeout_s: tuple[int, int] = (4, 60)) -> None:
    """Make sure that the store answers; make or migrate a SQLite database (5 s, once).

    Call it in the driver before any trial starts: two processes that migrate one database at once
    break it.

    Parameters
    ----------
    timeout_s
        Seconds for a server to accept a call, and to answer it: a busy one answers late.

    Raises
    ------
    InputError
        With what to start or change.
    """
    if uri.startswith(("http://", "https://")):
        _check_server(uri, timeout_s)
        return
    path = database_path(uri)
    try:
        if path is not None:
            _open_database(uri, path)
        else:
            connect(uri).search_experiments(max_results=1)
    except Exception as error:
        raise InputError(
            f"the MLflow store {without_password(uri)} cannot be opened: {first_line(error)}",
            remedy="Name another with --tracking-uri, or mend this one "
            "(`mlflow db upgrade URI` where its schema is old).",
        ) from error


def _open_database(uri: str, path: Path) -> None:
    from filelock import FileLock

    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{path}.lock"):
        connect(uri).search_experiments(max_results=1)


def _check_server(uri: str, timeout_s: tuple[int, int]) -> None:
    prepare()
    from mlflow.tracking._tracking_service.utils import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

    try:
        answer = http_request(
            get_default_host_creds(uri),
            "/api/2.0/mlflow/experiments/search",
            "GET",
            max_retries=0,
            timeout=timeout_s,
            raise_on_status=False,
            params={"max_results": 1},
        )
    except Exception as error:
        raise InputError(
            f"no MLflow server answers at {without_password(uri)} ({type(error).__name__})",
            remedy="Start it (`mlflow server --port 5000`), correct --tracking-uri, or leave "
            "--tracking-uri and MLFLOW_TRACKING_URI out to record into a local database.",
        ) from error
    if answer.status_code == 200:
        return
    remedies = {
        401: "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN.",
        403: "Start the server with --allowed-hosts naming this host and port, "
        "or reach it by localhost.",
        404: "There is a web server at this address, but MLflow is not; correct --tracking-uri.",
    }
    raise InputError(
        f"the MLflow server at {without_password(uri)} answered with HTTP status "
        f"{answer.status_code}",
        remedy=remedies.get(answer.status_code, "See the log of the server."),
    )


def database_path(uri: str) -> Path | None:
    """Return the file of a SQLite URI, else None."""
    match = re.fullmatch(r"sqlite(?:\+\w+)?:///(.+)", uri)
    return Path(match[1]) if match else None


def without_password(text: str) -> str:
    """Return a URI, or a text with URIs in it, fit for a message, a file or a run.

    Names of users go too, and options of a database that hold a password.
    """
    text = re.sub(r"//[^/@\s]*@", "//***@", text)
    return re.sub(r"([?&][^=&\s]*(?:password|secret|token)[^=&\s]*=)[^&\s]*", r"\1***", text)


def first_line(error: BaseException, limit: int = 200) -> str:
    """Return the first line of an error, shortened, and without passwords of the URIs in it."""
    text = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
    text = without_password(text)
    return text if len(text) <= limit else text[: limit - 1] + "…"
