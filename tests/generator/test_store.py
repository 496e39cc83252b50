"""The store of frames: what was whole when its process was killed is there for the next one."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dmldata.common.errors import PrismError
from dmlgen.rendering.frames import Frame
from dmlgen.rendering.store import FrameStore


def frame(number, size=10):
    data = bytes([number]) * size
    return Frame(
        f"{number:06d}",
        {"jpg": b"jpg" + data, "mask.png": b"mask" + data},
        {"car_area": number / 10},
    )


def filled(folder, count=3):
    store = FrameStore(folder)
    for number in range(count):
        store.add(frame(number))
    store.close()
    return store


def only_pack(folder):
    (pack,) = folder.glob("frames-*.tar")
    return pack


def test_frames_come_back_as_they_were(tmp_path):
    filled(tmp_path)
    store = FrameStore(tmp_path)
    assert store.keys() == {"000000", "000001", "000002"}
    assert store.files("000002") == frame(2).files
    assert store.measured("000002") == {"car_area": 0.2}


def test_frames_are_there_for_others_before_the_store_is_closed(tmp_path):
    store = FrameStore(tmp_path)
    store.add(frame(1))
    assert FrameStore(tmp_path).files("000001") == frame(1).files


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(cut=st.integers(0, 9000))
def test_a_pack_cut_off_anywhere_keeps_the_frames_before_the_cut(tmp_path_factory, cut):
    folder = tmp_path_factory.mktemp("store")
    whole = filled(folder)
    pack = only_pack(folder)
    data = pack.read_bytes()
    pack.write_bytes(data[:cut])
    ends = [whole.bytes_of("000000") * (n + 1) for n in range(3)]
    store = FrameStore(folder)
    assert len(store) == sum(end <= cut for end in ends)
    store.add(frame(7))
    assert len(FrameStore(folder)) == len(store)


def test_a_frame_with_a_changed_byte_counts_as_not_rendered(tmp_path):
    filled(tmp_path)
    pack = only_pack(tmp_path)
    data = bytearray(pack.read_bytes())
    data[data.index(b"jpg\x02")] ^= 1
    pack.write_bytes(data)
    assert FrameStore(tmp_path).keys() == {"000000", "000001"}


def test_a_frame_damaged_since_is_named_with_its_file(tmp_path):
    filled(tmp_path)
    store = FrameStore(tmp_path)
    only_pack(tmp_path).write_bytes(b"")
    with pytest.raises(PrismError, match=r"frames-000000\.tar: frame '000001' is damaged"):
        store.files("000001")
