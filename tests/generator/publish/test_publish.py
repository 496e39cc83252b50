"""Publishing: what is checked first, that all arrives, and that an interruption costs nothing."""

import json
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

import pytest
import s3fs
import yaml
from fsspec.implementations.local import LocalFileSystem

from dmldata import open_dataset
from dmldata.common import files
from dmldata.common.files import sha256_of
from dmldata.contract.manifest import MANIFEST_FILE, Manifest
from dmldata.verify import verify
from dmlgen.publish.privacy import private_problems
from dmlgen.publish.publish import restate
from dmlgen.publish.versions import bumped, change

NAME = "ada/cars"


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def edit(folder, **changes):
    """Another manifest, with the card that goes with it."""
    from dmldata.card.write import write_card

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
    # What the console of S3 makes for an empty folder.
    s3fs.S3FileSystem().call_s3("put_object", Bucket="datasets", Key="mini/")
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


def relicense(dataset, *licenses, **changes):
    """Puts the first works of a dataset under other licenses."""
    credits = json.loads((dataset / MANIFEST_FILE).read_text())["credits"]
    for credit, license in zip(credits, licenses, strict=False):
        credit["license"] = license
    edit(dataset, credits=credits, **changes)


@pytest.mark.parametrize(
    ("theirs", "problem"),
    [
        ("CC-BY-ND-4.0", "CC-BY-ND-4.0 allows no pictures of the work to be published"),
        ("Sketchfab Editorial", "license 'Sketchfab Editorial' is not known; valid: an SPDX"),
        ("All rights reserved", "license 'All rights reserved' is not known"),
        ("GPL", "GPL-1.0-or-later (Copyleft) does not allow pictures of a work"),
    ],
)
def test_a_work_whose_license_forbids_it_keeps_pictures_from_being_published(
    dmlgen, dataset, tmp_path, theirs, problem
):
    relicense(dataset, theirs)
    code, out, _ = dmlgen("publish", dataset, "--to", tmp_path / "public")
    assert code == 1
    assert f"dataset.json: credits: 'car-VW-new-beetle': {problem}" in out
    assert not (tmp_path / "public").exists()


def test_two_works_whose_licenses_exclude_each_other_are_both_named(dmlgen, dataset, tmp_path):
    relicense(dataset, "CC-BY-SA-4.0", "cc-by-nc-4.0")
    code, out, _ = dmlgen("publish", dataset, "--to", tmp_path / "public")
    assert code == 1
    both = "'car-VW-new-beetle' (CC-BY-SA-4.0) and 'car-chevrolet' (cc-by-nc-4.0)"
    assert f"dataset.json: credits: {both} cannot be in one dataset" in out


@pytest.mark.parametrize(
    ("theirs", "license", "hub"),
    [
        ("cc-by-nc-4.0", "CC-BY-NC-4.0", "cc-by-nc-4.0"),
        ("CC BY-NC-SA 3.0", "CC-BY-NC-SA-4.0", "cc-by-nc-sa-4.0"),
    ],
)
def test_what_a_work_asks_for_is_asked_of_the_dataset_and_all_its_files_say_so(
    dmlgen, dataset, tmp_path, theirs, license, hub
):
    relicense(dataset, theirs)
    code, out, _ = dmlgen("publish", dataset, "--to", tmp_path / "public")
    assert code == 1
    assert f"license CC-BY-4.0: the works in the pictures require {license}; give --version" in out
    target = tmp_path / "public"
    assert dmlgen("publish", dataset, "--to", target, "--version", "1.0.1")[0] == 0
    assert verify(target) == []
    assert open_dataset(str(target)).manifest.license == license
    address = f"https://creativecommons.org/licenses/{hub[3:-4]}/4.0/"
    assert yaml.safe_load((target / "README.md").read_text().split("---\n")[1])["license"] == hub
    assert json.loads((target / "croissant.json").read_text())["license"] == address
    assert f"({license}).\nThe license: {address}" in (target / "LICENSE").read_text()
    assert yaml.safe_load((target / "CITATION.cff").read_text())["license"] == license


def test_pictures_of_a_car_of_unknown_license_are_not_published(dmlgen, dataset, tmp_path):
    unknown = "unknown license: do not publish"
    relicense(dataset, unknown, license="LicenseRef-unknown-do-not-publish")
    code, out, _ = dmlgen("publish", dataset, "--to", tmp_path / "public", "--version", "1.0.1")
    assert code == 1
    assert f"'car-VW-new-beetle': license '{unknown}' is not known; valid: " in out


def test_a_new_card_asks_for_a_patch_and_the_old_files_go(dmlgen, dataset, tmp_path):
    target = tmp_path / "public"
    assert dmlgen("publish", dataset, "--to", target)[0] == 0
    edit(dataset, description="Another description.")
    code, _, err = dmlgen("publish", dataset, "--to", target)
    assert code == 2
    assert "1.0.0 is published there and the files changed but not the pictures" in err
    assert "give --version 1.0.1" in err
    assert "Another description." not in (target / "README.md").read_text()
    assert dmlgen("publish", dataset, "--to", target, "--version", "1.0.1")[0] == 0
    assert verify(target) == []
    assert open_dataset(str(target)).manifest.version == "1.0.1"


def _checksums(dataset):
    """As one who adds files to a dataset writes them."""
    names = sorted(p.name for p in dataset.iterdir() if p.name[0] != "." and "sha256" not in p.name)
    lines = [f"{sha256_of(dataset / name)}  {name}\n" for name in names]
    (dataset / "checksums.sha256").write_text("".join(lines))


def test_what_the_maker_wrote_is_kept_and_asks_for_a_patch(dmlgen, dataset, tmp_path):
    target = tmp_path / "public"
    assert dmlgen("publish", dataset, "--to", target)[0] == 0
    readme = (dataset / "README.md").read_text() + "\nWritten by hand.\n"
    (dataset / "README.md").write_text(readme)
    (dataset / "NOTES.md").write_text("Notes of the maker.\n")
    _checksums(dataset)
    code, _, err = dmlgen("publish", dataset, "--to", target)
    assert code == 2
    assert "1.0.0 is published there, and its card was changed; give --version 1.0.1" in err
    code, _, err = dmlgen("publish", dataset, "--to", target, "--version", "1.0.1")
    assert code == 0
    assert f"what it was is kept in {dataset / '.README.md.before'}" in err
    assert (dataset / ".README.md.before").read_text() == readme
    assert (target / "NOTES.md").read_text() == "Notes of the maker.\n"
    assert not (target / ".README.md.before").exists()
    assert verify(target) == verify(dataset) == []


def test_the_interrupted_first_upload_of_another_dataset_is_not_overwritten(
    dmlgen, dataset, tmp_path, monkeypatch
):
    target, other = tmp_path / "public", shutil.copytree(dataset, tmp_path / "other")
    recipe = open_dataset(str(other)).manifest.recipe
    edit(other, recipe=dict(recipe) | {"name": "another"})
    with monkeypatch.context() as patch:
        fails_at(patch, 3, OSError(28, "No space left"), (LocalFileSystem, "put_file"))
        assert dmlgen("publish", dataset, "--to", target)[0] == 1
    code, _, err = dmlgen("publish", other, "--to", target)
    assert code == 2
    assert "holds another dataset, mini-64 1.0.0" in err
    assert dmlgen("publish", dataset, "--to", target)[0] == 0
    assert contents(target) == contents(dataset)


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
    assert (code, err) == (
        2,
        f"error: --version {version}: has to be three numbers, such as 1.0.0\n",
    )
    assert contents(dataset) == before


def test_a_version_is_in_the_manifest_and_in_the_card(dataset):
    restate(dataset, "2.1.0")
    assert verify(dataset) == []
    assert "mini-64 2.1.0" in (dataset / "README.md").read_text()


def test_who_publishes_is_in_the_card_and_in_the_citation(dmlgen, dataset, tmp_path):
    options = ("--to", tmp_path / "p", "--creator")
    for nobody in ("", "a\nb", "a\n"):
        code, _, err = dmlgen("publish", dataset, *options, nobody)
        assert code == 2
        assert "has to be a name on one line" in err
    assert dmlgen("publish", dataset, *options, "Vision Lab")[0] == 0
    assert verify(tmp_path / "p") == []
    assert "Vision Lab: mini-64, version 1.0.0" in (tmp_path / "p" / "README.md").read_text()
    assert "Vision Lab" in (tmp_path / "p" / "CITATION.cff").read_text()


@pytest.mark.parametrize(
    ("to", "message"),
    [
        ("hf://ada", "has to be of the form hf://owner/name"),
        ("hf://a/b/c", "has to be of the form hf://owner/name"),
        ("nothing://x", "nothing"),
    ],
)
def test_a_place_that_is_none_is_refused(dmlgen, dataset, to, message):
    code, out, err = dmlgen("publish", dataset, "--to", to)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


class Killed(BaseException):
    """Nothing catches it."""


def fails_at(monkeypatch, k, error, *places):
    """Lets the k-th call of any of the functions that `places` names fail; returns all calls."""
    calls = []

    def counted(function):
        def call(*args, **options):
            calls.append(function.__name__)
            if len(calls) == k:
                raise error
            return function(*args, **options)

        return call

    for owner, name in places:
        monkeypatch.setattr(owner, name, counted(getattr(owner, name)))
    return calls


def test_a_dataset_is_valid_wherever_the_change_of_its_version_is_killed(dataset, monkeypatch):
    changes = ((files, "write_atomic"), (Path, "rename"), (Path, "replace"), (Path, "rmdir"))
    versions = []
    for k in range(1, 100):
        version = f"1.0.{k}"
        with monkeypatch.context() as patch:
            calls = fails_at(patch, k, Killed, *changes)
            with suppress(Killed):
                restate(dataset, version)
        assert verify(dataset) == [], f"killed at change {k}"
        versions.append(open_dataset(str(dataset)).manifest.version == version)
        if len(calls) < k:
            break
    assert versions == sorted(versions)
    assert versions.count(True) > 9 < versions.count(False)
    assert not [path for path in dataset.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize(
    "place",
    [
        lambda dataset: dataset,
        lambda dataset: dataset / "public",
        lambda dataset: f"file://{dataset}/a/b",
        lambda dataset: dataset.parent / "link" / "public",
    ],
)
def test_a_place_inside_the_dataset_is_refused_and_the_dataset_stays_valid(dmlgen, dataset, place):
    (dataset.parent / "link").symlink_to(dataset)
    before = contents(dataset)
    code, _, err = dmlgen("publish", dataset, "--to", place(dataset), "--version", "2.0.0")
    assert code == 2
    assert "is inside the dataset; give another folder" in err
    assert contents(dataset) == before


@pytest.mark.parametrize("extra", [[], ["--dry-run"], ["--version", "2.0.0"]])
def test_a_folder_with_files_of_others_is_refused_and_nothing_is_changed(
    dmlgen, dataset, tmp_path, extra
):
    target = tmp_path / "public"
    (target / "pictures").mkdir(parents=True)
    (target / "README.md").write_text("A stranger's.")
    (target / "LICENSE").write_text("A stranger's.")
    before = contents(dataset)
    code, _, err = dmlgen("publish", dataset, "--to", target, *extra)
    assert code == 2
    assert "holds files that are not of this dataset: LICENSE, README.md, pict" in err
    assert (target / "README.md").read_text() == "A stranger's."
    assert {path.name for path in target.iterdir()} == {"README.md", "LICENSE", "pictures"}
    assert contents(dataset) == before


def test_a_bucket_with_files_of_others_is_refused(dmlgen, dataset, s3):
    there = s3fs.S3FileSystem()
    there.pipe_file("datasets/mini/README.md", b"A stranger's.")
    there.pipe_file("datasets/mini/data/1.jpg", b"A stranger's.")
    code, _, err = dmlgen("publish", dataset, "--to", "s3://datasets/mini", "--dry-run")
    assert code == 2
    assert "are not of this dataset: README.md, data; give a new or empty place" in err
    assert there.cat_file("datasets/mini/README.md") == b"A stranger's."


def test_a_repository_with_files_of_others_is_refused(dmlgen, dataset, hub):
    hub.repositories[NAME] = {".gitattributes": b"", "README.md": b"A stranger's."}
    code, _, err = dmlgen("publish", dataset, "--to", f"hf://{NAME}")
    assert code == 2
    assert "are not of this dataset: README.md; give a new or empty place" in err
    assert hub.repositories[NAME]["README.md"] == b"A stranger's."


def test_hidden_files_of_others_stay(dmlgen, dataset, tmp_path):
    target = tmp_path / "public"
    (target / ".git").mkdir(parents=True)
    (target / ".DS_Store").write_bytes(b"")
    assert dmlgen("publish", dataset, "--to", target)[0] == 0
    assert {path.name for path in target.iterdir()} == {*contents(dataset), ".git", ".DS_Store"}


def test_another_dataset_is_not_replaced_whatever_the_version(dmlgen, dataset, tmp_path):
    target = shutil.copytree(dataset, tmp_path / "public")
    recipe = json.loads((target / MANIFEST_FILE).read_text())["recipe"]
    edit(target, name="another-64", recipe=recipe | {"name": "another"})
    code, _, err = dmlgen("publish", dataset, "--to", target, "--version", "2.0.0")
    assert code == 2
    assert "holds another dataset, another-64 1.0.0; give another place" in err


def test_a_dataset_json_that_is_no_datasets_is_not_replaced(dmlgen, dataset, tmp_path):
    target = tmp_path / "public"
    target.mkdir()
    (target / MANIFEST_FILE).write_text('{"title": "A stranger\'s."}')
    code, _, err = dmlgen("publish", dataset, "--to", target)
    assert code == 2
    assert "holds another kind of dataset" in err


@pytest.mark.parametrize("there_before", [False, True])
def test_a_publication_to_a_folder_goes_on_wherever_it_was_interrupted(
    dmlgen, dataset, tmp_path, monkeypatch, there_before
):
    before = tmp_path / "before"
    if there_before:
        assert dmlgen("publish", dataset, "--to", before)[0] == 0
        (before / "test-000001.tar").write_bytes(b"of this version only")
        edit(dataset, description="Another description.", version="1.0.1")
    places = [(LocalFileSystem, name) for name in ("pipe_file", "rm_file", "put_file")]
    for k in range(1, 100):
        target = tmp_path / str(k)
        if there_before:
            shutil.copytree(before, target)
        with monkeypatch.context() as patch:
            made = fails_at(patch, k, OSError(28, "No space left on device"), *places)
            code, _, err = dmlgen("publish", dataset, "--to", target)
        if len(made) < k:
            break
        assert code == 1
        assert re.search(r"/[\w.-]+: cannot be written: No space left on device\n$", err)
        assert dmlgen("publish", dataset, "--to", target)[0] == 0, f"stopped at call {k}"
        assert contents(target) == contents(dataset)
    assert k > 10


def test_after_an_interruption_another_dataset_or_a_lower_version_is_still_refused(
    dmlgen, dataset, tmp_path, monkeypatch
):
    target, other = tmp_path / "public", shutil.copytree(dataset, tmp_path / "other")
    edit(dataset, version="2.0.0")
    assert dmlgen("publish", dataset, "--to", target)[0] == 0
    edit(dataset, version="3.0.0", description="Another description.")
    for _ in range(2):
        with monkeypatch.context() as patch:
            fails_at(patch, 2, OSError(28, "No space left"), (LocalFileSystem, "put_file"))
            assert dmlgen("publish", dataset, "--to", target)[0] == 1
        # As one that stopped in the middle of the manifest.
        (target / MANIFEST_FILE).write_bytes((dataset / MANIFEST_FILE).read_bytes()[:200])
    edit(dataset, version="1.5.0")
    code, _, err = dmlgen("publish", dataset, "--to", target)
    assert code == 2
    assert "2.0.0 is published there" in err
    recipe = open_dataset(str(other)).manifest.recipe
    edit(other, recipe=dict(recipe) | {"name": "another"})
    code, _, err = dmlgen("publish", other, "--to", target)
    assert code == 2
    assert "holds another dataset, mini-64 2.0.0" in err
    edit(dataset, version="3.0.0")
    assert dmlgen("publish", dataset, "--to", target)[0] == 0
    assert contents(target) == contents(dataset)


def test_what_should_be_private_does_not_go_into_a_public_repository(dmlgen, dataset, hub):
    assert dmlgen("publish", dataset, "--to", f"hf://{NAME}")[0] == 0
    edit(dataset, version="2.0.0", description="Not yet for everyone.")
    code, _, err = dmlgen("publish", dataset, "--to", f"hf://{NAME}", "--private")
    assert code == 2
    assert f"--private: hf://{NAME} is there and public" in err
    assert hub.commits == 1


def test_a_file_that_was_put_there_by_half_is_put_there_again(
    dmlgen, dataset, tmp_path, monkeypatch
):
    target = tmp_path / "public"

    def half(self, here, there, **options):
        Path(there).write_bytes(Path(here).read_bytes()[:100])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(LocalFileSystem, "put_file", half)
        assert dmlgen("publish", dataset, "--to", target)[0] == 1
    assert dmlgen("publish", dataset, "--to", target)[0] == 0
    assert contents(target) == contents(dataset)


def test_a_full_disk_under_the_dataset_is_named_with_the_file(
    dmlgen, dataset, tmp_path, monkeypatch
):
    before = contents(dataset)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    code, _, err = dmlgen("publish", dataset, "--to", tmp_path / "p", "--version", "2.0.0")
    assert code == 1
    assert err.splitlines()[-1] == (
        f"error: {dataset}/README.md: version 2.0.0 cannot be written into the dataset: "
        "No space left on device"
    )
    assert contents(dataset) == before


def test_a_dry_run_with_a_version_checks_that_version_and_writes_none(dmlgen, dataset, tmp_path):
    target = tmp_path / "public"
    assert dmlgen("publish", dataset, "--to", target)[0] == 0
    before = contents(dataset)
    arguments = ("publish", dataset, "--to", target, "--dry-run", "--version")
    code, out, _ = dmlgen(*arguments, "1.0.1")
    assert code == 0
    assert "would put README.md" in out
    assert "would put test-000000.tar" not in out
    code, _, err = dmlgen(*arguments, "0.9.0")
    assert code == 2
    assert "give --version 1.0.1" in err
    assert contents(dataset) == before == contents(target)


@pytest.mark.parametrize("to", ["ada/cars", "ada/cars-1.0_x"])
def test_a_name_that_looks_like_one_of_the_hub_is_no_folder(
    dmlgen, dataset, tmp_path, monkeypatch, to
):
    monkeypatch.chdir(tmp_path)
    code, _, err = dmlgen("publish", dataset, "--to", to)
    assert code == 2
    assert f"there is no folder 'ada' here; give hf://{to} for a repository of the Hugging" in err
    assert not (tmp_path / "ada").exists()
    assert dmlgen("publish", dataset, "--to", f"./{to}")[0] == 0
    assert dmlgen("publish", dataset, "--to", to)[0] == 0


def test_an_empty_place_is_refused(dmlgen, dataset):
    code, _, err = dmlgen("publish", dataset, "--to", "")
    assert (code, err) == (2, "error: --to is empty: give hf://owner/name, a folder, or a URL\n")
