"""What `--data` and `open_dataset` take: sets of the project, folders, URLs, the Hub."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from dmldata import open_dataset
from dmldata.common.errors import InputError
from dmldata.locate import SETS, locate

COMMIT = "ab" * 20


def test_a_set_of_the_project_is_found_by_its_name_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    images = {name: len(open_dataset(name)) for name in SETS}
    assert images == {"paper": 2000, "sample": 64, "train196": 5880}
    assert open_dataset("sample").url == "package:sample"


def test_a_folder_of_the_same_name_is_what_the_name_means(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tiny, tmp_path / "paper")
    assert open_dataset("paper").fingerprint == open_dataset(tiny).fingerprint
    assert len(open_dataset("package:paper")) == 2000


def test_a_set_that_is_not_installed_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dmldata.locate.__file__", "/somewhere/site-packages/dmldata/locate.py")
    with pytest.raises(InputError, match=r"dmlgen render train196 --size 160 --preset draft"):
        locate("train196")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("papr", "papr: no such folder; valid: a folder, a URL, hf://owner/name, or a set"),
        ("package:papr", "unknown set 'papr' (did you mean 'paper'?); valid: paper, sample"),
        (
            "hf://name",
            "hf://name: has to be of the form hf://owner/name or hf://owner/name@revision",
        ),
        ("https://nohost.invalid/data", "cannot be read from nohost.invalid: "),
        ("https://nohost.invalid/data", "without a network, copy the dataset into a folder"),
    ],
)
def test_what_is_not_there_is_named_with_what_would_be_valid(url: str, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        open_dataset(url)


@pytest.fixture
def hub(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ThreadingHTTPServer]:
    """A server on loopback with the calls of the Hub that downloading makes; it has `me/tiny`."""
    pytest.importorskip("huggingface_hub")
    from huggingface_hub import constants

    files = {path.name: path.read_bytes() for path in tiny.iterdir() if path.is_file()}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: Any) -> None:
            pass

        def answer(self, data: bytes, status: int = 200, headers: Any = (), body: bool = True):  # type: ignore[no-untyped-def]
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if body:
                self.wfile.write(data)

        def do_GET(self, body: bool = True) -> None:
            info = re.match(r"/api/datasets/me/tiny(?:/revision/([^?]+))?$", self.path)
            if info and info[1] in (None, "main", "v1", COMMIT):
                siblings = [{"rfilename": name} for name in files]
                answer = {"id": "me/tiny", "sha": COMMIT, "siblings": siblings}
                return self.answer(json.dumps(answer).encode(), body=body)
            if re.match(r"/api/datasets/me/tiny/tree/", self.path):
                tree = [
                    {
                        "type": "file",
                        "path": name,
                        "size": len(data),
                        "oid": hashlib.sha1(data).hexdigest(),
                    }
                    for name, data in files.items()
                ]
                return self.answer(json.dumps(tree).encode(), body=body)
            file = re.match(r"/datasets/me/tiny/resolve/[^/]+/(.+)$", self.path)
            if file and file[1] in files:
                data = files[file[1]]
                tag = f'"{hashlib.sha256(data).hexdigest()}"'
                return self.answer(
                    data, headers=[("ETag", tag), ("X-Repo-Commit", COMMIT)], body=body
                )
            code = "RevisionNotFound" if info else "RepoNotFound"
            return self.answer(b"{}", 404, [("X-Error-Code", code)], body=body)

        def do_HEAD(self) -> None:
            self.do_GET(body=False)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield server
    server.shutdown()
    server.server_close()


def test_a_dataset_of_the_hub_is_downloaded_once_and_known_by_its_commit(
    hub: ThreadingHTTPServer, tiny: Path
) -> None:
    dataset = open_dataset("hf://me/tiny")
    assert dataset.url == f"hf://me/tiny@{COMMIT}"
    assert dataset.fingerprint == open_dataset(tiny).fingerprint
    assert [item.key for item in dataset.samples_iter()] == dataset.samples["key"].to_pylist()
    assert open_dataset("hf://datasets/me/tiny@v1").url == dataset.url
    hub.shutdown()
    hub.server_close()
    assert open_dataset(dataset.url).fingerprint == dataset.fingerprint


def test_what_the_hub_does_not_have_is_named(hub: ThreadingHTTPServer) -> None:
    with pytest.raises(
        InputError, match=r"hf://me/none: no such dataset on 127\.0\.0\.1, or a pri"
    ):
        open_dataset("hf://me/none")
    with pytest.raises(InputError, match=r"hf://me/tiny@v9: the dataset has no revision 'v9'"):
        open_dataset("hf://me/tiny@v9")


def test_a_hub_that_does_not_answer_is_named_with_how_to_work_offline(
    hub: ThreadingHTTPServer,
) -> None:
    hub.shutdown()
    hub.server_close()
    with pytest.raises(
        InputError, match=r"cannot be read from 127\.0\.0\.1: .*without a network, co"
    ):
        open_dataset("hf://me/tiny")


def test_a_silent_hub_is_found_out_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("huggingface_hub")
    from huggingface_hub import constants

    from dmldata.common.hub_access import hub_answers, offline_if_hub_is_silent

    for name in (
        "https_proxy",
        "HTTPS_PROXY",
        "http_proxy",
        "HTTP_PROXY",
        "all_proxy",
        "ALL_PROXY",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert not hub_answers()
    with offline_if_hub_is_silent():
        assert constants.HF_HUB_OFFLINE
    assert not constants.HF_HUB_OFFLINE
