"""A Hugging Face hub of one process: repositories with commits, which are read and written over HTTP."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import huggingface_hub.constants
import pytest

TOKEN = "hf_" + "t" * 34


@dataclass
class Hub:
    """What the hub holds, and what it was asked."""

    endpoint: str = ""
    repositories: dict[str, dict[str, dict[str, bytes]]] = field(default_factory=dict)
    """Repository to commits, in order, to files."""
    branches: dict[str, str] = field(default_factory=dict)
    """Repository to the commit of its main branch."""
    private: set[str] = field(default_factory=set)
    """Repositories that were made private."""
    stored: dict[str, bytes] = field(default_factory=dict)
    """Large files that were uploaded and not yet committed, by their SHA-256."""
    asked: list[str] = field(default_factory=list)
    """Method and path of every request."""

    def commit(self, repository: str, files: dict[str, bytes]) -> str:
        """Add a commit with these files to the main branch, and return its name."""
        commits = self.repositories.setdefault(repository, {})
        whole = {**commits.get(self.branches.get(repository, ""), {}), **files}
        text = repr(sorted(whole.items())) + str(len(commits))
        name = hashlib.sha1(text.encode()).hexdigest()
        commits[name] = whole
        self.branches[repository] = name
        return name

    def files(self, repository: str, revision: str = "main") -> dict[str, bytes]:
        """Return the files at a revision."""
        name = self.branches[repository] if revision == "main" else revision
        return self.repositories[repository][name]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *args: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._read(body=False)

    def do_GET(self) -> None:
        self._read(body=True)

    def _send(
        self,
        status: int,
        content: bytes,
        headers: dict[str, str] | None = None,
        *,
        body: bool = True,
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(content)

    def _json(self, value: Any, status: int = 200) -> None:
        self._send(status, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _missing(self, code: str) -> None:
        self._send(404, b"{}", {"X-Error-Code": code, "X-Error-Message": "not found"})

    def _read(self, *, body: bool) -> None:
        path = self.path.partition("?")[0]
        self.hub.asked.append(f"{self.command} {path}")
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/(revision|tree)/([^/]+))?", path):
            repository, kind, revision = found[1], found[2], found[3] or "main"
        elif found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            repository, kind, revision = found[1], "file", found[2]
        elif path == "/api/whoami-v2":
            self._json({"name": "lab", "type": "user", "auth": {"type": "access_token"}})
            return
        else:
            self._missing("EntryNotFound")
            return
        commits = self.hub.repositories.get(repository)
        if commits is None:
            self._missing("RepoNotFound")
            return
        commit = self.hub.branches[repository] if revision == "main" else revision
        if commit not in commits:
            self._missing("RevisionNotFound")
            return
        files = commits[commit]
        if kind == "file":
            content = files.get(found[3])
            if content is None:
                self._missing("EntryNotFound")
                return
            etag = hashlib.sha1(content).hexdigest()
            self._send(200, content, {"X-Repo-Commit": commit, "ETag": f'"{etag}"'}, body=body)
        elif kind == "tree":
            self._json(
                [
                    {
                        "type": "file",
                        "path": name,
                        "size": len(content),
                        "oid": hashlib.sha1(content).hexdigest(),
                    }
                    for name, content in files.items()
                ]
            )
        else:
            siblings = [{"rfilename": name} for name in files]
            self._json({"id": repository, "sha": commit, "private": False, "siblings": siblings})

    def do_PUT(self) -> None:
        self.hub.asked.append(f"PUT {self.path}")
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.hub.stored[self.path.rsplit("/", 1)[1]] = content
        self._send(200, b"")

    def do_POST(self) -> None:
        path = self.path.partition("?")[0]
        self.hub.asked.append(f"POST {path}")
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._json({"error": "Invalid credentials"}, 401)
            return
        if path == "/api/repos/create":
            asked = json.loads(content)
            name = f"{asked.get('organization') or 'lab'}/{asked['name']}"
            if name in self.hub.repositories:
                self._json({"url": f"{self.hub.endpoint}/{name}", "error": "exists"}, 409)
                return
            if asked.get("private") or asked.get("visibility") == "private":
                self.hub.private.add(name)
            self.hub.commit(name, {".gitattributes": b"*.safetensors filter=lfs\n"})
            self._json({"url": f"{self.hub.endpoint}/{name}", "id": name, "name": name})
        elif path == "/api/validate-yaml":
            self._json({"errors": [], "warnings": []})
        elif found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/preupload/main", path):
            files = [
                {
                    "path": one["path"],
                    "uploadMode": "lfs" if one["path"].endswith(".safetensors") else "regular",
                    "shouldIgnore": False,
                }
                for one in json.loads(content)["files"]
            ]
            self._json({"files": files})
        elif re.fullmatch(r"/[^/]+/[^/]+\.git/info/lfs/objects/batch", path):
            objects = [
                {**one, "actions": {"upload": {"href": f"{self.hub.endpoint}/lfs/{one['oid']}"}}}
                for one in json.loads(content)["objects"]
            ]
            self._json({"transfer": "basic", "objects": objects})
        elif found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/commit/main", path):
            files: dict[str, bytes] = {}
            for line in map(json.loads, content.splitlines()):
                value = line["value"]
                if line["key"] == "file":
                    files[value["path"]] = base64.b64decode(value["content"])
                elif line["key"] == "lfsFile":
                    files[value["path"]] = self.hub.stored[value["oid"]]
            commit = self.hub.commit(found[1], files)
            url = f"{self.hub.endpoint}/{found[1]}/commit/{commit}"
            self._json({"commitUrl": url, "commitOid": commit, "success": True})
        else:
            self._missing("EntryNotFound")


@contextmanager
def served(monkeypatch: pytest.MonkeyPatch, cache: Any) -> Iterator[Hub]:
    """Serve an empty hub on loopback, to which `huggingface_hub` of this process is pointed.

    Parameters
    ----------
    monkeypatch
        Undoes it after the test.
    cache
        Folder of the client's cache.
    """
    hub = Hub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    hub.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    constants = huggingface_hub.constants
    monkeypatch.setattr(constants, "ENDPOINT", hub.endpoint)
    template = f"{hub.endpoint}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(huggingface_hub.hf_api.api, "endpoint", hub.endpoint)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
