"""Settings of all tests, and what tests of several packages use."""

import io
import json
import shutil
import sys
from contextlib import redirect_stderr, redirect_stdout
from typing import Any, NamedTuple

import pytest
from hypothesis import settings

# No test asserts a time, so none fails for being slow on a busy machine either.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(scope="module")
def cluster():
    """A Ray cluster of two nodes, of one CPU each."""
    cluster_utils = pytest.importorskip("ray.cluster_utils")
    head = {
        "num_cpus": 1,
        "include_dashboard": False,
        # A killed node is found out in seconds, where it takes half a minute by default.
        "_system_config": {
            "health_check_initial_delay_ms": 5000,
            "health_check_period_ms": 1000,
            "health_check_failure_threshold": 5,
        },
    }
    made = cluster_utils.Cluster(initialize_head=True, head_node_args=head)
    made.add_node(num_cpus=1)
    yield made
    made.shutdown()


@pytest.fixture(scope="session")
def chromium():
    """Debian's Chromium, without a window."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no chromium here; on Debian: apt-get install -y chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(chromium):
    """A page of a browser that is offline; what its console complains of fails the test."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, offline=True)
    opened = context.new_page()
    complaints = []
    opened.on("console", lambda said: complaints.append(said.text) if said.type == "error" else 0)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    context.close()
    assert complaints == []


CONTRASTS = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].map((part) => part / 255);
  };
  const luminance = ([red, green, blue]) => [red, green, blue]
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, place) => sum + part * [0.2126, 0.7152, 0.0722][place], 0);
  const paper = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = rgba(getComputedStyle(at).backgroundColor);
      if (color[3] > 0.99) return color;
    }
    return [1, 1, 1, 1];
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const weak = [];
  while (texts.nextNode()) {
    const { parentElement: element, textContent: text } = texts.currentNode;
    if (!text.trim() || !element.checkVisibility() || element.closest("script, svg")) continue;
    const ink = luminance(rgba(getComputedStyle(element).color));
    const behind = luminance(paper(element));
    const contrast = (Math.max(ink, behind) + 0.05) / (Math.min(ink, behind) + 0.05);
    if (contrast < 4.5) weak.push([text.trim().slice(0, 40), Math.round(contrast * 100) / 100]);
  }
  return weak;
}"""
"""Texts of a page whose contrast (WCAG 2) with what is behind them is below 4.5, with that."""


@pytest.fixture
def weak_texts():
    """Call with a page: which of its texts are hard to read, all that folds being unfolded."""

    def find(page):
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        return page.evaluate(CONTRASTS)

    return find


class Answer(NamedTuple):
    """What a command gave back."""

    exit_code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture(scope="session")
def dmlbench():
    """Call the command in this process, with a user's arguments: `dmlbench("evaluate", ...)`."""

    def call(*words: object) -> Answer:
        from dmlbench.cli.main import main

        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.setattr(sys, "argv", ["dmlbench", *map(str, words)])
            with pytest.raises(SystemExit) as stopped:
                main()
        return Answer(int(stopped.value.code or 0), out.getvalue(), err.getvalue())

    return call
