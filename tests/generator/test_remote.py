"""Datasets that go to a URL: what was asked for arrives, whole, and nothing else is touched."""

import json
import shutil
from pathlib import Path

import fsspec
import pytest

from dmldata.common.errors import InputError, PrismError
from dmldata.verify import verify
from dmlgen.rendering.remote import Destination, work_folder

ASKED = (
    *("render", "paper", "--factor", "color", "--scenes", 2, "--variants", 3, "--seed", 7),
    *("--size", 64, "--preset", "draft", "--device", "cpu"),
)


@pytest.fixture
def url(tmp_path):
    return f"file://{tmp_path}/there"


@pytest.fixture
def there(tmp_path):
    return tmp_path / "there"


@pytest.fixture
def rendered(color_sweep, url, tmp_path):
    """A work folder whose dataset has still to be uploaded."""
    local = work_folder(url, tmp_path / "work")
    shutil.copytree(color_sweep, local)
    return local


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def interrupt_after(files, monkeypatch):
    put, done = Destination._put, []

    def stop(destination, file):
        if len(done) == files:
            raise KeyboardInterrupt
        done.append(file)
        put(destination, file)

    monkeypatch.setattr(Destination, "_put", stop)


def test_after_an_interrupted_upload_another_request_uploads_nothing_and_the_same_goes_on(
    dmlgen, url, there, rendered, color_sweep, tmp_path, monkeypatch
):
    where = ("--out", url, "--work", tmp_path / "work")
    with monkeypatch.context() as patched:
        interrupt_after(3, patched)
        code, out, _ = dmlgen(*ASKED, *where)
    assert code == 130
    assert url not in out, "it is not there yet"
    before = contents(there)
    assert "dataset.json" not in before
    for other in (("--seed", 8), ("--variants", 2), ("--size", 32), ("--preset", "standard")):
        code, _, err = dmlgen(*ASKED, *other, *where)
        assert code == 2
        assert "holds another dataset" in err
    assert contents(there) == before
    code, out, _ = dmlgen(*ASKED, *where)
    assert code == 0
    assert f" images: {url}" in out
    assert contents(there) == contents(color_sweep)
    assert not rendered.exists()


@pytest.mark.parametrize("arrived", ["part of the manifest", "everything"])
def test_an_upload_that_ended_at_the_manifest_is_resumed(
    dmlgen, url, there, rendered, color_sweep, tmp_path, arrived
):
    shutil.copytree(color_sweep, there)
    manifest = there / "dataset.json"
    shutil.copy(manifest, there / ".dml-prism.json")
    if arrived != "everything":
        manifest.write_bytes(manifest.read_bytes()[:500])
    code, out, _ = dmlgen(*ASKED, "--out", url, "--work", tmp_path / "work", "--json")
    assert code == 0
    done = json.loads(out.splitlines()[-1])
    assert (done["event"], done["out"]) == ("done", url)
    assert contents(there) == contents(color_sweep)
    assert not rendered.exists()


def test_another_request_is_refused_though_nothing_was_uploaded_yet(
    dmlgen, url, there, rendered, tmp_path
):
    code, _, err = dmlgen(*ASKED, "--seed", 8, "--out", url, "--work", tmp_path / "work")
    assert code == 2
    assert f"delete {rendered}, or name another folder with --work" in err
    assert "seed was 7, is 8" in err
    assert not there.exists()


def test_a_merge_does_not_upload_what_another_command_has_left(
    dmlgen, url, there, rendered, tmp_path
):
    part = ("--slice", "1/1", "--count", 1, "--size", 32, "--preset", "draft", "--device", "cpu")
    assert dmlgen("render", "mini", *part, "--out", tmp_path / "slices")[0] == 0
    where = ("--out", url, "--work", tmp_path / "work")
    code, _, err = dmlgen("merge", tmp_path / "slices", *where)
    assert code == 2
    assert f"delete {rendered}, or name another folder with --work" in err
    assert list(there.iterdir()) == []
    shutil.rmtree(rendered)
    assert dmlgen("merge", tmp_path / "slices", *where)[0] == 0
    assert verify(str(there)) == []


def test_a_file_of_the_same_length_and_other_bytes_is_replaced(url, there, color_sweep):
    there.mkdir()
    shard = next(color_sweep.glob("*.tar"))
    (there / shard.name).write_bytes(bytes(shard.stat().st_size))
    (there / "README.md").write_bytes(b"x" * (color_sweep / "README.md").stat().st_size)
    Destination(url).put(color_sweep)
    assert contents(there) == contents(color_sweep)


@pytest.mark.parametrize("harm", ["flipped", "cut off", "lost"])
def test_what_did_not_arrive_as_it_was_sent_is_said_and_the_local_copy_stays(
    dmlgen, url, rendered, tmp_path, monkeypatch, harm
):
    before = contents(rendered)

    def put_badly(fs, source, target, **_):
        data = bytearray(Path(source).read_bytes())
        data[len(data) // 2] ^= 1
        if harm != "lost":
            fs.pipe_file(target, bytes(data if harm == "flipped" else data[:-1]))

    monkeypatch.setattr(fsspec.get_filesystem_class("file"), "put_file", put_badly)
    code, _, err = dmlgen(*ASKED, "--out", url, "--work", tmp_path / "work")
    assert code == 1
    assert f"other bytes arrived than were sent; the dataset is kept in {rendered}" in err
    assert contents(rendered) == before


def test_a_strangers_files_at_a_url_are_not_replaced(dmlgen, url, there, rendered, tmp_path):
    there.mkdir()
    (there / "README.md").write_text("years of work")
    code, _, err = dmlgen(*ASKED, "--out", url, "--work", tmp_path / "work")
    assert code == 2
    assert f"{url} is not empty (it holds README.md); give another --out" in err
    assert contents(there) == {"README.md": b"years of work"}


def test_what_file_managers_leave_does_not_make_a_place_full(url, there):
    there.mkdir()
    (there / ".DS_Store").touch()
    Destination(url).check()


def test_a_part_of_another_dataset_is_not_mixed_with_this_one(
    url, there, color_sweep, own_copy, monkeypatch
):
    manifest = own_copy / "dataset.json"
    document = json.loads(manifest.read_text())
    document["samples"]["sha256"] = "0" * 64
    manifest.write_text(json.dumps(document | {"name": "another"}))
    with monkeypatch.context() as patched:
        interrupt_after(2, patched)
        with pytest.raises(KeyboardInterrupt):
            Destination(url).put(own_copy)
    before = contents(there)
    with pytest.raises(InputError, match="holds a part of another dataset, another "):
        Destination(url).put(color_sweep)
    assert contents(there) == before


def test_a_dataset_that_arrived_meanwhile_is_not_replaced(url, there, color_sweep, own_copy):
    manifest = own_copy / "dataset.json"
    document = json.loads(manifest.read_text())
    document["samples"]["sha256"] = "0" * 64
    manifest.write_text(json.dumps(document | {"name": "another"}))
    late = Destination(url)
    late.check()
    Destination(url).put(color_sweep)
    with pytest.raises(InputError, match="holds another dataset, "):
        late.put(own_copy)
    assert contents(there) == contents(color_sweep)


def test_a_dataset_that_lacks_images_is_uploaded_and_what_it_lacks_is_said_every_time(
    dmlgen, url, there, rendered, color_sweep, tmp_path
):
    manifest = rendered / "dataset.json"
    document = json.loads(manifest.read_text())
    document["shards"][0]["images"] -= 1
    document["splits"]["test"] -= 1
    lacking = {"set_aside": [{"key": "000003", "why": "it broke"}]}
    manifest.write_text(json.dumps(document | lacking))
    for said in (f" images: {url}", "are already rendered"):
        code, out, err = dmlgen(*ASKED, "--out", url, "--work", tmp_path / "work")
        assert code == 1, err
        assert said in out
        assert "1 images could not be rendered and are left out" in err
    assert contents(there).keys() == contents(color_sweep).keys()


def test_an_upload_by_two_at_once_is_done_by_one(rendered, url, color_sweep, there):
    from dmlgen.cli.render import _carry
    from dmlgen.rendering.job import held

    with held(rendered, None), pytest.raises(InputError, match="is being rendered by process"):
        _carry(rendered, Destination(url), True)
    _carry(rendered, Destination(url), True)
    assert contents(there) == contents(color_sweep)
    with pytest.raises(PrismError, match="another process has already uploaded the dataset"):
        _carry(rendered, Destination(url), True)
