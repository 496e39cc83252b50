"""Renders that are disturbed: real Blender, real kills; the dataset is the undisturbed one's."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from dmldata import open_dataset
from dmldata.common.errors import InputError, PrismError
from dmldata.verify import verify
from dmlgen.rendering.executor import Died, Rendered
from dmlgen.rendering.job import STAGING, held, slices_in, staging_of
from dmlgen.rendering.local import LocalExecutor, has_gpu
from dmlgen.rendering.monitor import STATUS_FILE
from dmlgen.rendering.run import local_workers, merge, render, render_slice
from dmlgen.rendering.store import FrameStore
from dmlgen.rendering.units import Slice

COMMAND = [
    *(sys.executable, "-c", "from dmlgen.cli.main import main; main()"),
    *("render", "paper", "--factor", "color", "--scenes", "2", "--variants", "3"),
    *("--seed", "7", "--size", "64", "--preset", "draft", "--device", "cpu"),
]


def contents(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def started(out, *options, workers=1):
    return subprocess.Popen(
        [*COMMAND, "--workers", str(workers), "--out", str(out), *options],
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # What a shell runs in the background ignores Ctrl-C, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def frames_in(out):
    return len(FrameStore(out / STAGING))


def wait_until(condition, process):
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)


def test_killed_with_all_its_processes_it_goes_on_to_identical_bytes(
    color_sweep, plan, engine, tmp_path
):
    out = tmp_path / "out"
    process = started(out)
    wait_until(lambda: frames_in(out) >= 2, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (out / "dataset.json").exists()
    finished = frames_in(out)
    seen = []
    render(plan, engine, out, on_progress=lambda progress: seen.append(progress.done))
    assert seen[0] == finished
    assert contents(out) == contents(color_sweep)


def test_workers_end_when_the_command_is_killed_alone(tmp_path):
    out = tmp_path / "out"
    process = started(out, workers=2)
    wait_until(lambda: frames_in(out) >= 1, process)
    workers = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(workers, timeout=60)
    assert alive == []


def test_killed_workers_are_replaced_and_nothing_is_missing(color_sweep, tmp_path):
    out, luck = tmp_path / "out", random.Random(1)
    process = started(out, workers=2)
    for frames in (1, 3):
        wait_until(lambda least=frames: frames_in(out) >= least, process)
        children = psutil.Process(process.pid).children()
        blenders = [p for p in children if p.memory_info().rss > 10**8]
        luck.choice(blenders or children).kill()
    said, error = process.communicate(timeout=300)
    assert process.returncode == 0, error
    assert "6 images" in said
    assert contents(out) == contents(color_sweep)


def test_ctrl_c_says_how_to_go_on_and_leaves_no_process(tmp_path):
    out = tmp_path / "out"
    process = started(out, workers=2)
    wait_until(lambda: frames_in(out) >= 1, process)
    workers = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "run the same command again to resume" in error
    assert psutil.wait_procs(workers, timeout=60)[1] == []
    assert frames_in(out) >= 1


def test_a_second_run_on_the_same_folder_says_who_holds_it(plan, engine, tmp_path):
    out = tmp_path / "out"
    process = started(out)
    wait_until(lambda: frames_in(out) >= 1 and (out / STAGING / STATUS_FILE).is_file(), process)
    # Six small pictures are done in less time than another process takes to ask.
    os.killpg(process.pid, signal.SIGSTOP)
    with pytest.raises(InputError, match=rf"is being rendered by process {process.pid} on"):
        render(plan, engine, out)
    said = subprocess.run(
        [*COMMAND[:3], "status", str(out), "--json"], capture_output=True, text=True, check=True
    )
    (state,) = json.loads(said.stdout)
    assert state["running"]
    assert state["total"] == 6
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.parametrize(("workers", "threads"), [(1, 1), (1, 2), (2, 1)])
def test_number_of_workers_and_threads_changes_no_byte(
    color_sweep, plan, engine, tmp_path, workers, threads
):
    render(plan, engine, tmp_path / "out", executor=local_workers(engine, workers, threads))
    assert contents(tmp_path / "out") == contents(color_sweep)


def test_slices_merge_into_the_dataset_of_one_render(color_sweep, plan, engine, tmp_path):
    out = tmp_path / "out"
    render_slice(plan, engine, out, Slice(2, 2))
    with pytest.raises(InputError, match="3 of 6 images are in none of the 1 slices"):
        merge([out], out)
    with pytest.raises(InputError, match="holds slices; join them with: dmlgen merge"):
        render(plan, engine, out)
    render_slice(plan, engine, out, Slice(1, 2))
    busy = pytest.raises(InputError, match="is being rendered by process")
    with held(tmp_path / "elsewhere", None), busy:
        merge([out], tmp_path / "elsewhere")
    before = merge([out], tmp_path / "elsewhere")
    assert len(slices_in(out)) == 2
    # As a merge that was killed before it took the slices away.
    assert merge([out], tmp_path / "elsewhere").fingerprint == before.fingerprint
    # Elsewhere the second slice could not be rendered.
    failed = staging_of(tmp_path / "failed", Slice(2, 2))
    failed.mkdir(parents=True)
    for file in ("job.json", "set_aside.json"):
        shutil.copy(staging_of(out, Slice(2, 2)) / file, failed)
    lost = dict.fromkeys((image.key for image in plan.images[3:]), "it broke")
    (failed / "set_aside.json").write_text(json.dumps(lost))
    assert merge([failed.parent, out], tmp_path / "both").set_aside == ()
    # As a merge that was killed while it took the slices away.
    killed = shutil.copytree(out, tmp_path / "killed")
    shutil.copytree(tmp_path / "elsewhere", killed, dirs_exist_ok=True)
    for pack in staging_of(killed, Slice(1, 2)).glob("*.tar"):
        pack.unlink()
    assert merge([killed], killed).fingerprint == before.fingerprint
    assert contents(killed) == contents(tmp_path / "elsewhere")
    merge([out], out)
    assert contents(out) == contents(tmp_path / "elsewhere") == contents(color_sweep)
    assert contents(tmp_path / "both") == contents(color_sweep)


def test_slices_of_different_datasets_are_not_merged(plan, engine, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    for out, size in ((first, 64), (second, 32)):
        small = replace(engine, size=size)
        render_slice(plan, small, out, Slice(1, 6))
    with pytest.raises(
        InputError, match=r"no slice of the dataset of .* engine\.height was 64, is"
    ):
        merge([first, second], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_named_twice_counts_once_and_a_size_can_be_written_in_two_ways(
    color_sweep, plan, engine, tmp_path
):
    first, second = tmp_path / "first", tmp_path / "second"
    render_slice(plan, engine, first, Slice(1, 2))
    render_slice(plan, replace(engine, size=(64, 64)), second, Slice(2, 2))
    merge([first, second, first / ".." / "first"], tmp_path / "out")
    assert contents(tmp_path / "out") == contents(color_sweep)


def test_a_slice_that_is_not_finished_is_not_merged(plan, engine, tmp_path):
    def stop(progress):
        if progress.frame is not None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render_slice(plan, engine, tmp_path, Slice(1, 2), on_progress=stop)
    assert staging_of(tmp_path, Slice(1, 2)).is_dir()
    with pytest.raises(InputError, match="is not finished"):
        merge([tmp_path], tmp_path)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--workers", 0), "--workers 0: has to be 1 to"),
        (("--executor", "ray", "--address", "127.0.0.1:1"), "no Ray cluster answers there"),
        (("--device", "cuda"), "no such GPU here; valid: auto, cpu"),
    ],
)
@pytest.mark.parametrize("part", [(), ("--slice", "1/2")])
def test_a_failed_option_leaves_nothing_and_the_corrected_command_is_not_locked_out(
    dmlgen, tmp_path, options, says, part
):
    if "cuda" in options and has_gpu():
        pytest.skip("there is a GPU here")
    out = tmp_path / "new" / "out"
    asked = ("mini", "--count", 1, "--size", 32, "--preset", "draft", *part, "--out", out)
    code, _, err = dmlgen("render", *asked, *options)
    assert code == 2
    assert says in err
    assert list(tmp_path.iterdir()) == []


def test_a_staging_folder_without_a_job_is_nobodys(dmlgen, plan, engine, tmp_path):
    out = tmp_path / "out"
    for folder in (staging_of(out, None), staging_of(out, Slice(1, 2))):
        folder.mkdir(parents=True)
        for name in ("lock", "holder.json", STATUS_FILE, "frames-000000.tar"):
            (folder / name).write_text("left by a command that was killed")
    (out / ".DS_Store").touch()
    (out / "Thumbs.db").touch()
    assert "no render there" in dmlgen("status", out)[2]
    assert "no slices there" in dmlgen("merge", out)[2]
    one = replace(plan, images=plan.images[:1])
    assert render(one, engine, out).images == 1
    assert not staging_of(out, None).exists()


@pytest.mark.parametrize("text", ["", "{}", "[]", "[" * 9999, "9" * 5000, '{"identity": {}}'])
def test_a_job_that_no_render_wrote_is_refused_and_not_touched(dmlgen, tmp_path, text):
    for name in (".render", ".slice-000001-of-000001"):
        folder = tmp_path / name / name
        folder.mkdir(parents=True)
        for file in ("job.json", "status.json", "holder.json"):
            (folder / file).write_text(text)
        (folder / "set_aside.json").write_text("{}")
        before = contents(folder)
        small = ("--count", 1, "--size", 32, "--preset", "draft", "--device", "cpu")
        part = () if name == ".render" else ("--slice", "1/1")
        for words in (
            ("render", "mini", *small, *part, "--out", tmp_path / name),
            ("status", tmp_path / name),
            ("merge", tmp_path / name),
        ):
            code, _, err = dmlgen(*words)
            assert code == 2
            assert "unexpected" not in err
        assert before["job.json"] == (folder / "job.json").read_bytes()


def test_slices_that_are_being_loaded_keep_their_folder(plan, engine, tmp_path):
    with held(tmp_path, Slice(1, 2)):
        with pytest.raises(InputError, match="holds slices; join them with: dmlgen merge"):
            render(plan, engine, tmp_path)
        with pytest.raises(InputError, match="is not finished"):
            merge([tmp_path], tmp_path)
    with held(tmp_path, None), pytest.raises(InputError, match=r"it holds \.render"):
        render_slice(plan, engine, tmp_path, Slice(1, 2))
    assert list(tmp_path.iterdir()) == []


class Breaking(LocalExecutor):
    """Workers that die where certain rows should come from."""

    def __init__(self, deadly, *arguments):
        super().__init__(*arguments)
        self.deadly = deadly

    def wait(self, seconds):
        return [
            Died(event.worker, "it broke")
            if isinstance(event, Rendered) and event.frame.key in self.deadly
            else event
            for event in super().wait(seconds)
        ]


def test_a_row_that_breaks_two_workers_is_left_out_and_named(plan, engine, tmp_path):
    out = tmp_path / "out"
    manifest = render(
        plan, engine, out, executor=lambda n, logs: Breaking({"000003"}, engine, 1, 2, logs)
    )
    assert manifest.images == 5
    assert [(image.key, image.why) for image in manifest.set_aside] == [("000003", "it broke")]
    assert verify(str(out)) == []
    assert "000003" not in open_dataset(str(out)).samples["key"].to_pylist()


def test_where_no_row_is_left_the_render_ends_with_the_reason(plan, engine, tmp_path):
    one = replace(plan, images=plan.images[:1])
    (image,) = one.images
    with pytest.raises(PrismError, match="no picture could be rendered: it broke"):
        render(
            one,
            engine,
            tmp_path / "out",
            executor=lambda n, logs: Breaking({image.key}, engine, 1, 2, logs),
        )
    assert not (tmp_path / "out" / "dataset.json").exists()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own with room for a few frames."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", str(folder)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("no right to mount a file system here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def remount(folder, options):
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


def test_a_full_disk_is_said_and_the_render_goes_on_once_there_is_room(color_sweep, small_disk):
    out = small_disk / "out"
    process = started(out, workers=2)
    _, error = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "No space left on device" in error
    assert len(error.strip().splitlines()[-1]) < 400
    remount(small_disk, "size=50m")
    process = started(out)
    _, error = process.communicate(timeout=300)
    assert process.returncode == 0, error
    assert contents(out) == contents(color_sweep)


def test_a_disk_that_is_full_at_the_start_is_named_and_nothing_stays_on_it(small_disk):
    out = small_disk / "out"
    with pytest.raises(OSError, match="No space left"):
        (small_disk / "filler").write_bytes(bytes(10**6))
    process = started(out)
    _, error = process.communicate(timeout=300)
    assert process.returncode == 1
    assert f"{out}: cannot be written: No space left on device" in error
    assert [path.name for path in small_disk.iterdir()] == ["filler"]


@pytest.mark.parametrize("state", ["full", "read-only"])
def test_every_command_that_writes_names_the_file_that_a_disk_has_no_room_for(
    dmlgen, own_copy, small_disk, state
):
    if state == "full":
        with pytest.raises(OSError, match="No space left"):
            (small_disk / "filler").write_bytes(bytes(10**6))
    else:
        remount(small_disk, "ro")
    before = list(small_disk.iterdir())
    reason = {"full": "No space left on device", "read-only": "Read-only file system"}[state]
    for words, name in (
        (("plan", "mini"), "plan.parquet"),
        (("preview", own_copy), "sheet.png"),
        (("gallery", own_copy), "gallery"),
        (("cars", "show", "smart-car", "--size", 32, "--device", "cpu"), "car.png"),
    ):
        code, _, err = dmlgen(*words, "--out", small_disk / name)
        assert code == 1
        assert err == f"error: {small_disk / name}: {reason}\n"
        assert list(small_disk.iterdir()) == before


def test_without_room_for_temporary_files_no_image_is_given_up(small_disk, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(small_disk))
    out = tmp_path / "out"
    process = started(out)
    _, error = process.communicate(timeout=300)
    assert process.returncode == 1
    assert f"{small_disk}: 0.1 MB are left for temporary files, and rendering needs 32" in error
    assert not out.exists()
    remount(small_disk, "size=32100k")
    process = started(out)
    wait_until(lambda: frames_in(out) >= 1, process)
    with pytest.raises(OSError, match="No space left"):
        (small_disk / "filler").write_bytes(bytes(4 * 10**7))
    _, error = process.communicate(timeout=300)
    assert process.returncode in (0, 1), error
    if process.returncode:
        assert "MB are left for temporary files" in error
        (small_disk / "filler").unlink()
        process = started(out)
        _, error = process.communicate(timeout=300)
        assert process.returncode == 0, error
    assert open_dataset(str(out)).manifest.set_aside == ()


def test_an_output_that_cannot_be_written_is_named(small_disk):
    remount(small_disk, "ro")
    process = started(small_disk / "out")
    _, error = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "cannot be written: Read-only file system" in error
