"""A server on loopback that speaks the calls of the Hugging Face Hub that publishing makes."""

import base64
import hashlib
import json
import re
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from dmldata.card.write import README_BEFORE
from dmlgen.publish.publish import restate

SAMPLE = Path(__file__).parents[3] / "datasets" / "sample"
TOKEN = "hf_not-to-be-seen-anywhere"
LARGE = 20_000
"""Bytes from which a file is an LFS object, so that there are some of both."""


@pytest.fixture
def dataset(tmp_path):
    """A rendered dataset of version 1.0.0, to be changed."""
    folder = shutil.copytree(SAMPLE, tmp_path / "sample")
    restate(folder, "1.0.0")
    # Its card was written by an earlier version.
    (folder / README_BEFORE).unlink(missing_ok=True)
    return folder


class Hub:
    """Repositories in memory.

    Attributes:
        repositories: name -> file -> bytes.
        objects: LFS objects by SHA-256.
        commits: number of commits.
        uploads: number of LFS objects that were sent.
        drops: of the LFS objects sent next, so many end in a lost connection.
    """

    def __init__(self):
        self.repositories, self.objects, self.tags = {}, {}, {}
        self.commits = self.uploads = self.drops = 0
        self.private = {}
        self.alters = None

    def serve(self):
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def answer(self, content, status=200, headers=(), head=False):
                data = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                if not head:
                    self.wfile.write(data)

            def body(self):
                if self.headers.get("Transfer-Encoding") == "chunked":
                    found = b""
                    while size := int(self.rfile.readline(), 16):
                        found += self.rfile.read(size)
                        self.rfile.readline()
                    self.rfile.readline()
                    return found
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))

            def may(self):
                if self.headers.get("Authorization") == f"Bearer {TOKEN}":
                    return True
                self.answer({"error": "no token"}, 401)
                return False

            def do_GET(self):
                found = re.match(r"/api/datasets/([^/]+/[^/]+)/tree/main", self.path)
                if found:
                    return self.tree(found[1])
                found = re.fullmatch(r"/api/datasets/([^/]+/[^/]+)", self.path)
                if found and found[1] in hub.private:
                    about = {"id": found[1], "private": hub.private[found[1]], "siblings": []}
                    return self.answer(about)
                return self.file(head=False)

            def do_HEAD(self):
                self.file(head=True)

            def file(self, head):
                found = re.match(r"/datasets/([^/]+/[^/]+)/resolve/[^/]+/(.+)", self.path)
                data = found and hub.repositories.get(found[1], {}).get(found[2])
                if data is None:
                    return self.answer({}, 404, [("X-Error-Code", "EntryNotFound")], head=head)
                tag = hashlib.sha256(data).hexdigest()
                headers = [("ETag", f'"{tag}"'), ("X-Repo-Commit", "c" * 40)]
                return self.answer(data, 200, headers, head=head)

            def tree(self, name):
                if name not in hub.repositories:
                    return self.answer({}, 404, [("X-Error-Code", "RepoNotFound")])
                files = []
                for path, data in sorted(hub.repositories[name].items()):
                    oid = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
                    entry = {"type": "file", "path": path, "size": len(data), "oid": oid}
                    if len(data) >= LARGE:
                        sha = hashlib.sha256(data).hexdigest()
                        entry["lfs"] = {"oid": sha, "size": len(data), "pointerSize": 130}
                    files.append(entry)
                return self.answer(files)

            def do_PUT(self):
                data, oid = self.body(), self.path.rpartition("/")[2]
                if hub.drops:
                    hub.drops -= 1
                    return self.answer({"error": "gone"}, 400)
                hub.uploads += 1
                hub.objects[oid] = data
                return self.answer({})

            def do_POST(self):
                data = self.body()
                if not self.may():
                    return None
                if self.path == "/api/repos/create":
                    return self.create(json.loads(data))
                if self.path == "/api/validate-yaml":
                    text = json.loads(data)["content"].split("---\n")[1]
                    assert yaml.safe_load(text)["configs"]
                    return self.answer({"errors": [], "warnings": []})
                if self.path.endswith("/preupload/main"):
                    return self.preupload(json.loads(data))
                if self.path.endswith("/info/lfs/objects/batch"):
                    return self.batch(json.loads(data))
                found = re.match(r"/api/datasets/([^/]+/[^/]+)/(commit|tag)/main", self.path)
                if found and found[2] == "commit":
                    return self.commit(found[1], data)
                if found:
                    hub.tags.setdefault(found[1], set()).add(json.loads(data)["tag"])
                    return self.answer({})
                return self.answer({"error": self.path}, 404)

            def create(self, asked):
                name = f"{asked['organization']}/{asked['name']}"
                address = f"{hub.url}/datasets/{name}"
                if name in hub.repositories:
                    return self.answer({"url": address}, 409)
                hub.repositories[name] = {".gitattributes": b"*.tar filter=lfs\n"}
                hub.private[name] = asked.get("visibility") == "private"
                return self.answer({"url": address})

            def preupload(self, asked):
                modes = [
                    {
                        "path": file["path"],
                        "uploadMode": "lfs" if file["size"] >= LARGE else "regular",
                        "shouldIgnore": False,
                    }
                    for file in asked["files"]
                ]
                return self.answer({"files": modes})

            def batch(self, asked):
                objects = []
                for one in asked["objects"]:
                    entry = {"oid": one["oid"], "size": one["size"]}
                    if one["oid"] not in hub.objects:
                        entry["actions"] = {"upload": {"href": f"{hub.url}/lfs/{one['oid']}"}}
                    objects.append(entry)
                return self.answer({"transfer": "basic", "objects": objects})

            def commit(self, name, data):
                files = hub.repositories[name]
                for line in data.splitlines():
                    given = json.loads(line)
                    value = given["value"]
                    if given["key"] == "file":
                        files[value["path"]] = base64.b64decode(value["content"])
                    elif given["key"] == "lfsFile":
                        files[value["path"]] = hub.objects[value["oid"]]
                    elif given["key"] == "deletedFile":
                        del files[value["path"]]
                if hub.alters:
                    files[hub.alters] = b"another" + files[hub.alters][7:]
                hub.commits += 1
                answer = {"commitUrl": f"{hub.url}/datasets/{name}/commit/{'c' * 40}"}
                return self.answer({**answer, "commitOid": "c" * 40})

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def hub(monkeypatch):
    """A running one; the environment names it, with a token."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    server = Hub()
    server.serve()
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    yield server
    server.server.shutdown()
    server.server.server_close()


@pytest.fixture
def token():
    return TOKEN
