"""One training: batches, noise, updates, what a file holds of it, and losses that explode."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from unseen.errors import InputError
from unseen.methods.neural.session import Session, device_of, train


def new(n: int = 10, batch_size: int = 4, seed: int = 0, rate: float = 0.01) -> Session:
    """Return a session with two layers, each in a group of its own; sample i is the vector (i, i, i) of class i % 3."""
    torch.manual_seed(0)
    parts = nn.ModuleDict({"a": nn.Linear(3, 2), "b": nn.Linear(2, 3)})
    y = np.arange(n) % 3
    return Session(
        parts,
        np.arange(n, dtype=float)[:, None].repeat(3, axis=1),
        y,
        np.eye(3) * [[10], [20], [30]],
        optimizers={"a": (("a",), rate, (0.5, 0.999)), "b": (("b",), rate, (0.9, 0.999))},
        batch_size=batch_size,
        seed=seed,
        device=torch.device("cpu"),
    )


def step(session: Session) -> dict[str, Any]:
    """Rebuild noisy vectors."""
    batch = session.batch()
    x = batch.x / 10 + 0.1 * session.noise(len(batch), 3)
    loss = (session.parts["b"](session.parts["a"](x)) - batch.x / 10).square().mean()
    session.update("a", loss)
    loss_b = (session.parts["b"](session.parts["a"](x).detach()) - session.shares(len(batch))).square().mean()
    session.update("b", loss_b)
    return {"first": loss, "second": loss_b}


def rows_of(session: Session) -> list[int]:
    return [int(v) for v in session.batch().x[:, 0]]


# -- batches --------------------------------------------------------------------------------------------------


def test_every_pass_covers_every_sample_once() -> None:
    session = new(n=12, batch_size=4)
    passes = [[row for _ in range(3) for row in rows_of(session)] for _ in range(4)]
    assert [sorted(one) for one in passes] == [list(range(12))] * 4
    assert len({tuple(one) for one in passes}) == 4  # shuffled anew
    assert all(one != sorted(one) for one in passes)


def test_what_does_not_fill_a_batch_comes_again_in_another_pass() -> None:
    session = new(n=10, batch_size=4)
    seen = np.zeros(10, int)
    for _ in range(200):
        one = rows_of(session) + rows_of(session)
        assert len(set(one)) == 8
        seen[one] += 1
    assert seen.sum() == 1600
    assert abs(seen - 160).max() <= 30  # left out by chance: five standard deviations are 28


def test_a_batch_holds_vectors_classes_and_their_prototypes() -> None:
    batch = new().batch()
    assert len(batch) == 4
    np.testing.assert_array_equal(batch.y.numpy(), batch.x[:, 0].numpy().astype(int) % 3)
    np.testing.assert_array_equal(batch.a.numpy(), (np.eye(3) * [[10], [20], [30]])[batch.y.numpy()])
    assert batch.x.dtype == batch.a.dtype == torch.float32


@pytest.mark.parametrize(
    ("n", "batch_size", "steps"), [(12, 4, 3), (10, 4, 3), (3, 256, 1), (256, 256, 1), (257, 256, 2)]
)
def test_steps_of_an_epoch(n: int, batch_size: int, steps: int) -> None:
    session = new(n, batch_size)
    assert session.steps_per_epoch == steps
    assert len(session.batch()) == min(n, batch_size)


def test_batches_and_noise_follow_the_seed() -> None:
    drawn = []
    for seed in (0, 0, 1):
        torch.manual_seed(np.random.default_rng().integers(1000).item())  # not the numbers of everybody else
        session = new(seed=seed)
        drawn.append([*rows_of(session), *session.noise(3, 2).ravel().tolist(), *session.shares(4).ravel().tolist()])
    assert drawn[0] == drawn[1] != drawn[2]
    assert all(0 <= share < 1 for share in drawn[0][-4:])


def test_noise_is_standard_normal() -> None:
    noise = new().noise(4000, 5)
    assert noise.shape == (4000, 5)
    assert abs(noise.mean().item()) < 0.04
    assert abs(noise.var().item() - 1) < 0.06


# -- updates --------------------------------------------------------------------------------------------------


def test_an_update_is_a_step_of_adam_for_its_group_alone() -> None:
    session = new(rate=0.01)
    before = {name: value.clone() for name, value in session.parts.state_dict().items()}
    x = torch.ones(2, 3)
    loss = session.parts["b"](session.parts["a"](x)).sum()
    slope = torch.autograd.grad(loss, session.parts["a"].weight, retain_graph=True)[0]
    session.update("a", loss)
    after = session.parts.state_dict()
    # The first step of Adam is the learning rate against the sign of the slope.
    torch.testing.assert_close(after["a.weight"], before["a.weight"] - 0.01 * slope.sign(), rtol=0, atol=1e-6)
    assert torch.equal(after["b.weight"], before["b.weight"])
    assert all(weight.grad is None for weight in session.parts.parameters())


# -- training -------------------------------------------------------------------------------------------------


def test_losses_are_means_of_an_epoch() -> None:
    session, told = new(), []
    expected = iter(range(100))

    def counting(_: Session) -> dict[str, Any]:
        value = next(expected)
        return {"up": torch.tensor(float(value)), "one": torch.tensor(1.0)}

    def tell(found: Session) -> bool:
        told.append(found.epoch)
        return False

    train("Somebody", session, counting, n_epochs=2, after=tell)
    assert session.losses == [[1.0, 1.0], [4.0, 1.0]]  # three steps an epoch: 0, 1, 2 and 3, 4, 5
    assert session.names == ["up", "one"]
    assert told == [1, 2]


def test_training_ends_when_it_is_told() -> None:
    session = new()
    train("Somebody", session, step, n_epochs=50, after=lambda s: s.epoch == 3)
    assert session.epoch == 3
    train("Somebody", session, step, n_epochs=5)
    assert session.epoch == 5
    train("Somebody", session, step, n_epochs=4)
    assert session.epoch == 5


def test_training_lowers_the_loss() -> None:
    session = new(rate=0.05)
    train("Somebody", session, step, n_epochs=60)
    assert np.mean(session.losses[-10:], axis=0)[0] < 0.5 * session.losses[0][0]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), -1.5e8])
def test_losses_that_explode_are_told(value: float) -> None:
    told = re.escape(f"{value:.3g}")

    def exploding(session: Session) -> dict[str, Any]:
        return {"fine": torch.tensor(1.0), "bad": torch.tensor(value if session.epoch == 2 else 0.0)}

    with pytest.raises(
        InputError,
        match=rf"^Somebody: learning_rate must be small enough for losses below 1e\+08; got {told} as loss 'bad' "
        r"in epoch 3\. Try a tenth of it\.$",
    ):
        train("Somebody", new(), exploding, n_epochs=9)


# -- what a file holds ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [1, 2, 4])
def test_a_restored_session_goes_on_bit_by_bit(cut: int) -> None:
    whole = new()
    train("Somebody", whole, step, n_epochs=5)
    first = new()
    train("Somebody", first, step, n_epochs=cut)
    state, names = {key: value.copy() for key, value in first.state().items()}, first.names

    second = new(seed=7)
    second.batch()
    second.restore(state, names)
    assert second.epoch == cut
    assert second.names == ["first", "second"]
    train("Somebody", second, step, n_epochs=5)
    assert second.losses == whole.losses
    for key, value in whole.state().items():
        np.testing.assert_array_equal(second.state()[key], value, err_msg=key)


def test_a_state_says_all_that_the_rest_depends_on() -> None:
    session = new()
    train("Somebody", session, step, n_epochs=1)
    keys = set(session.state())
    assert {"generator", "losses", "parts.a.weight", "parts.b.bias"} <= keys
    assert {"optimizers.a.0.exp_avg", "optimizers.b.1.exp_avg_sq", "optimizers.a.0.step"} <= keys


@pytest.mark.parametrize(
    "spoil",
    [
        lambda state: state.pop("generator"),
        lambda state: state.pop("losses"),
        lambda state: state.pop("parts.a.weight"),
        lambda state: state.update({"parts.a.weight": np.zeros((9, 9), np.float32)}),
        lambda state: state.update({"generator": np.zeros(3, np.uint8)}),
        lambda state: state.update({"optimizers.a.x.step": np.zeros(1, np.float32)}),
    ],
)
def test_a_state_that_does_not_fit(spoil: Any) -> None:
    session = new()
    train("Somebody", session, step, n_epochs=1)
    state = session.state()
    spoil(state)
    with pytest.raises((KeyError, RuntimeError, TypeError, ValueError)):
        new().restore(state, ["first", "second"])


# -- devices --------------------------------------------------------------------------------------------------


def test_devices() -> None:
    assert device_of("Somebody", "cpu") == torch.device("cpu")
    assert device_of("Somebody", None).type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("device", ["nonsense", "cuda:99", "cpu:-5", ""])
def test_devices_that_are_not_there(device: str) -> None:
    with pytest.raises(
        InputError,
        match=r"^Somebody: device must be a device of torch that is there, such as \"cpu\"; got '.*'\. torch says: .",
    ):
        device_of("Somebody", device)


def test_a_device_without_numbers() -> None:
    with pytest.raises(InputError, match=r"device must be a device of torch that is there"):
        device_of("Somebody", "meta")
