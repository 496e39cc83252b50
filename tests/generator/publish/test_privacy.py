"""What tells of the machine that made a dataset is found, in any file; prose and URLs are not."""

import json
import shutil
import struct
import tarfile
import zlib

import pyarrow.parquet as pq
import pytest
from PIL import Image, PngImagePlugin

from dmldata import open_dataset
from dmldata.card.checksums import CHECKSUMS_FILE
from dmldata.common.files import sha256_of
from dmldata.contract.samples import SAMPLES_FILE
from dmlgen.publish.privacy import private_problems
from dmlgen.publish.private_words import private_words

USERS = frozenset({"ada"})
LONG = "0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wX"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from /home/me/cars/x.glb", "the path '/home/me/cars/x.glb'"),
        ("'/home/me/x'", "the path '/home/me/x'"),
        ("(/Users/me/x).", "the path '/Users/me/x'"),
        ("[/home/me/x]", "the path '/home/me/x'"),
        ("<b>/home/me/x</b>", "the path '/home/me/x'"),
        ("](/home/me/x)", "the path '/home/me/x'"),
        ("source:/home/me/x", "the path '/home/me/x'"),
        ("--cars=/mnt/me/x, then", "the path '/mnt/me/x'"),
        ("file:///home/me/x.glb", "the path 'file:///home/me/x.glb'"),
        ("file:/data/x", "the path 'file:/data/x'"),
        ("simplecache::file:///data/x", "the path 'file:///data/x'"),
        ("FILE:///home/me/x", "the path 'FILE:///home/me/x'"),
        ("git+file:///home/me/x.git", "the path 'git+file:///home/me/x.git'"),
        ("sqlite:////home/me/x.db", "the path 'sqlite:////home/me/x.db'"),
        ("zip:///data/x.zip", "the path 'zip:///data/x.zip'"),
        ("//home/me/x", "the path '//home/me/x'"),
        ("~/cars/x.glb", "the path '~/cars/x.glb'"),
        ('"~/cars"', "the path '~/cars'"),
        ("$HOME/cars", "the path '$HOME/cars'"),
        ("C:/Users/me/x.glb", "the path 'C:/Users/me/x.glb'"),
        ("c:/users/me/x", "the path 'c:/users/me/x'"),
        ("`C:\\Users\\me`", "the path 'C:\\Users\\me'"),
        ("D:\\\\cars\\\\x.glb", "the path 'D:\\\\cars\\\\x.glb'"),
        ("\\\\server\\share\\x", "the path '\\\\server\\share\\x'"),
        ("/data/projects/me/x.glb", "the path '/data/projects/me/x.glb'"),
        ("https://a.org/?file=/home/me/x", "the path '/home/me/x'"),
        ("Made by ada.", "the user name 'ada'"),
        ("ada-laptop", "the user name 'ada'"),
        (f"hf_{LONG}", "a token or key that begins with 'hf_0'"),
        ("AKIAIOSFODNN7EXAMPLE", "a token or key that begins with 'AKIA'"),
        (f"ghp_{LONG}", "a token or key that begins with 'ghp_'"),
        (f"github_pat_{LONG}", "a token or key that begins with 'gith'"),
        (f"sk-ant-{LONG}", "a token or key that begins with 'sk-a'"),
        (f"xoxb-{LONG}", "a token or key that begins with 'xoxb'"),
        (f"token=eyJ{LONG}.eyJ{LONG}.{LONG}", "a token or key that begins with 'eyJ0'"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "a token or key that begins with '----'"),
        (f'aws_secret_access_key = "{LONG}"', "a value of 'aws_secret_access_key'"),
        (f"api-key: {LONG}", "a value of 'api-key'"),
        ("s3://me:secret@host/x", "a URL of 'host' with a password"),
        ("(https://:secret@host.org)", "a URL of 'host.org' with a password"),
        ("https://host.org/x?a=1&token=abc", "a URL of 'host.org' with a token"),
        ("https://b.s3.org/x?X-Amz-Signature=abc", "a URL of 'b.s3.org' with a token"),
    ],
)
def test_what_tells_of_a_machine_is_found_once_and_secrets_are_not_repeated(text, found):
    assert list(private_words(text, USERS)) == [found]


@pytest.mark.parametrize(
    "text",
    [
        "a /data/set of cars",
        "train/val/test, and/or, 1/2, w/o",
        "https://example.org/home/ada/cars, hf://owner/name@main",
        "https://example.org/~me/x",
        "s3://bucket/home/cars/x",
        "./home/x ../home/x datasets/home/x",
        "ada_boost, Ada, adaptive",
        "~5/10 of the images, ~half",
        "/dev/null and /usr/bin/env",
        "the ratio A:B, 16:9, C: the third",
        "</td></tr> <br/>",
        "hf_hub_download(hf_token)",
        "task-0123456789012345678901",
        "sk-learn, sk-image",
        "token: the label of a word; password: none",
        "https://host.org:8080/@scope/x?key=value",
        "git+ssh://git@github.com/owner/name",
        "3f786850e387550fdab836ed7e6dc881de23001b",
        "a line\nwith: \\n and \\\\ in it",
    ],
)
def test_prose_and_public_addresses_are_left_alone(text):
    assert list(private_words(text, USERS)) == []


def test_a_path_of_this_machine_is_found_wherever_it_is(tmp_path):
    (tmp_path / "x").touch()
    assert list(private_words(f"from {tmp_path}/x")) == [f"the path '{tmp_path}/x'"]


def found_in(dataset):
    return [f"{problem.file}: {problem.what}" for problem in private_problems(dataset)]


@pytest.mark.parametrize("user", ["car", "white", "image", "Ruff"])
def test_a_user_whose_name_is_a_word_of_the_card_or_a_credited_author_is_no_finding(
    dataset, monkeypatch, user
):
    monkeypatch.setenv("LOGNAME", user)
    monkeypatch.setenv("HOME", f"/nowhere/{user}")
    assert found_in(dataset) == []


def list_in_checksums(dataset, name):
    with (dataset / CHECKSUMS_FILE).open("a") as file:
        file.write(f"{sha256_of(dataset / name)}  {name}\n")


@pytest.mark.parametrize(
    ("name", "data", "where"),
    [
        ("notes.txt", b"\nsee /home/me/x\n", "line 2"),
        ("train.log", b"\n" + bytes(range(128, 256)) + b" /home/me/x\n", "line 2"),
        ("odd.json", b'{\n"a": "\\/home\\/me\\/x"}', "a text"),
        ("broken.json", b'{\n"a": "/home/me/x"', "line 2"),
        ("broken.png", b"\n/home/me/x", "line 2"),
        ("cut.png", b"\x89PNG\r\n\x1a\n/home/me/x", "line 3"),
        ("broken.parquet", b"\n/home/me/x", "line 2"),
    ],
)
def test_files_beside_the_dataset_are_read_as_well(dataset, name, data, where):
    (dataset / name).write_bytes(data)
    list_in_checksums(dataset, name)
    (problem,) = found_in(dataset)
    assert problem.startswith(f"{name}: {where}: the path '/home/me/x'")


def test_a_link_among_the_files_is_found_and_nothing_of_it_is_published(dmlgen, dataset, tmp_path):
    (tmp_path / "diary.txt").write_text("Nobody's business.")
    (dataset / "notes.txt").symlink_to(tmp_path / "diary.txt")
    list_in_checksums(dataset, "notes.txt")
    code, out, _ = dmlgen("publish", dataset, "--to", tmp_path / "public")
    assert code == 1
    assert "notes.txt: a link to a file that is not part of the dataset; remove it" in out
    assert not (tmp_path / "public").exists()


def test_a_dataset_whose_own_files_are_links_is_read_through_them(dataset, tmp_path):
    (dataset / "README.md").rename(tmp_path / "blob")
    (dataset / "README.md").symlink_to(tmp_path / "blob")
    assert found_in(dataset) == []


def test_fields_of_json_are_named(dataset):
    document = json.loads((dataset / "dataset.json").read_text())
    document["engine"]["home"] = "/home/me/blender"
    document["credits"][1]["source"] = f"hf_{LONG}"
    (dataset / "dataset.json").write_text(json.dumps(document, indent=2))
    first, second = found_in(dataset)
    assert first.startswith("dataset.json: line ")
    assert first.endswith(": a token or key that begins with 'hf_0' in credits[1].source")
    assert second.endswith(": the path '/home/me/blender' in engine.home")


def test_metadata_of_parquet_are_read(dataset):
    table = open_dataset(str(dataset)).samples
    field = table.schema.field("key").with_metadata({"made": "~/cars/x"})
    schema = table.schema.set(0, field).with_metadata({"pandas": '{"path": "/home/me/x"}'})
    file = dataset / SAMPLES_FILE
    pq.write_table(table.cast(schema), file)
    document = json.loads((dataset / "dataset.json").read_text())
    document["samples"] = {"bytes": file.stat().st_size, "sha256": sha256_of(file)}
    (dataset / "dataset.json").write_text(json.dumps(document))
    assert found_in(dataset) == [
        "samples.parquet: metadata of file: the path '/home/me/x' in pandas",
        "samples.parquet: metadata of key: the path '~/cars/x' in made",
    ]


def png(path, *, behind=False):
    """A picture with a text, in front of the pixels or behind them."""
    info = PngImagePlugin.PngInfo()
    if not behind:
        info.add_text("Comment", "made in /home/me/x", zip=True)
    Image.new("RGB", (8, 8)).save(path, pnginfo=info)
    if behind:
        data = path.read_bytes()
        body = b"tEXtComment\0made in /home/me/x"
        chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
        path.write_bytes(data[:-12] + chunk + data[-12:])


def jpeg(path, **options):
    Image.new("RGB", (8, 8)).save(path, "JPEG", **options)


def exif(tag, value):
    made = Image.Exif()
    made[tag] = value
    return made


@pytest.mark.parametrize(
    ("name", "write", "where"),
    [
        ("a.png", png, "'Comment'"),
        ("a.png", lambda path: png(path, behind=True), "'Comment'"),
        ("a.jpg", lambda path: jpeg(path, comment="in /home/me/x"), "'COM'"),
        ("a.jpg", lambda path: jpeg(path, xmp=b"<x>/home/me/x</x>"), "'APP1'"),
        ("a.jpg", lambda path: jpeg(path, exif=exif(0x0131, "/home/me/x")), "EXIF Software"),
        (
            "a.jpg",
            lambda path: jpeg(path, exif=exif(0x9C9C, "/home/me/x".encode("utf-16-le"))),
            "EXIF XPComment",
        ),
    ],
)
def test_metadata_of_pictures_are_read_beside_the_dataset_and_in_shards(
    dataset, tmp_path, name, write, where
):
    write(dataset / name)
    (problem,) = found_in(dataset)
    assert problem == f"{name}: {where}: the path '/home/me/x'"

    shard = dataset / "test-000000.tar"
    shutil.copyfile(dataset / name, tmp_path / name)
    (dataset / name).unlink()
    with tarfile.open(shard, "w", format=tarfile.USTAR_FORMAT) as tar:
        tar.add(tmp_path / name, f"key.{name[2:]}", filter=anonymous)
    assert found_in(dataset) == [f"test-000000.tar: key.{name[2:]}, {where}: the path '/home/me/x'"]


def anonymous(member):
    member.uname = member.gname = ""
    return member


def test_the_owner_of_a_member_of_a_shard_is_read(dataset, tmp_path, monkeypatch):
    monkeypatch.setenv("LOGNAME", "grace")

    def owned(member):
        member.uname = "grace"
        return member

    png(tmp_path / "a.png", behind=True)
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    with tarfile.open(dataset / "test-000000.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
        tar.add(tmp_path / "a.png", "key.png", filter=owned)
    assert found_in(dataset) == ["test-000000.tar: key.png, owner: the user name 'grace'"]
