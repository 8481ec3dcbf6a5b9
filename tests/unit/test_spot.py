"""What a cloud tells a machine that it takes back, asked of metadata services played here."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from dnasweep.runtime.cluster.spot import ask_aws, ask_gcp, wait_for_notice

NOTICE = '{"action": "terminate", "time": "2030-01-02T03:04:05Z"}'
AT = 1893553445.0


class Service(ThreadingHTTPServer):
    """Answers as the metadata services of AWS (version 2, which wants a token) and Google do."""

    taken_back = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    server: Service

    def say(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def do_PUT(self) -> None:
        asked = self.path == "/latest/api/token"
        right = asked and "X-aws-ec2-metadata-token-ttl-seconds" in self.headers
        self.say(200 if right else 400, "a-token")

    def do_GET(self) -> None:
        going = self.server.taken_back
        if self.path == "/latest/meta-data/spot/instance-action":
            if self.headers.get("X-aws-ec2-metadata-token") != "a-token":
                self.say(401, "")
            else:
                self.say(200 if going else 404, NOTICE if going else "")
        elif self.path == "/computeMetadata/v1/instance/preempted":
            right = self.headers.get("Metadata-Flavor") == "Google"
            self.say(200 if right else 403, "TRUE" if going else "FALSE")
        else:
            self.say(500, "")

    def log_message(self, *said: object) -> None:
        pass


@pytest.fixture
def service() -> Iterator[Service]:
    with Service(("127.0.0.1", 0), Answer) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


def test_aws_names_the_time(service: Service) -> None:
    assert ask_aws(service.url) is None
    service.taken_back = True
    assert ask_aws(service.url) == AT


def test_google_gives_half_a_minute(service: Service) -> None:
    assert ask_gcp(service.url) is None
    service.taken_back = True
    deadline = ask_gcp(service.url)
    assert deadline is not None
    assert 20 < deadline - time.time() <= 30


def test_a_service_that_does_not_answer_is_asked_again() -> None:
    answers: list[float | Exception | None] = [None, ConnectionError(), ValueError(), AT]

    def ask() -> float | None:
        found = answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    assert wait_for_notice(ask, poll_seconds=0.001) == AT
