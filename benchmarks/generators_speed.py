"""An epoch of each neural generator against a plain loop of the same sizes, organised as published code is.

    python benchmarks/generators_speed.py --data data/zsl/CUB100 [--hidden 4096] [--only cadavae] [--rows 512]

Both sides see the same samples in batches of the same size, with hidden layers of the same width, all features, and as
many steps of the critic for one of the generator; they run by turns. The plain loops draw a batch by a permutation of
all samples, copy it into buffers, keep gradients where none are needed, go backward once for each term of a loss,
differentiate the gradient penalty twice and update with Adam as it comes. A round takes an epoch of `--rows` samples;
seconds are scaled to all of them. CADA-VAE has its own widths whatever `--hidden` is. Prints Markdown.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from unseen.datasets import read_dataset
from unseen.methods.neural.fitting import Fitting
from unseen.methods.neural.session import Session, train
from unseen.methods.synthesis.generative import _Generative
from unseen.registry import METHODS

Step = Callable[[], None]
CRITIC_STEPS, PENALTY = 5, 10.0


@dataclass
class Loader:
    """Batches as published loaders draw them, copied into buffers that live as long as the loader."""

    X: Tensor
    y: Tensor
    A: Tensor
    size: int

    def __post_init__(self) -> None:
        self.x = torch.empty(self.size, self.X.shape[1])
        self.a = torch.empty(self.size, self.A.shape[1])
        self.labels = torch.empty(self.size, dtype=torch.long)

    def sample(self) -> None:
        """Fill the buffers anew."""
        rows = torch.randperm(len(self.X))[: self.size]
        labels = self.y[rows]
        self.x.copy_(self.X[rows])
        self.labels.copy_(labels)
        self.a.copy_(self.A[labels])

    def noise(self, d: int) -> Tensor:
        """Return fresh standard normal numbers for a batch."""
        return torch.empty(self.size, d).normal_()


class Both(nn.Module):  # type: ignore[misc]
    """A network of one hidden layer over inputs laid side by side."""

    def __init__(self, n_inputs: int, n_hidden: int, n_outputs: int, last: nn.Module | None = None) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(n_inputs, n_hidden), nn.Linear(n_hidden, n_outputs)
        self.slope, self.last = nn.LeakyReLU(0.2), last

    def forward(self, *inputs: Tensor, feedback: Tensor | None = None) -> Tensor:
        """Return the outputs (n, n_outputs); `feedback` is added to the hidden layer."""
        self.hidden = self.slope(self.first(torch.cat(inputs, dim=1)))
        found = self.second(self.hidden if feedback is None else self.hidden + feedback)
        return self.last(found) if self.last else found


class Encoder(nn.Module):  # type: ignore[misc]
    """A hidden layer, then mean and logarithm of the variance by a layer each; `extra` puts one more before them."""

    def __init__(self, n_inputs: int, n_hidden: int, n_latent: int, *, extra: bool = False) -> None:
        super().__init__()
        layers = [nn.Linear(n_inputs, n_hidden), nn.LeakyReLU(0.2)]
        if extra:
            layers += [nn.Linear(n_hidden, 2 * n_latent)]
        self.hidden = nn.Sequential(*layers)
        width = 2 * n_latent if extra else n_hidden
        self.mean, self.log_variance = nn.Linear(width, n_latent), nn.Linear(width, n_latent)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and logarithm of the variance."""
        hidden = self.hidden(torch.cat(inputs, dim=1))
        return self.mean(hidden), self.log_variance(hidden)


def drawn(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return a draw of the Gaussian."""
    return torch.exp(0.5 * log_variance) * torch.randn(mean.shape) + mean


def adam(*networks: nn.Module) -> torch.optim.Adam:
    """Return an optimiser as published code makes it."""
    return torch.optim.Adam([w for net in networks for w in net.parameters()], lr=1e-4, betas=(0.5, 0.999))


def gradient_penalty(critic: nn.Module, real: Tensor, made: Tensor, a: Tensor) -> Tensor:
    """Return the penalty, by differentiating a graph of the gradient."""
    share = torch.rand(len(real), 1).expand(real.size())
    mixed = (share * real + (1 - share) * made).requires_grad_(requires_grad=True)
    rated = critic(mixed, a)
    slope = torch.autograd.grad(rated, mixed, torch.ones_like(rated), create_graph=True, retain_graph=True)[0]
    return ((slope.norm(2, dim=1) - 1) ** 2).mean() * PENALTY


def frozen(critic: nn.Module, *, free: bool) -> None:
    """Let the critic learn, or not."""
    for weights in critic.parameters():
        weights.requires_grad_(free)


def criticised(critic: nn.Module, data: Loader, made: Tensor, weight: float = 1.0) -> None:
    """Go backward three times: real vectors, made-up ones, the gradient penalty."""
    one = torch.tensor(1.0)
    (weight * critic(data.x, data.a).mean()).backward(-one)
    (weight * critic(made.detach(), data.a).mean()).backward(one)
    (weight * gradient_penalty(critic, data.x, made.detach(), data.a)).backward()


# -- the plain loops: each returns a step, and its networks -------------------------------------------------------


def cadavae(data: Loader, hidden: int, n_seen: int) -> tuple[Step, list[nn.Module]]:
    """Autoencoders of vectors and prototypes."""
    d, k, z = data.X.shape[1], data.A.shape[1], 64
    encoders = [Encoder(d, 1560, z), Encoder(k, 1450, z)]
    decoders = [Both(z, 1660, d), Both(z, 665, k)]
    networks: list[nn.Module] = [*encoders, *decoders]
    weights = [w for net in networks for w in net.parameters()]
    optimizer = torch.optim.Adam(weights, lr=1.5e-4, betas=(0.9, 0.999), amsgrad=True)
    error = nn.L1Loss(reduction="sum")

    def step() -> None:
        data.sample()
        (mean_x, log_x), (mean_a, log_a) = encoders[0](data.x), encoders[1](data.a)
        z_x, z_a = drawn(mean_x, log_x), drawn(mean_a, log_a)
        own = error(decoders[0](z_x), data.x) + error(decoders[1](z_a), data.a)
        divergence = 0.5 * torch.sum(1 + log_a - mean_a.pow(2) - log_a.exp())
        divergence = divergence + 0.5 * torch.sum(1 + log_x - mean_x.pow(2) - log_x.exp())
        crossed = error(decoders[0](z_a), data.x) + error(decoders[1](z_x), data.a)
        apart = torch.sum((mean_x - mean_a) ** 2, dim=1)
        apart = torch.sqrt(apart + torch.sum((torch.sqrt(log_x.exp()) - torch.sqrt(log_a.exp())) ** 2, dim=1)).sum()
        optimizer.zero_grad()
        loss = own - 0.25 * divergence + 2.37 * crossed + 8.13 * apart
        loss.backward()
        optimizer.step()
        loss.item()

    return step, networks


def fclswgan(data: Loader, hidden: int, n_seen: int) -> tuple[Step, list[nn.Module]]:
    """Generator, critic, and a classifier of seen classes."""
    d, k = data.X.shape[1], data.A.shape[1]
    generator, critic = Both(2 * k, hidden, d, nn.ReLU()), Both(d + k, hidden, 1)
    classifier = nn.Sequential(nn.Linear(d, n_seen), nn.LogSoftmax(dim=1))
    frozen(classifier, free=False)
    for_generator, for_critic = adam(generator), adam(critic)
    wrong = nn.NLLLoss()

    def step() -> None:
        frozen(critic, free=True)
        for _ in range(CRITIC_STEPS):
            data.sample()
            critic.zero_grad()
            criticised(critic, data, generator(data.noise(k), data.a))
            for_critic.step()
        frozen(critic, free=False)
        generator.zero_grad()
        made = generator(data.noise(k), data.a)
        fooled = -critic(made, data.a).mean()
        (fooled + 0.01 * wrong(classifier(made), data.labels)).backward()
        for_generator.step()
        fooled.item()

    return step, [generator, critic, classifier]


def tfvaegan(data: Loader, hidden: int, n_seen: int, *, decodes: bool = True) -> tuple[Step, list[nn.Module]]:
    """Encoder, generator, critic; with `decodes` also decoder and feedback, without and with feedback by turns."""
    d, k = data.X.shape[1], data.A.shape[1]
    encoder, generator = Encoder(d + k, hidden, k, extra=True), Both(2 * k, hidden, d, nn.Sigmoid())
    critic, decoder, feedback = Both(d + k, hidden, 1), Both(d, hidden, k), Both(hidden, hidden, hidden)
    groups = {name: adam(net) for name, net in (("E", encoder), ("G", generator), ("D", critic))}
    if decodes:
        groups |= {"dec": adam(decoder), "F": adam(feedback)}
    loops = [0, 1] if decodes else [0]

    def weighted(found: Tensor, wanted: Tensor) -> Tensor:
        weight = (found - wanted).pow(2)
        weight = weight / weight.sum(1).sqrt().unsqueeze(1).expand(weight.size(0), weight.size(1))
        return (weight * (found - wanted).abs()).sum() / len(found)

    def make(z: Tensor, loop: int) -> Tensor:
        made: Tensor = generator(z, data.a)
        if not loop:
            return made
        decoder(made)
        again: Tensor = generator(z, data.a, feedback=feedback(decoder.hidden))
        return again

    def turn(loop: int) -> None:
        frozen(critic, free=True)
        for _ in range(CRITIC_STEPS):
            data.sample()
            critic.zero_grad()
            if decodes:
                decoder.zero_grad()
                weighted(decoder(data.x), data.a).mul(0.1).backward()
                groups["dec"].step()
            # With codes of real vectors in place of noise, as in the settings published for birds.
            z = drawn(*encoder(data.x, data.a)) if decodes else data.noise(k)
            criticised(critic, data, make(z, loop), 10.0)
            groups["D"].step()
        frozen(critic, free=False)
        for net in (encoder, generator, feedback, decoder):
            net.zero_grad()
        mean, log_variance = encoder(data.x, data.a)
        rebuilt = make(drawn(mean, log_variance), loop)
        error = functional.binary_cross_entropy(rebuilt + 1e-12, data.x, reduction="sum")
        loss = (error - 0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())) / len(data.x)
        made = rebuilt if decodes else make(data.noise(k), loop)
        loss = loss - 10 * critic(made, data.a).mean()
        if decodes:
            loss = loss + 0.1 * weighted(decoder(made), data.a)
        loss.backward()
        for name in ("E", "G", *(["F"] if loop else []), *(["dec"] if decodes else [])):
            groups[name].step()
        loss.item()

    done = iter(range(10**9))
    networks = [encoder, generator, critic, *((decoder, feedback) if decodes else ())]
    return lambda: turn(loops[next(done) % len(loops)]), networks


def fvaegan(data: Loader, hidden: int, n_seen: int) -> tuple[Step, list[nn.Module]]:
    """Encoder, generator and critic."""
    return tfvaegan(data, hidden, n_seen, decodes=False)


def cegzsl(data: Loader, hidden: int, n_seen: int) -> tuple[Step, list[nn.Module]]:
    """Generator and critic, an embedding, and a comparison of one sample at a time with all classes."""
    d, k, e = data.X.shape[1], data.A.shape[1], hidden // 2
    generator, critic = Both(2 * k, hidden, d, nn.ReLU()), Both(d + k, hidden, 1)
    embedding = nn.Sequential(nn.Linear(d, e), nn.ReLU())
    projection, comparison = nn.Linear(e, hidden // 8), Both(e + k, hidden // 4, 1)
    for_generator, for_critic = adam(generator), adam(critic, embedding, projection, comparison)

    def instances(z: Tensor, y: Tensor) -> Tensor:
        z = functional.normalize(z, dim=1)
        same = torch.eq(y.view(-1, 1), y.view(1, -1)).float()
        other = 1 - torch.eye(len(z))
        same = same * other
        similar = torch.div(z @ z.T, 0.1)
        similar = similar - similar.max(dim=1, keepdim=True)[0].detach()
        powers = similar.exp() * other
        log = similar - torch.log(powers.sum(1, keepdim=True))
        return -((same * log).sum(1) / (same.sum(1) + 1e-6)).mean()

    def classes(h: Tensor, y: Tensor) -> Tensor:
        scores = torch.empty(len(h), n_seen)
        for i, one in enumerate(h):
            scores[i] = torch.div(comparison(one.repeat(n_seen, 1), data.A), 0.1).squeeze()
        scores = scores - scores.max(dim=1, keepdim=True)[0].detach()
        right = torch.zeros(len(h), n_seen).scatter_(1, y.view(-1, 1), 1)
        log = scores - torch.log(scores.exp().sum(1, keepdim=True))
        return -((right * log).sum(1) / right.sum(1)).mean()

    def step() -> None:
        frozen(critic, free=True)
        for _ in range(CRITIC_STEPS):
            data.sample()
            for_critic.zero_grad()
            criticised(critic, data, generator(data.noise(k), data.a))
            h = embedding(data.x)
            (instances(projection(h), data.labels) + classes(h, data.labels)).backward()
            for_critic.step()
        frozen(critic, free=False)
        generator.zero_grad()
        made = generator(data.noise(k), data.a)
        h, h_real = embedding(made), embedding(data.x)
        fooled = -critic(made, data.a).mean()
        z = torch.cat([projection(h), projection(h_real).detach()])
        contrasts = instances(z, torch.cat([data.labels, data.labels])) + classes(h, data.labels)
        (fooled + 0.001 * contrasts).backward()
        for_generator.step()
        fooled.item()

    return step, [generator, critic, embedding, projection, comparison]


# -- both, by turns -----------------------------------------------------------------------------------------------

# The plain loop, its batch, and how ours differs where sizes are the same.
PLAIN: dict[str, tuple[Callable[[Loader, int, int], tuple[Step, list[nn.Module]]], int, str]] = {
    "cadavae": (cadavae, 50, "all four hidden layers 1560 wide; theirs are 1560, 1450, 1660 and 665"),
    "fclswgan": (fclswgan, 64, "the generator learns from a batch of its own; theirs reuses the critic's last"),
    "fvaegan": (fvaegan, 64, "mean and variance are the encoder's outputs; theirs has a layer more"),
    "tfvaegan": (
        tfvaegan,
        64,
        "the decoder learns once a step, theirs with every step of the critic, for which it also encodes real vectors",
    ),
    "cegzsl": (
        cegzsl,
        256,
        "embedding and contrasts learn once a step, theirs with every step of the critic; published batches are 2048",
    ),
}


def ours(name: str, X: Any, y: Any, S: Any, *, hidden: int, batch: int, rows: int) -> tuple[_Generative, Session]:
    """Return our method and a training of it that is ready to go."""
    params: dict[str, Any] = {"batch_size": batch, "n_hidden": hidden, "n_components": None, "random_state": 0}
    params |= {
        "cadavae": {"n_hidden": 1560, "n_latent": 64},
        "fclswgan": {},
        "fvaegan": {"n_latent": S.shape[1]},
        "tfvaegan": {"n_latent": S.shape[1]},
        "cegzsl": {"n_embedding": hidden // 2, "n_projection": hidden // 8},
    }[name]
    recipe: _Generative = METHODS.get(name)(**params)
    recipe.seed_ = 0
    fitting = Fitting(recipe, X, y, S, looks=1, patience=1, n_made=2)
    _, session = fitting._start(np.arange(len(y)), y, S)
    session.X, session.y = session.X[:rows], session.y[:rows]
    return recipe, session


def n_weights(networks: list[nn.Module]) -> float:
    """Return millions of numbers that networks hold."""
    return float(sum(w.numel() for net in networks for w in net.parameters())) / 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="An epoch of each neural generator, ours and a plain loop.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", default=",".join(PLAIN))
    parser.add_argument("--hidden", type=int, default=4096, help="width of hidden layers of all but CADA-VAE")
    parser.add_argument("--batch", type=int, help="samples of a batch in place of the published number")
    parser.add_argument("--rows", type=int, help="samples of a timed epoch; all if left out")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    dataset = read_dataset(arguments.data)
    X, labels = dataset.learnable()
    shuffled = np.random.default_rng(0).permutation(len(X))
    X, labels = X[shuffled], labels[shuffled]
    names, y = np.unique(labels, return_inverse=True)
    S = dataset.prototypes.subset([str(name) for name in names]).vectors.astype(np.float64)
    rows = min(arguments.rows or len(X), len(X))
    scale = len(X) / rows
    squeezed = (X - X.min(axis=0)) / np.maximum(np.ptp(X, axis=0), 1e-9)
    print(f"{dataset.name}: {len(X)} samples; epochs of {rows} scaled to all; {arguments.threads} threads.\n")
    print("| method | batch | hidden | weights, M: ours, plain | ours, s | plain, s | ratio | lowest, highest |")
    print("|---|---|---|---|---|---|---|---|")
    for name in (chosen := arguments.only.split(",")):
        loop, published, _ = PLAIN[name]
        batch = min(arguments.batch or published, rows)
        recipe, session = ours(name, X, y, S, hidden=arguments.hidden, batch=batch, rows=rows)
        some = torch.tensor(squeezed[:rows]).float(), torch.tensor(y[:rows])
        data = Loader(*some, torch.tensor(S).float(), batch)
        step, networks = loop(data, arguments.hidden, len(names))
        recipe._step(session)
        step()
        times: list[tuple[float, float]] = []
        for _ in range(arguments.rounds):
            started = time.perf_counter()
            train(name, session, recipe._step, n_epochs=session.epoch + 1)
            between = time.perf_counter()
            for _ in range(session.steps_per_epoch):
                step()
            times.append((between - started, time.perf_counter() - between))
        mine, theirs = (float(np.median(column)) * scale for column in zip(*times, strict=True))
        ratios = [plain / own for own, plain in times]
        width = "1560" if name == "cadavae" else f"{arguments.hidden}"
        print(
            f"| `{name}` | {batch} | {width} | {n_weights([session.parts]):.1f}, {n_weights(networks):.1f} | "
            f"{mine:.2f} | {theirs:.2f} | {np.median(ratios):.1f} | {min(ratios):.1f}, {max(ratios):.1f} |",
            flush=True,
        )
    print("\nWhere ours is built otherwise:\n")
    print("\n".join(f"- `{name}`: {PLAIN[name][2]}." for name in chosen))


if __name__ == "__main__":
    main()
