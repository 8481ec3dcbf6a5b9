"""An S3 endpoint on this machine, served by moto, that can be told to fail."""

from __future__ import annotations

import logging
import secrets
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server
from werkzeug.test import Client

KEY, SECRET = "testing-key", "testing-secret"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_REGION": "us-east-1",
    # No role is asked of a machine that is none of Amazon's.
    "AWS_EC2_METADATA_DISABLED": "true",
}

Request = dict[str, Any]


class ObjectStore:
    """moto's S3 behind a counter of requests and a source of faults.

    `requests` holds method and path of all that arrived, refused ones too.

    Parameters
    ----------
    door
        Socket to listen at. None: some port of this machine's own.
    """

    def __init__(self, door: socket.socket | None = None) -> None:
        self._app = DomainDispatcherApplication(create_backend_app)
        self._refuse: Callable[[Request], bool] = lambda request: False
        self._answer = ("", "")
        self.requests: list[tuple[str, str]] = []
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        door = door or socket.create_server(("127.0.0.1", 0))
        host, port = self.address = door.getsockname()
        self._server = make_server(host, port, self._serve, threaded=True, fd=door.fileno())
        door.close()
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def _serve(self, request: Request, start: Callable[..., Any]) -> Iterable[bytes]:
        self.requests.append((request["REQUEST_METHOD"], request["PATH_INFO"]))
        if not self._refuse(request):
            return self._app(request, start)
        status, code = self._answer
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message></Error>"
        start(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
        return [body.encode()]

    @contextmanager
    def refusing(
        self,
        *methods: str,
        first: int = 0,
        times: int | None = None,
        status: str = "503 Slow Down",
        code: str = "SlowDown",
    ) -> Iterator[None]:
        """Answer some requests with an error during the block.

        Parameters
        ----------
        methods
            Such as `PUT`; none: all.
        first
            How many to let through before.
        times
            How many to refuse; None: all that follow.
        """
        seen = 0

        def refuse(request: Request) -> bool:
            nonlocal seen
            if methods and request["REQUEST_METHOD"] not in methods:
                return False
            seen += 1
            return seen > first and (times is None or seen <= first + times)

        self._answer, self._refuse = (status, code), refuse
        try:
            yield
        finally:
            self._refuse = lambda request: False

    @property
    def options(self) -> str:
        """What to put behind the question mark of a URI."""
        return f"scheme=http&endpoint_override={self.endpoint.removeprefix('http://')}"

    @property
    def endpoint(self) -> str:
        """Where it answers: what AWS_ENDPOINT_URL is for."""
        host, port = self.address
        return f"http://{host}:{port}"

    def new_root(self, folder: str = "runs") -> str:
        """Return the URI of a folder in a new bucket."""
        bucket = f"bucket-{secrets.token_hex(6)}"
        # Past the door, which may be where this process cannot go.
        made = Client(self._app).put(f"/{bucket}", base_url=self.endpoint)
        assert made.status_code == 200, made.text
        return f"s3://{bucket}/{folder}?{self.options}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
