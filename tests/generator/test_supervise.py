"""The supervisor, with workers that fail on purpose: nothing is lost, nothing is done twice."""

from collections import Counter, deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmldata.common.errors import InputError, PrismError
from dmlgen.planning.images import PlannedImage
from dmlgen.rendering.executor import Died, Refused, Rendered
from dmlgen.rendering.frames import Frame
from dmlgen.rendering.supervise import Limits, Supervisor
from dmlgen.rendering.units import cut


class Workers:
    """An executor whose workers do one row per `wait`, in an order drawn from `luck`.

    deadly: keys of rows that end the worker at them. deaths: numbers of waits in which some worker
    dies of something else. stuck: keys at which a worker does nothing the first time. lost: workers
    that die do so without a word.
    """

    def __init__(self, slots=2, deadly=(), deaths=(), stuck=(), memory=0, luck=None, *, lost=False):
        self._slots, self.deadly, self.deaths, self.memory = slots, deadly, deaths, memory
        self.stuck, self.lost = set(stuck), lost
        self.luck = luck or (lambda names: names[0])
        self.held = {}
        self.started = self.turns = 0
        self.open = True

    def slots(self):
        return self._slots

    def start(self):
        self.started += 1
        self.held[self.started] = deque()
        return self.started

    def submit(self, worker, image):
        self.held[worker].append(image.key)

    def wait(self, seconds):
        self.turns += 1
        busy = [w for w, rows in self.held.items() if rows and rows[0] not in self.stuck]
        if not busy:
            return []
        worker = self.luck(busy)
        key = self.held[worker][0]
        if key in self.deadly or self.turns in self.deaths:
            return [Died(worker, f"died at {key}", self.lost)]
        self.held[worker].popleft()
        return [Rendered(worker, Frame(key, {}, {}), self.memory)]

    def stop(self, worker):
        rows = self.held.pop(worker)
        self.stuck -= set(rows)

    def close(self):
        self.open = False


def rows(count):
    return [PlannedImage(f"{i:03d}", "test", i, 0, 0, {}) for i in range(count)]


def rendered_by(workers, count, limits=None):
    """How often each row arrived, what was set aside, and the supervisor."""
    seen = Counter()
    supervisor = Supervisor(workers, limits or Limits(), lambda frame: seen.update([frame.key]))
    set_aside = supervisor.run(cut(rows(count), workers.slots()))
    return seen, set_aside, supervisor


@given(
    count=st.integers(1, 40),
    slots=st.integers(1, 4),
    deaths=st.sets(st.integers(1, 60), max_size=3),
    data=st.data(),
)
def test_every_row_arrives_once_whoever_dies_when(count, slots, deaths, data):
    # The same row is never hit twice: `deaths` counts waits, and rows go on after a death.
    luck = lambda names: data.draw(st.sampled_from(names))  # noqa: E731
    workers = Workers(slots, deaths=deaths, luck=luck)
    try:
        seen, set_aside, _ = rendered_by(workers, count)
    except PrismError:
        assert len(deaths) > 2
        return
    assert set(seen) | set(set_aside) == {row.key for row in rows(count)}
    assert not set(seen) & set(set_aside)
    assert all(times == 1 for times in seen.values())
    assert not workers.held


def test_a_row_that_ends_two_workers_is_set_aside_and_the_others_are_rendered():
    workers = Workers(deadly={"004"})
    seen, set_aside, supervisor = rendered_by(workers, 12)
    assert set_aside == {"004": "died at 004"}
    assert set(seen) == {row.key for row in rows(12)} - {"004"}
    assert len(supervisor.replaced) == 2


def test_a_row_that_ends_one_worker_is_rendered_by_another():
    seen, set_aside, supervisor = rendered_by(Workers(slots=1, deaths={3}), 6)
    assert (len(seen), set_aside, len(supervisor.replaced)) == (6, {}, 1)


def test_a_row_is_not_blamed_for_workers_that_are_lost_with_their_machine():
    workers = Workers(slots=1, deaths={2, 3, 4, 5, 6}, lost=True)
    seen, set_aside, supervisor = rendered_by(workers, 6)
    assert (len(seen), set_aside, len(supervisor.replaced)) == (6, {}, 5)


def test_a_row_at_which_workers_are_lost_again_and_again_is_set_aside():
    seen, set_aside, supervisor = rendered_by(Workers(deadly={"004"}, lost=True), 12)
    assert set_aside == {"004": "died at 004"}
    assert (len(seen), len(supervisor.replaced)) == (11, 6)


def test_a_worker_that_hangs_is_replaced_and_its_rows_go_to_others():
    limits = Limits(starting=0.05, least=0.05, medians=1.0)
    seen, set_aside, supervisor = rendered_by(Workers(slots=2, stuck={"002"}), 8, limits)
    assert set(seen) == {row.key for row in rows(8)}
    assert set_aside == {}
    assert any("no picture in" in why for why in supervisor.replaced)


def test_workers_are_recycled_after_a_number_of_frames():
    workers = Workers(slots=1)
    seen, _, supervisor = rendered_by(workers, 10, Limits(frames=4))
    assert (len(seen), workers.started, supervisor.replaced) == (10, 3, [])


def test_a_worker_that_has_grown_too_large_is_replaced():
    workers = Workers(slots=1, memory=3 * 10**9)
    seen, _, _ = rendered_by(workers, 6, Limits(memory=2 * 10**9))
    assert len(seen) == 6
    assert workers.started == 3


@pytest.mark.parametrize("limits", [Limits(memory=-1), Limits(frames=0), Limits(frames=-5)])
def test_limits_that_no_worker_can_keep_do_not_keep_the_run_from_its_end(limits):
    seen, set_aside, _ = rendered_by(Workers(memory=10**9), 7, limits)
    assert len(seen) == 7
    assert set(seen.values()) == {1}
    assert not set_aside


def test_where_there_is_never_room_for_a_worker_the_run_ends_and_says_so():
    supervisor = Supervisor(Workers(slots=0), Limits(starting=0.01), lambda frame: None)
    with pytest.raises(PrismError, match="no room for a worker in 0 seconds; finished images are"):
        supervisor.run(cut(rows(3), 1))


def test_where_no_worker_ever_renders_anything_the_run_ends_with_the_reason():
    keys = {row.key for row in rows(50)}
    workers = Workers(deadly=keys)
    with pytest.raises(PrismError, match="no picture could be rendered: died at"):
        rendered_by(workers, 50)
    assert not workers.open


@pytest.mark.parametrize("rendered", [3, 38])
@pytest.mark.parametrize("slots", [1, 3])
def test_a_machine_that_fails_ends_the_run_before_it_gives_up_what_is_left(rendered, slots):
    """Otherwise what was rendered would count as the whole dataset."""
    workers = Workers(slots=slots, deaths=range(rendered + 1, 10_000))
    with pytest.raises(PrismError, match="can be rendered any more, not even one that was: died"):
        rendered_by(workers, 40)
    assert not workers.open


@pytest.mark.parametrize("deadly", [range(0, 60, 3), range(20, 45), range(40, 60)])
@pytest.mark.parametrize("slots", [1, 3])
def test_rows_that_fail_are_set_aside_however_many_and_each_other_row_arrives_once(deadly, slots):
    keys = {rows(60)[number].key for number in deadly}
    seen, set_aside, _ = rendered_by(Workers(slots, keys), 60)
    assert set_aside.keys() == keys
    assert set(seen) == {row.key for row in rows(60)} - keys
    assert set(seen.values()) == {1}


def test_where_only_rows_that_fail_are_left_a_row_of_before_tells_that_it_is_these():
    """As when a render is resumed: nothing has been rendered in this run."""
    deadly = {row.key for row in rows(5)}
    known = rows(6)[5]
    seen = Counter()
    supervisor = Supervisor(
        Workers(1, deadly), Limits(), lambda frame: seen.update([frame.key]), known
    )
    assert supervisor.run(cut(rows(5), 1)).keys() == deadly
    assert not seen


def test_what_no_worker_can_do_ends_the_run_at_once():
    class Picky(Workers):
        def wait(self, seconds):
            return [Refused(1, InputError("--device optix: no such GPU here"))]

    with pytest.raises(InputError, match="no such GPU"):
        rendered_by(Picky(), 5)


def test_a_worker_without_rows_takes_half_of_anothers():
    done = Counter()

    class Counting(Workers):
        def wait(self, seconds):
            events = super().wait(seconds)
            done.update(event.worker for event in events)
            return events

    turn = iter(range(100))
    workers = Counting(slots=2, luck=lambda names: names[next(turn) % len(names)])
    first, *others = rows(11)
    Supervisor(workers, Limits(), lambda frame: None).run([(first,), tuple(others)])
    assert workers.started == 2
    assert min(done.values()) >= 5
