"""What stays where it is: credentials, paths of a machine, addresses in the files of others."""

from __future__ import annotations

import http.server
import json
import threading

import pytest

from dmlbench.leaderboard import Card, submit
from dmlbench.present import find_dataset
from dmlbench.results import find_results
from dmldata.common.errors import InputError
from dmldata.common.text import printable, without_credentials

SECRET = "not-to-be-seen"


@pytest.fixture
def served(files):
    """The address of a server of `files`, with credentials in it, and the paths asked of it."""
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(files))

        def log_message(self, *_):
            asked.append(self.path)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://ann:{SECRET}@127.0.0.1:{server.server_port}", asked
        server.shutdown()


def all_text(folder):
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.mark.parametrize("data", ["measured", "web/{0..1}.tar"])
def test_credentials_of_a_url_are_in_no_output_and_in_no_file(
    dmlbench, files, served, tmp_path, data
):
    url, _ = served
    model = files / "measuring" / "model.pt"
    answer = dmlbench("evaluate", model, "--data", f"{url}/{data}", "--maps", 2, "--out", tmp_path)
    assert answer.exit_code == 0, answer.err
    assert "http://***@127.0.0.1" in answer.out
    (result,) = find_results([tmp_path])
    assert result.run.dataset.url.startswith("http://***@127.0.0.1")
    as_json = dmlbench("report", tmp_path, "--images", 0, "--json", "--out", tmp_path / "r.html")
    shown = answer.out + answer.err + as_json.out + as_json.err
    assert SECRET.encode() not in all_text(tmp_path) + shown.encode()


def test_credentials_of_a_url_are_in_no_error(dmlbench, files, tmp_path):
    model = files / "measuring" / "model.pt"
    for data in (f"http://ann:{SECRET}@127.0.0.1:1/x", f"http://127.0.0.1:1/x?token={SECRET}"):
        for more in ((), ("--json",), ("--debug",)):
            answer = dmlbench("evaluate", model, "--data", data, "--out", tmp_path / "o", *more)
            assert answer.exit_code == 2
            assert SECRET not in answer.out + answer.err
            assert "***" in answer.err


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("s3://key:secret@bucket/a", "s3://***@bucket/a"),
        ("s3://bucket/a@b", "s3://bucket/a@b"),
        ("hf://owner/name@main", "hf://owner/name@main"),
        ("a http://u:p@h/x, b ftp://v:q@i.", "a http://***@h/x, b ftp://***@i."),
        ("http://u:a/b@h/x", "http://***@h/x"),
        ("see 'http://u:p'w@h/x'", "see 'http://***@h/x'"),
        ("http:/u:p@h", "http:/***@h"),
        ("http://h:80/a@b", "http://h:80/a@b"),
        ("https://h/x?X-Amz-Signature=ab&part=1", "https://h/x?X-Amz-Signature=***&part=1"),
        ("C:/Users/a@b", "C:/Users/a@b"),
        ("ann@host", "ann@host"),
    ],
)
def test_what_is_hidden_of_a_url(text, shown):
    assert without_credentials(text) == shown


def test_results_of_others_open_no_url(served, own):
    url, asked = served
    folder = own("results")
    run = next(folder.rglob("run.json"))
    document = json.loads(run.read_text())
    for address in (f"{url}/measured", "hf://owner/name", "s3://bucket/a"):
        document["dataset"]["url"] = address
        run.write_text(json.dumps(document))
        with pytest.raises(InputError, match=r"is a URL, which the results alone do not open"):
            find_dataset(find_results([folder]), None, 8)
    assert asked == []


def test_names_in_results_of_others_are_no_paths(own, tmp_path):
    folder = own("results")
    run = next(folder.rglob("run.json"))
    before = json.loads(run.read_text())
    for place, field in (("model", "id"), ("dataset", "fingerprint")):
        for name in ("../../x", "/tmp/x", "a/b", "..", "", "a\nb", "a.json"):
            document = json.loads(json.dumps(before))
            document[place][field] = name
            run.write_text(json.dumps(document))
            with pytest.raises(InputError, match=rf"run\.json: {place}\.{field}"):
                find_results([folder])


def test_a_submission_holds_no_path_of_its_machine(own, tmp_path):
    folder = own("results")
    run = next(folder.rglob("run.json"))
    document = json.loads(run.read_text())
    document["dataset"]["options"] = {"labels": "/home/ann/labels.csv", "properties": "~/a/p.yaml"}
    document["notes"] = ["labels from /home/ann/labels.csv: two", "see C:\\Users\\ann\\x and 3/4"]
    document["model"]["notes"] = ["weights '/home/ann/w.pth'", "http://host/page is one"]
    run.write_text(json.dumps(document))
    (result,) = find_results([folder])
    card = Card(name="A", trunk="t", loss=None, trained_on="nothing")
    path = submit(result, card, tmp_path / "board")
    assert b"ann" not in path.read_bytes()
    written = json.loads(path.read_text())["run"]
    assert written["dataset"]["options"] == {"labels": "labels.csv", "properties": "p.yaml"}
    assert written["notes"] == ["labels from labels.csv: two", "see x and 3/4"]
    assert written["model"]["notes"] == ["weights 'w.pth'", "http://host/page is one"]


def test_escapes_in_names_do_not_reach_the_terminal(dmlbench, own):
    folder = own("results")
    run = next(folder.rglob("run.json"))
    document = json.loads(run.read_text())
    document["name"] = "\x1b]0;title\x07\x1b[31mred\u202e"
    document["notes"] = ["\x1b[2J"]
    run.write_text(json.dumps(document))
    (folder / "labels.csv").write_text("\x1b[31mname\nx\ny\n")
    for words in (("report", folder, "--images", 0, "--out", folder / "r.html"),
                  ("score", "--embeddings", folder / "no\x1b[1m.npy", "--labels", folder),
                  ("evaluate", "\x1b[1m", "--data", "\x1b[1m")):  # fmt: skip
        answer = dmlbench(*words)
        assert "\x1b" not in answer.out + answer.err
        assert "\u202e" not in answer.out + answer.err


def test_what_is_printable_stays_and_json_stays_json():
    assert printable("Größe 色 😀 \t\n") == "Größe 色 😀 \t\n"
    text = json.dumps({"a": "\x1b\x9b\u202e\U000e0001"}, ensure_ascii=False)
    assert json.loads(printable(text)) == {"a": "\x1b\x9b\u202e\U000e0001"}
    assert printable("\ud800") == "\\ud800"
