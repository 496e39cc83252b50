"""Own cars: their names, and what becomes of files that were cut, renamed or changed by hand."""

import struct

import pytest
from toy_cars import bring, glb_text, toy_car, write_glb

from dmldata.common.errors import InputError
from dmldata.common.files import sha256_of
from dmlgen.carimport.user_car import CarCredit, check_file
from dmlgen.catalog.assets import car_mesh
from dmlgen.catalog.cars import load_car, read_car


@pytest.mark.parametrize("stem", ["машина", "车", "🚗", "Ford машина", "---"])
def test_a_file_named_in_another_script_asks_for_a_name(home, tmp_path, stem):
    file = tmp_path / f"{stem}.obj"
    file.write_bytes(b"v 0 0 0")
    with pytest.raises(
        InputError, match=r"no name can be made of its name; give one .*--name NAME"
    ):
        check_file(file, CarCredit(), False)
    assert check_file(file, CarCredit("mine"), False) == "mine"


def test_accents_are_dropped_and_long_names_are_cut(home, tmp_path):
    for stem, name in (("Škoda Octávia", "Skoda-Octavia"), ("a" * 100, "a" * 63)):
        file = tmp_path / f"{stem}.obj"
        file.write_bytes(b"v 0 0 0")
        assert check_file(file, CarCredit(), False) == name
    for name in ("a" * 64, "a\n", "a/b", "..", "-a"):
        with pytest.raises(InputError, match="has to consist of letters, digits"):
            check_file(file, CarCredit(name), False)


@pytest.fixture
def user_car(home, tmp_path):
    """A user's car that nobody rendered: car.yaml and a GLB."""
    folder = home / "mine"
    folder.mkdir(parents=True)
    write_glb(folder / "mine.glb", toy_car())
    (folder / "car.yaml").write_text(
        "name: mine\ntitle: t\nbody_type: own\nauthor: a\nlicense: CC0-1.0\nlicense_url: u\n"
        "credit: c\nsource: {member: mine.glb, sha256: '0'}\nscale: 1.0\nforward: +X\n"
        "roles: {Lack: paint}\nwheels: []\n"
    )
    return folder


def test_a_cut_missing_or_renamed_own_car_is_named(dmlgen, user_car):
    whole = (user_car / "mine.glb").read_bytes()
    assert car_mesh("mine") == user_car / "mine.glb"
    for content, message in (
        (whole[:-1], "cut short"),
        (b"", "is empty"),
        (b"version https://git-lfs", "is a pointer of Git LFS"),
    ):
        (user_car / "mine.glb").write_bytes(content)
        code, _, err = dmlgen("cars", "show", "mine")
        assert code == 2
        assert f"{user_car / 'mine.glb'}: {message}" in err
    text = glb_text(whole)
    away = text.replace(b'"asset"', b'"images":[{"uri":"/a.png"}],"asset"')
    parts = (b"glTF", struct.pack("<IIII", 2, 20 + len(away), len(away), 0x4E4F534A), away)
    (user_car / "mine.glb").write_bytes(b"".join(parts))
    code, _, err = dmlgen("cars", "show", "mine")
    assert code == 2
    assert "refers to '/a.png'; valid: all in one file" in err
    (user_car / "mine.glb").unlink()
    code, _, err = dmlgen("cars", "show", "mine")
    assert (code, err.count("\n")) == (2, 1)
    assert "mine.glb: no such file; make it again: dmlgen cars import mine --source FILE" in err
    renamed_folder = user_car.rename(user_car.with_name("yours"))
    with pytest.raises(InputError, match=r"car\.yaml: name: 'mine' is not its folder's, 'yours'"):
        load_car("yours")
    assert renamed_folder.is_dir()


def test_one_broken_car_does_not_hide_the_others(dmlgen, user_car):
    for name, text in (("bad", "name: [\n"), ("worse", "name: worse\n")):
        (user_car.parent / name).mkdir()
        (user_car.parent / name / "car.yaml").write_text(text)
    (user_car.parent / "dangling").mkdir()
    (user_car.parent / "dangling" / "car.yaml").symlink_to("nowhere")
    code, out, err = dmlgen("cars", "list")
    assert code == 2
    assert any(line.startswith("mine") for line in out.splitlines())
    assert any(line.startswith("suv") for line in out.splitlines())
    assert f"{user_car.parent / 'bad' / 'car.yaml'}:" in err
    assert "(and 1 more of your cars)" in err


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("member: mine.glb", "member: ../mine.glb", "name a file by its name alone"),
        ("member: mine.glb", "member: /etc/passwd", "name a file by its name alone"),
        ("member: mine.glb", r"member: C:\mine.glb", "name a file by its name alone"),
        ("name: mine", "name: ../../mine", "name: String should match pattern"),
        ("name: mine", "name: " + "m" * 64, "name: String should match pattern"),
        ("scale: 1.0", "scale: .inf", "scale"),
        ("scale: 1.0", "scale: .nan", "scale"),
        ("wheels: []", "wheels: []\nseams: [{points: [[0, 0], [1.0e+30, 0]]}]", "equal to 100"),
        ("wheels: []", "wheels: []\nplates: [{center: [0, 0, -1.0e+9]}]", "equal to -100"),
        ("scale: 1.0", "scale: " + "9" * 5000, "car.yaml"),
        ("scale: 1.0", "scale: 2026-01-01", "scale"),
        ("wheels: []", "wheels: [{pieces: [" + "9" * 5000 + "]}]", "car.yaml"),
        ("Lack: paint", "Lack: ../paint", "unknown role '../paint'"),
        # A credit needs all of these, each on one line.
        ("author: a", "author: ''", "author: String should match pattern"),
        ("title: t", 'title: "a\\nb"', "title: String should match pattern"),
        ("license: CC0-1.0", "license: ''", "license: String should match pattern"),
    ],
)
def test_what_car_yaml_cannot_mean_is_refused_with_its_place(user_car, old, new, message):
    path = user_car / "car.yaml"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(InputError) as refused:
        read_car(user_car)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_scale_that_makes_no_car_is_refused_and_the_glb_stays(dmlgen, user_car):
    path, glb = user_car / "car.yaml", user_car / "mine.glb"
    before, text = glb.read_bytes(), path.read_text()
    for scale, problem in (("1000.0", "makes it 4425"), ("1.0e+300", "Input should be less than")):
        changed = text.replace("scale: 1.0", f"scale: {scale}")
        path.write_text(changed.replace("'0'", f"'{sha256_of(glb)}'"))
        code, _, err = dmlgen("cars", "import", "mine", "--source", glb)
        assert code == 2, err
        assert f"scale: {problem}" in err
    assert glb.read_bytes() == before
    assert {file.name for file in user_car.iterdir()} == {"car.yaml", "mine.glb"}


def test_a_full_disk_names_the_file_and_leaves_nothing(dmlgen, home, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("dmlgen.carimport.importer.shutil.copyfileobj", full)
    code, _, err = bring(dmlgen, write_glb(tmp_path / "mine.glb", toy_car()))
    assert code == 1
    assert "mine.glb: No space left on device" in err
    assert list(home.iterdir()) == []
