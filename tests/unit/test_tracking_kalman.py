"""The filter of boxes, against the usual one with matrices and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unseen.tracking import kalman
from unseen.tracking.kalman import BoxFilter, to_centers, to_edges


def matrices(sights: list[np.ndarray], elapsed: float) -> tuple[np.ndarray, np.ndarray]:
    """Return place and speed by the textbook's 8 x 8 filter."""
    z = to_centers(sights[0])[0]
    size = np.tile(z[2:], 2)
    x = np.concatenate([z, np.zeros(4)])
    P = np.diag(np.concatenate([(kalman._MEASURED * size) ** 2, (kalman._FIRST_SPEED * size) ** 2]))
    F = np.block([[np.eye(4), elapsed * np.eye(4)], [np.zeros((4, 4)), np.eye(4)]])
    H = np.eye(4, 8)
    for sight in sights[1:]:
        q = np.diag((kalman._ACCELERATION * np.tile(x[2:4], 2)) ** 2)
        Q = np.block([[q * elapsed**3 / 3, q * elapsed**2 / 2], [q * elapsed**2 / 2, q * elapsed]])
        x, P = F @ x, F @ P @ F.T + Q
        z = to_centers(sight)[0]
        R = np.diag((kalman._MEASURED * np.tile(z[2:], 2)) ** 2)
        K = P @ H.T @ np.linalg.inv(H @ P @ H.T + R)
        x, P = x + K @ (z - H @ x), (np.eye(8) - K @ H) @ P
    return x[:4], x[4:]


@pytest.mark.parametrize("elapsed", [1.0, 2.5])
def test_it_is_the_usual_filter(elapsed: float) -> None:
    random = np.random.default_rng(0)
    sights = [np.array([[5.0 * t, t, 5 * t + 40, t + 80]]) + random.normal(0, 1, (1, 4)) for t in range(12)]
    boxes = BoxFilter()
    boxes.add(sights[0])
    for sight in sights[1:]:
        boxes.predict(elapsed)
        boxes.update(np.array([0]), sight)
    place, speed = matrices(sights, elapsed)
    np.testing.assert_allclose(boxes.place[0], place, rtol=1e-9)
    np.testing.assert_allclose(boxes.speed[0], speed, rtol=1e-9)
    assert speed[0] == pytest.approx(5 / elapsed, rel=0.15)


def test_boxes_do_not_influence_each_other() -> None:
    random = np.random.default_rng(1)
    starts = np.concatenate([random.uniform(0, 500, (4, 2)), random.uniform(600, 900, (4, 2))], axis=1)
    together, alone = BoxFilter(), BoxFilter()
    together.add(starts)
    alone.add(starts[2:3])
    for _ in range(5):
        starts = starts + 3
        for one in (together, alone):
            one.predict(1.0)
        together.update(np.arange(4), starts)
        alone.update(np.array([0]), starts[2:3])
    np.testing.assert_array_equal(together.place[2], alone.place[0])


def test_two_steps_of_one_frame_are_one_of_two() -> None:
    once, twice = BoxFilter(), BoxFilter()
    for one in (once, twice):
        one.add(np.array([[0.0, 0, 50, 50]]))
        one.speed[:] = [3.0, -2.0, 0.0, 0.0]  # the noise is a share of a size that stays
    once.predict(2.0)
    twice.predict(1.0)
    twice.predict(1.0)
    for name in ("place", "speed", "p_place", "p_both", "p_speed"):
        np.testing.assert_allclose(getattr(once, name), getattr(twice, name), rtol=1e-12)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.booleans(), st.floats(-200, 200), st.floats(2, 300)), min_size=1, max_size=60))
def test_variances_stay_possible(steps: list[tuple[bool, float, float]]) -> None:
    boxes = BoxFilter()
    boxes.add(np.array([[0.0, 0, 30, 30]]))
    for seen, at, side in steps:
        boxes.predict(1.0)
        if seen:
            boxes.update(np.array([0]), np.array([[at, at, at + side, at + side]]))
        assert (boxes.p_place > 0).all()
        assert (boxes.p_speed > 0).all()
        assert (boxes.p_both**2 <= boxes.p_place * boxes.p_speed * (1 + 1e-9)).all()


def test_the_camera_moves_everything() -> None:
    boxes = BoxFilter()
    boxes.add(np.array([[10.0, 10, 30, 50]]))
    boxes.speed[:] = [2.0, 0.0, 0.0, 0.0]
    before = boxes.p_place.copy()
    boxes.warp(np.array([[0.0, -2.0, 7.0], [2.0, 0.0, 0.0]]))  # a quarter turn, twice the size, 7 to the right
    np.testing.assert_allclose(boxes.place, [[7 - 60.0, 40.0, 40.0, 80.0]])
    np.testing.assert_allclose(boxes.speed, [[0.0, 4.0, 0.0, 0.0]], atol=1e-12)
    np.testing.assert_allclose(boxes.p_place, 4 * before)


def test_beginning_anew_takes_the_speed_from_two_sights() -> None:
    boxes = BoxFilter()
    boxes.add(np.array([[0.0, 0, 20, 20]]))
    boxes.speed[:] = 99.0
    before = to_centers(np.array([[0.0, 0, 20, 20]]))
    boxes.restart(np.array([0]), before, np.array([[50.0, 0, 70, 20]]), np.array([10.0]))
    np.testing.assert_allclose(boxes.speed, [[5.0, 0, 0, 0]])
    np.testing.assert_allclose(to_edges(boxes.place), [[50.0, 0, 70, 20]])
    assert (boxes.p_both**2 < boxes.p_place * boxes.p_speed).all()


def test_doubtful_sights_move_less() -> None:
    moved = []
    for trust in (1.0, 0.1):
        boxes = BoxFilter()
        boxes.add(np.array([[0.0, 0, 20, 20]]))
        boxes.predict(1.0)
        boxes.update(np.array([0]), np.array([[8.0, 0, 28, 20]]), np.array([trust]))
        moved.append(boxes.place[0, 0] - 10)
    assert 0 < moved[1] < moved[0] < 8


def test_edges_and_centres_are_inverses() -> None:
    boxes = np.array([[1.0, 2, 30, 44], [0, 0, 1, 1]])
    np.testing.assert_allclose(to_edges(to_centers(boxes)), boxes)
