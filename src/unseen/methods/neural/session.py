"""One training: networks, optimisers, data and noise on one device, and what has been seen so far."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from unseen.errors import InputError
from unseen.validation import message, verbatim

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from torch import Tensor, nn

__all__ = ["Batch", "Session", "device_of", "train"]

Array = np.ndarray[Any, Any]
# Losses are sums over at most some thousands of numbers of variance one.
_EXPLODED = 1e8


def device_of(owner: str, device: str | None) -> torch.device:
    """Return the device asked for; for None the accelerator where there is one, else the processor.

    Raises
    ------
    InputError
        When there is no such device here.
    """
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.zeros(1, device=chosen).cpu()
    except (RuntimeError, AssertionError, TypeError, ValueError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(
            message(owner, "device", 'a device of torch that is there, such as "cpu"', device, f"torch says: {reason}")
        ) from None
    return chosen


@dataclass(frozen=True)
class Batch:
    """Some samples: vectors x (b, d), positions of their classes y (b,), and those classes' prototypes a (b, k)."""

    x: Tensor
    y: Tensor
    a: Tensor

    def __len__(self) -> int:
        return len(self.y)


class Session:
    """What the step of a method works with.

    Parameters
    ----------
    parts : ModuleDict
        The networks, by name.
    X, y, S : ndarray of shapes (n, d), (n,) and (C, k)
        Vectors, positions of their classes, and prototypes; single precision on the device from here on.
    optimizers : mapping of str to (names of parts, learning rate, betas)
        What is updated together.
    batch_size : int
        Samples of a batch; at most n are taken.
    seed : int
        Of batches and noise.
    device : torch.device
        Where everything lies.

    Attributes
    ----------
    epoch : int
        Epochs done.
    turn : int
        Steps done.
    losses : list of list of float
        Per epoch: the mean of each loss.
    names : list of str
        Of the losses.
    """

    def __init__(
        self,
        parts: nn.ModuleDict,
        X: Array,
        y: Array,
        S: Array,
        *,
        optimizers: Mapping[str, tuple[Sequence[str], float, tuple[float, float]]],
        batch_size: int,
        seed: int,
        device: torch.device,
    ) -> None:
        self.parts = parts.to(device)
        self.X = torch.as_tensor(X, dtype=torch.float32, device=device)
        self.y = torch.as_tensor(y, dtype=torch.long, device=device)
        self.S = torch.as_tensor(S, dtype=torch.float32, device=device)
        self.device = device
        self.batch_size = min(batch_size, len(X))
        self.generator = torch.Generator(device).manual_seed(seed)
        self.epoch = 0
        self.turn = 0
        self.losses: list[list[float]] = []
        self.names: list[str] = []
        # One pass over the weights instead of one for each operation: the update is bound by memory, not by sums.
        self.optimizers = {
            group: torch.optim.Adam(_weights(self.parts, names), lr=rate, betas=betas, fused=True)
            for group, (names, rate, betas) in optimizers.items()
        }
        self._order: Tensor | None = None
        self._next = 0

    @property
    def steps_per_epoch(self) -> int:
        """Steps after which as many samples were seen as there are."""
        return -(-len(self.X) // self.batch_size)

    def batch(self) -> Batch:
        """Return the next samples of an endless stream in which every pass is shuffled anew."""
        if self._order is None or self._next + self.batch_size > len(self._order):
            # Starts a pass; the few that would not fill a batch come again in the next one.
            self._order = torch.randperm(len(self.X), generator=self.generator, device=self.device)
            self._next = 0
        rows = self._order[self._next : self._next + self.batch_size]
        self._next += self.batch_size
        y = self.y[rows]
        return Batch(self.X[rows], y, self.S[y])

    def noise(self, n: int, d: int) -> Tensor:
        """Return standard normal numbers (n, d)."""
        return torch.randn(n, d, generator=self.generator, device=self.device)

    def shares(self, n: int) -> Tensor:
        """Return uniform numbers (n, 1) in [0, 1)."""
        return torch.rand(n, 1, generator=self.generator, device=self.device)

    def update(self, group: str, loss: Tensor) -> None:
        """Take one step of a group of parts down the slope of a loss; gradients of other parts are not computed."""
        weights = [weight for part in self.optimizers[group].param_groups for weight in part["params"]]
        loss.backward(inputs=weights)
        self.take_step(group)

    def take_step(self, group: str) -> None:
        """Take one step of a group of parts down the gradient that their weights hold."""
        self.optimizers[group].step()
        self.optimizers[group].zero_grad(set_to_none=True)

    def precision(self) -> AbstractContextManager[Any]:
        """Return the context that a step runs in: half precision where the device is fast at it."""
        return torch.autocast("cuda", torch.bfloat16) if self.device.type == "cuda" else nullcontext()

    # -- what a file holds -------------------------------------------------------------------------------

    def state(self) -> dict[str, Array]:
        """Return all that the rest of the training depends on, as arrays."""
        tensors = {f"parts.{name}": tensor for name, tensor in self.parts.state_dict().items()}
        for group, optimizer in self.optimizers.items():
            for i, values in optimizer.state_dict()["state"].items():
                tensors.update({f"optimizers.{group}.{i}.{key}": value for key, value in values.items()})
        arrays = {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}
        arrays["generator"] = self.generator.get_state().numpy()
        arrays["losses"] = np.array(self.losses, dtype=np.float64).reshape(self.epoch, -1)
        return arrays

    def restore(self, arrays: Mapping[str, Array], names: Sequence[str]) -> None:
        """Go on from what `state` returned at the end of an epoch.

        Raises
        ------
        KeyError, RuntimeError, TypeError, ValueError
            When the arrays are not those of this session.
        """

        def under(prefix: str) -> dict[str, Tensor]:
            return {key[len(prefix) :]: torch.tensor(arrays[key]) for key in arrays if key.startswith(prefix)}

        self.parts.load_state_dict(under("parts."))
        for group, optimizer in self.optimizers.items():
            state: dict[int, dict[str, Tensor]] = {}
            for key, tensor in under(f"optimizers.{group}.").items():
                position, _, name = key.partition(".")
                state.setdefault(int(position), {})[name] = tensor
            optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
        self.generator.set_state(torch.tensor(arrays["generator"]))
        if arrays["losses"].ndim != 2 or arrays["losses"].shape[1] != len(names):
            raise ValueError(f"losses must be of shape (epochs, {len(names)}); got {arrays['losses'].shape}")
        self.losses = arrays["losses"].tolist()
        self.names = list(names)
        self.epoch = len(self.losses)
        self._order = None


def _weights(parts: nn.ModuleDict, names: Iterable[str]) -> list[nn.Parameter]:
    return [weight for name in names for weight in parts[name].parameters()]


def train(
    owner: str,
    session: Session,
    step: Callable[[Session], Mapping[str, Tensor]],
    *,
    n_epochs: int,
    after: Callable[[Session], bool] | None = None,
) -> None:
    """Train for `n_epochs` in all, or until `after`, called behind every epoch, says that it is enough.

    Raises
    ------
    InputError
        When a loss is no number any more, or beyond all bounds.
    """
    while session.epoch < n_epochs:
        session._order = None  # an epoch depends on the state in front of it alone, as a resumed one must
        total: Tensor | None = None
        for i in range(session.steps_per_epoch):
            session.turn = session.epoch * session.steps_per_epoch + i
            with session.precision():
                losses = step(session)
            now = torch.stack([value.detach().float() for value in losses.values()])
            total = now if total is None else total + now
            session.names = list(losses)
        means = [] if total is None else (total / session.steps_per_epoch).tolist()
        session.losses.append(means)
        session.epoch += 1
        fine = np.abs(means) < _EXPLODED  # NaN is not
        if not fine.all():
            worst = int(np.argmin(fine))
            found = verbatim(f"{means[worst]:.3g} as loss {session.names[worst]!r} in epoch {session.epoch}")
            expected = f"small enough for losses below {_EXPLODED:.0e}"
            raise InputError(message(owner, "learning_rate", expected, found, "Try a tenth of it"))
        if after is not None and after(session):
            return
