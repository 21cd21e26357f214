"""How the camera moved, found in pictures whose motion is known."""

from __future__ import annotations

import numpy as np
import pytest

from unseen.errors import InputError
from unseen.tracking.camera import CameraMotion

cv2 = pytest.importorskip("cv2")


def world(seed: int = 0) -> np.ndarray:
    """Return a picture with texture of all sizes."""
    random = np.random.default_rng(seed)
    picture = np.zeros((600, 900, 3), np.float32)
    for side in (8, 20, 60, 150):
        coarse = random.uniform(0, 255, (600 // side + 1, 900 // side + 1, 3)).astype(np.float32)
        picture += cv2.resize(coarse, (900, 600), interpolation=cv2.INTER_CUBIC) / 4
    return np.clip(picture, 0, 255).astype(np.uint8)


def view(picture: np.ndarray, x: int, y: int) -> np.ndarray:
    return picture[y : y + 360, x : x + 640].copy()


def test_a_shift_is_found() -> None:
    camera, picture = CameraMotion(), world()
    assert camera.update(view(picture, 100, 100)).confidence == 0
    shift = camera.update(view(picture, 111, 94))
    np.testing.assert_allclose(shift.matrix, [[1, 0, -11], [0, 1, 6]], atol=0.35)
    assert shift.confidence > 0.8


def test_a_turn_and_a_scale_are_found_around_the_right_point() -> None:
    picture = view(world(), 100, 100)
    matrix = cv2.getRotationMatrix2D((320, 180), 2.0, 1.03)
    camera = CameraMotion()
    camera.update(picture)
    shift = camera.update(cv2.warpAffine(picture, matrix, (640, 360), borderMode=cv2.BORDER_REFLECT))
    corners = np.array([[100, 80, 1], [500, 80, 1], [100, 300, 1], [500, 300, 1.0]])
    np.testing.assert_allclose(corners @ shift.matrix.T, corners @ matrix.T, atol=0.8)


def test_what_moves_by_itself_is_left_out() -> None:
    """An object over a quarter of a plain-edged picture goes one way, the camera another."""
    back, thing = world(0), world(1)[:300, :420]
    camera = CameraMotion()
    box = np.array([[100, 30, 520, 330]], np.float32)
    first, second = view(back, 100, 100), view(back, 103, 100)
    first[30:330, 100:520] = thing
    second[30:330, 112:532] = thing
    camera.update(first, box)
    np.testing.assert_allclose(camera.update(second, box).matrix, [[1, 0, -3], [0, 1, 0]], atol=0.35)


@pytest.mark.parametrize("case", ["cut", "plain", "noise", "resized", "tiny", "covered"])
def test_where_nothing_can_be_said_nothing_is(case: str) -> None:
    camera, picture = CameraMotion(), world()
    random = np.random.default_rng(2)
    first = view(picture, 0, 0)
    second = {
        "cut": view(world(5)[::-1], 50, 50),
        "plain": np.full((360, 640, 3), 90, np.uint8),
        "noise": random.integers(0, 256, (360, 640, 3)).astype(np.uint8),
        "resized": view(picture, 0, 0)[:300],
        "tiny": np.zeros((1, 1, 3), np.uint8),
        "covered": view(picture, 9, 0),
    }[case]
    boxes = np.array([[0, 0, 640, 360]]) if case == "covered" else np.zeros((0, 4))
    camera.update(first, boxes)
    shift = camera.update(second)
    assert shift.confidence == 0
    np.testing.assert_array_equal(shift.matrix, np.eye(2, 3))


def test_it_is_deterministic_and_leaves_pictures_alone() -> None:
    picture = world()
    found: list[np.ndarray] = []
    for _ in range(2):
        camera = CameraMotion()
        cv2.setRNGSeed(len(found))
        for x in (0, 7, 12):
            frame = view(picture, x, 3 * x)
            frame.flags.writeable = False
            found.append(camera.update(frame).matrix)
    np.testing.assert_array_equal(found[:3], found[3:])


def test_boxes_beyond_the_picture_do_no_harm() -> None:
    camera, picture = CameraMotion(), world()
    odd = np.array([[-500, -500, 20, 20], [600, 300, 9000, 9000], [50, 50, 10, 10], [np.nan, 0, 5, 5]])
    camera.update(view(picture, 0, 0), odd)
    assert camera.update(view(picture, 5, 0), odd).matrix[0, 2] == pytest.approx(-5, abs=0.35)


def test_reset_forgets_the_previous_frame() -> None:
    camera, picture = CameraMotion(), world()
    camera.update(view(picture, 0, 0))
    camera.reset()
    assert camera.update(view(picture, 9, 0)).confidence == 0


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(InputError, match=r"picture must be an array \(h, w, 3\) of uint8; got shape \(5, 5\)"):
        CameraMotion().update(np.zeros((5, 5), np.uint8))
    with pytest.raises(InputError, match="side must be a whole number at least 32"):
        CameraMotion(5)
