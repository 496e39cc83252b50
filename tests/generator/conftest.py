"""Datasets rendered once for all tests (real Blender, 64 pixels), and servers on loopback."""

import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
import s3fs

from dmldata.common.commandline import run_app
from dmlgen.catalog.assets import environment_file, surface_folder
from dmlgen.cli.main import app
from dmlgen.planning.draw import make_plan
from dmlgen.planning.presets import Engine
from dmlgen.planning.recipe import load_recipe
from dmlgen.planning.recipe_file import Sweep
from dmlgen.rendering.run import render

SECRET = "not-to-be-seen-anywhere"


@pytest.fixture(autouse=True, scope="session")
def one_worker():
    """A render of a few small pictures takes longer to start a second Blender than to make them.

    Tests that need two workers ask for them.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dmlgen.rendering.local.usable_cores", lambda: 1)
        yield


@pytest.fixture(scope="session")
def engine():
    return Engine("draft", 64, "cpu")


@pytest.fixture(scope="session")
def plan():
    """Two scenes in three colors each."""
    return make_plan(load_recipe("paper"), seed=7, sweep=Sweep("color", scenes=2, variants=3))


@pytest.fixture(scope="session")
def color_sweep(tmp_path_factory, plan, engine):
    """The rendered `plan`. Not to be changed by a test."""
    folder = tmp_path_factory.mktemp("rendered") / "color"
    render(plan, engine, folder)
    return folder


@pytest.fixture
def own_copy(color_sweep, tmp_path):
    """A copy of `color_sweep` for a test to change."""
    return shutil.copytree(color_sweep, tmp_path / "copy")


@pytest.fixture
def s3(monkeypatch):
    """Starts and stops an S3 server; its environment is set for this process and its children."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "tester")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    # Not the proxy or the certificates of the machine: the server is on loopback.
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    # A file system once made keeps the endpoint it was made with.
    s3fs.S3FileSystem.clear_instance_cache()
    server = Server(port)
    server.start()
    yield server
    server.stop()


class Server:
    """S3, by moto, with a bucket `datasets`; `secret` is the key that opens it."""

    secret = SECRET

    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}"
        self.port = port

    def start(self):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(self.url, timeout=1)
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        s3fs.S3FileSystem(skip_instance_cache=True).mkdir("datasets")

    def stop(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def home(monkeypatch, tmp_path):
    """The user's folder of cars."""
    folder = tmp_path / "home" / "cars"
    monkeypatch.setenv("DML_PRISM_CARS", str(folder))
    return folder


@pytest.fixture
def user_place(monkeypatch, tmp_path):
    """A user's place `mine`: the carport seen otherwise, on the user's surface `shingle`."""
    places, surfaces = tmp_path / "home" / "environments", tmp_path / "home" / "surfaces"
    places.mkdir(parents=True)
    monkeypatch.setenv("DML_PRISM_ENVIRONMENTS", str(places))
    monkeypatch.setenv("DML_PRISM_SURFACES", str(surfaces))
    shutil.copytree(surface_folder("gravel"), surfaces / "shingle")
    spec = surfaces / "shingle" / "surface.yaml"
    spec.write_text(spec.read_text().replace("name: gravel", "name: shingle"))
    text = environment_file("carport").read_text()
    for change in (("carport", "mine"), ("surface: pavers", "surface: shingle"), ("-20", "-10")):
        assert change[0] in text
        text = text.replace(*change)
    (places / "mine.yaml").write_text(text)
    return places / "mine.yaml"


@pytest.fixture
def dmlgen(capsys):
    """Runs the command; returns (exit code, stdout, stderr)."""

    def call(*args):
        with pytest.raises(SystemExit) as caught:
            run_app(app, "dmlgen", [str(arg) for arg in args])
        captured = capsys.readouterr()
        return caught.value.code, captured.out, captured.err

    return call
