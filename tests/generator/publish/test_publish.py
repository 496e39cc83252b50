"""Publishing: what is checked first, that all arrives, and that an interruption costs nothing."""

import json
import re
import shutil

import pytest

from dmldata import open_dataset
from dmldata.manifest import MANIFEST_FILE, Manifest
from dmldata.verify import verify
from dmlgen.publish.privacy import private_problems
from dmlgen.publish.publish import set_version
from dmlgen.publish.versions import bumped, change

NAME = "ada/cars"


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def edit(folder, **changes):
    """Another manifest, with the card that goes with it."""
    from dmldata.card import write_card

    dataset = open_dataset(str(folder))
    document = json.loads(dataset.manifest.to_json()) | changes
    manifest = Manifest.model_validate_json(json.dumps(document))
    write_card(folder, manifest, dataset.samples)
    (folder / MANIFEST_FILE).write_bytes(manifest.to_json())


@pytest.mark.parametrize("make", [lambda path: path, lambda path: f"file://{path}"])
def test_published_to_a_folder_all_files_are_there_and_right(dmlgen, dataset, tmp_path, make):
    target = tmp_path / "public"
    code, out, _ = dmlgen("publish", dataset, "--to", make(target))
    assert code == 0
    assert re.search(r"mini-64 1\.0\.0, \d+ files, all checksums right$", out.strip())
    assert contents(target) == contents(dataset)
    assert verify(target) == []


def test_dry_run_says_what_would_go_and_puts_nothing_there(dmlgen, dataset, tmp_path):
    code, out, _ = dmlgen("publish", dataset, "--to", tmp_path / "public", "--dry-run")
    assert code == 0
    assert "would put test-000000.tar (1.2 MB)" in out or "would put test-000000.tar" in out
    assert out.splitlines()[-1].startswith(f"{tmp_path / 'public'}: 11 files to put")
    assert not (tmp_path / "public").exists()
    code, out, _ = dmlgen("publish", dataset, "--to", tmp_path / "public", "--dry-run", "--json")
    assert json.loads(out)["published"] is False
    assert len(json.loads(out)["new"]) == 11


def test_published_to_s3_it_opens_from_there(dmlgen, dataset, s3):
    code, out, err = dmlgen("publish", dataset, "--to", "s3://datasets/mini")
    assert code == 0, err
    there = open_dataset("s3://datasets/mini")
    assert there.fingerprint == open_dataset(str(dataset)).fingerprint
    assert s3.secret not in out + err


def test_published_to_the_hub_in_one_tagged_commit(dmlgen, dataset, hub, token):
    code, out, err = dmlgen("publish", dataset, "--to", f"hf://{NAME}", "--private")
    assert code == 0, err
    files = dict(hub.repositories[NAME])
    del files[".gitattributes"]
    assert files == contents(dataset)
    assert (hub.commits, hub.tags[NAME], hub.private[NAME]) == (1, {"v1.0.0"}, True)
    assert token not in out + err


def test_published_again_nothing_is_sent(dmlgen, dataset, hub):
    for _ in range(2):
        assert dmlgen("publish", dataset, "--to", f"hf://{NAME}")[0] == 0
    assert hub.commits == 1


def test_an_interrupted_upload_to_the_hub_goes_on_and_shows_nothing_before(dmlgen, dataset, hub):
    hub.drops = 1
    code, _, err = dmlgen("publish", dataset, "--to", f"hf://{NAME}")
    assert code == 1
    assert err.splitlines()[-1].startswith(f"error: hf://{NAME}: cannot be written: ")
    assert set(hub.repositories[NAME]) == {".gitattributes"}
    sent = hub.uploads
    assert dmlgen("publish", dataset, "--to", f"hf://{NAME}")[0] == 0
    large = [path for path in dataset.iterdir() if path.stat().st_size >= 20_000]
    assert hub.uploads == len(large)
    assert sent <= hub.uploads


def test_what_arrives_altered_is_found(dmlgen, dataset, hub):
    hub.alters = "README.md"
    code, _, err = dmlgen("publish", dataset, "--to", f"hf://{NAME}")
    assert code == 1
    assert "README.md arrived altered (1 of 11 files)" in err


def test_a_file_that_was_damaged_there_is_put_there_again(dmlgen, dataset, tmp_path):
    target = tmp_path / "public"
    assert dmlgen("publish", dataset, "--to", target)[0] == 0
    data = (target / "test-000000.tar").read_bytes()
    (target / "test-000000.tar").write_bytes(data[:-1] + b"x")
    code, out, _ = dmlgen("publish", dataset, "--to", target)
    assert code == 0
    assert "put test-000000.tar" in out
    assert "put samples.parquet" not in out
    assert contents(target) == contents(dataset)


def test_without_permission_the_message_has_no_token(dmlgen, dataset, hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_another-secret")
    code, out, err = dmlgen("publish", dataset, "--to", f"hf://{NAME}")
    assert code == 1
    assert err.count("\n") == 1
    assert "hf_another-secret" not in out + err


def test_a_dataset_that_is_damaged_is_not_published(dmlgen, dataset, tmp_path):
    (dataset / "README.md").write_text("changed")
    code, out, _ = dmlgen("publish", dataset, "--to", tmp_path / "public")
    assert code == 1
    assert "README.md: its sha256 is not the one in checksums.sha256" in out
    assert "nothing was published" in out
    assert not (tmp_path / "public").exists()


def test_paths_and_users_of_the_machine_are_not_published(dmlgen, dataset, tmp_path, monkeypatch):
    monkeypatch.setenv("LOGNAME", "grace")
    edit(dataset, description="Rendered by grace from /home/grace/cars.")
    code, out, _ = dmlgen("publish", dataset, "--to", tmp_path / "public")
    assert code == 1
    assert re.search(r"dataset\.json: line \d+: the path '/home/grace/cars'", out)
    assert re.search(r"README\.md: line \d+: the user name 'grace'", out)


def test_the_sample_tells_nothing_of_its_machine(dataset):
    assert list(private_problems(dataset)) == []


@pytest.mark.parametrize(
    ("theirs", "problem"),
    [
        ("CC-BY-ND-4.0", "allows no pictures of the work"),
        ("CC-BY-SA-4.0", "so it has to have SA as well"),
        ("CC-BY-NC-4.0", "so it has to have NC as well"),
    ],
)
def test_credits_that_forbid_the_licence_are_named(dmlgen, dataset, tmp_path, theirs, problem):
    credits = json.loads((dataset / MANIFEST_FILE).read_text())["credits"]
    credits[0]["license"] = theirs
    edit(dataset, credits=credits)
    code, out, _ = dmlgen("publish", dataset, "--to", tmp_path / "public")
    assert code == 1
    assert problem in out


def test_pictures_of_a_car_of_unknown_licence_are_not_published(dmlgen, dataset, tmp_path):
    edit(dataset, license="LicenseRef-unknown-do-not-publish")
    code, out, _ = dmlgen("publish", dataset, "--to", tmp_path / "public")
    assert code == 1
    assert "the licence of a car in the pictures is not known" in out


def test_a_new_card_asks_for_a_patch_and_the_old_files_go(dmlgen, dataset, tmp_path):
    target = tmp_path / "public"
    assert dmlgen("publish", dataset, "--to", target)[0] == 0
    edit(dataset, description="Another description.")
    code, _, err = dmlgen("publish", dataset, "--to", target)
    assert code == 2
    assert "1.0.0 is published there and the files changed, the pictures did not" in err
    assert "give --version 1.0.1" in err
    assert "Another description." not in (target / "README.md").read_text()
    assert dmlgen("publish", dataset, "--to", target, "--version", "1.0.1")[0] == 0
    assert verify(target) == []
    assert open_dataset(str(target)).manifest.version == "1.0.1"


def test_shards_of_the_version_before_are_taken_away(dmlgen, dataset, tmp_path):
    target = shutil.copytree(dataset, tmp_path / "public")
    (target / "test-000001.tar").write_bytes(b"of another version")
    code, out, _ = dmlgen("publish", dataset, "--to", target, "--dry-run")
    assert code == 0
    assert "would remove test-000001.tar" in out
    assert dmlgen("publish", dataset, "--to", target)[0] == 0
    assert contents(target) == contents(dataset)


def _manifest(dataset, **changes):
    document = json.loads((dataset / MANIFEST_FILE).read_text()) | changes
    return Manifest.model_validate_json(json.dumps(document))


def test_what_a_change_asks_of_the_version(dataset):
    before = _manifest(dataset)
    shard = json.loads(before.to_json())["shards"][0]
    other = {**shard, "sha256": "0" * 64}
    more = {**other, "file": "test-000001.tar"}
    assert change(before, before) is None
    assert change(before, _manifest(dataset, description="Another.")) == "patch"
    assert change(before, _manifest(dataset, shards=[other])) == "major"
    images = {"test": 2 * shard["images"]}
    assert change(before, _manifest(dataset, shards=[shard, more], splits=images)) == "minor"
    assert bumped("0.1.0", "major") == "1.0.0"


@pytest.mark.parametrize("version", ["1.0", "one", "1.0.0.0"])
def test_a_version_that_is_none_is_refused(dmlgen, dataset, tmp_path, version):
    before = contents(dataset)
    code, _, err = dmlgen("publish", dataset, "--to", tmp_path / "p", "--version", version)
    assert (code, err) == (2, f"error: --version {version}: has to be like 1.0.0\n")
    assert contents(dataset) == before


def test_a_version_is_in_the_manifest_and_in_the_card(dataset):
    set_version(dataset, "2.1.0")
    assert verify(dataset) == []
    assert "mini-64 2.1.0" in (dataset / "README.md").read_text()


@pytest.mark.parametrize(
    ("to", "message"),
    [
        ("hf://ada", "has to be like hf://owner/name"),
        ("hf://a/b/c", "has to be like hf://owner/name"),
        ("nothing://x", "nothing"),
    ],
)
def test_a_place_that_is_none_is_refused(dmlgen, dataset, to, message):
    code, out, err = dmlgen("publish", dataset, "--to", to)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
