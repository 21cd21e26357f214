"""CADA-VAE: two autoencoders whose codes of vectors and of prototypes are made to agree."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from unseen.methods.base import Citation
from unseen.methods.synthesis.generative import _Generative
from unseen.validation import check_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor, nn

    from unseen.methods.neural.session import Session

__all__ = ["CADAVAE"]


class CADAVAE(_Generative):
    r"""Encode vectors and prototypes into Gaussians of one space, where examples of unseen classes are drawn.

    .. math:: \min \sum_{m} \lVert x_m - D_m(z_m)\rVert^2 + \beta\,\mathrm{KL}(q_m \,\|\, \mathcal N(0, I))
       + \gamma \sum_{m \ne l} \lVert x_m - D_m(z_l)\rVert^2
       + \delta \sqrt{\lVert\mu_1 - \mu_2\rVert^2 + \lVert\sigma_1 - \sigma_2\rVert^2}

    with m and l either of vectors (1) and prototypes (2), :math:`z_m \sim q_m = \mathcal N(\mu_m, \sigma_m^2)`.

    Parameters
    ----------
    n_epochs : int or None, default None
        Passes over the samples, at least 1. None chooses them on held-out classes; with fewer than 12 seen classes
        it is 30.
    max_epochs : int, default 80
        The most that are tried when they are chosen, at least 1.
    n_hidden : int, default 512
        Width of every network's hidden layer, at least 1.
    n_latent : int, default 64
        Numbers of a code, at least 1.
    beta : float, default 0.25
        Weight of the divergence from the standard Gaussian, at least 0.
    gamma : float, default 2.37
        Weight of reconstructing one side from the code of the other, at least 0.
    delta : float, default 8.13
        Weight of the distance between the two Gaussians of a sample, at least 0.
    warmup : int, default 90
        Epochs until all weights have grown to their full size, at least 1.
    batch_size : int, default 128
        Samples of a step, at least 1.
    learning_rate : float, default 0.0003
        Of Adam, above 0.
    n_synthetic : int, default 200
        Examples that the final classifier sees of each class, at least 2: made-up ones; for a class of `fit` real
        ones, repeated or thinned out.
    classifier : scikit-learn classifier or None, default None
        What is trained on them; a copy, so it stays as it is. It needs ``decision_function`` or ``predict_proba``.
        None is a softmax classifier, solved to its optimum: it has no number of steps to tune.
    C : float, default 0.01
        Inverse strength of that one's penalty, above 0. Small values suit examples that were made up; it learns the
        classes of `fit` as well, also where only others are scored.
    n_components : int or None, default 300
        Principal axes of the vectors that networks see, at least 1; None is all. Fewer are faster.
    normalize : bool, default True
        Whether vectors are taken at unit length; False for vectors whose length carries meaning.
    validation_share : float, default 0.25
        Share of the classes that is held out to choose epochs, penalty and temperature, in [0, 0.5]; with 0 nothing
        is chosen.
    checkpoint : str or None, default None
        A file that unfinished training is kept in, every fifteen seconds; `fit` with the same data and parameters
        goes on from there, and takes it away at the end.
    device : str or None, default None
        Where networks are trained, as torch names it; None is the accelerator where there is one, with half
        precision, else the processor.
    verbose : bool, default False
        Whether a bar with the losses is shown on standard error.
    random_state : int, RandomState or None, default None
        Seed of weights, batches, noise and held-out classes; a whole number repeats a fit on one machine.

    Attributes
    ----------
    weights_ : ndarray of shape (w,)
        All weights of the networks: the encoders of vectors and prototypes, then of the decoders.
    sizes_ : ndarray of shape (3,)
        Numbers of a scaled vector r, of a prototype k, and of seen classes.
    feature_mean_, axes_, prototype_mean_ : ndarray of shapes (d,), (d, r) and (k,)
        The scalings: vectors are centred, turned to their principal axes and given variance one on average;
        prototypes are taken as directions from the mean of the seen ones, of length one.
    examples_, example_classes_ : ndarray of shapes (m, r) and (m,)
        Scaled vectors of seen classes, at most ``n_synthetic`` of each, and their positions in `classes_`.
    losses_, loss_names_ : ndarray of shapes (n_epochs_, l) and (l,)
        The mean of every loss in every epoch.
    validation_curve_ : ndarray of shape (m, 2)
        Epochs done, and per-class accuracy of held-out classes then; empty where none were held out.
    n_epochs_ : int
        Epochs that the final training took.
    penalty_ : float
        What to subtract from seen classes' scores where they compete with unseen ones, as held-out classes say.
    temperature_ : float
        What scores are divided by before the softmax of ``predict_proba``.
    spread_within_, spread_between_ : float
        Variance of made-up vectors within seen classes and between them, over that of real ones; near 0 after a
        collapse, which is warned of.
    seed_ : int
        Drawn from `random_state`.

    Raises
    ------
    InputError
        When a parameter is out of range, losses stop being finite, or `checkpoint` is of other work.
    MissingExtraError
        Without torch.

    Notes
    -----
    Inductive; unseen prototypes are looked at when classes are scored, never in `fit`. Then examples of each are made
    up and the final classifier is trained, O(C n_synthetic r) numbers; keep the result of ``scorer`` for a stream of
    vectors, though the last four vocabularies are remembered. A class's examples depend on its prototype and the seed
    alone; its score depends on its rivals.

    Departures from the authors' code. (1) Vectors are of unit length, centred, turned to principal axes and of one
    common scale, and generators end in linear outputs; the authors squeeze every feature into [0, 1] and end in a
    rectifier or a sigmoid. (2) Errors of reconstruction are squared, not absolute. (3) All networks have one width. (4)
    Their weights grow over epochs 6 to 22, 21 to 75 and 0 to 93 of 100; here over the same shares of `warmup`. (5) The
    number of epochs is chosen on held-out training classes, where the authors' code keeps the epoch that did best on
    the test classes. The final classifier is solved to its optimum on equally many examples of every class, where the
    authors stop after some steps, a hidden weight of seen against unseen classes. They draw 200 codes of a seen class
    and 400 of an unseen one, which weighs them.

    A method with a `classifier` of your own cannot be saved, because a class cannot be written into a file of numbers.

    References
    ----------
    Schonfeld, Ebrahimi, Sinha, Darrell and Akata, "Generalized Zero- and Few-Shot Learning via Aligned Variational
    Autoencoders", CVPR 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from unseen import Prototypes
    >>> from unseen.methods.synthesis.cadavae import CADAVAE
    >>> rng = np.random.default_rng(0)
    >>> p = Prototypes([f"class {i}" for i in range(8)], rng.normal(size=(8, 4)))
    >>> X = np.repeat(p.vectors @ rng.normal(size=(4, 6)), 4, axis=0) + 0.1 * rng.normal(size=(32, 6))
    >>> y = np.repeat(p.names, 4)
    >>> method = CADAVAE(20, n_hidden=32, n_synthetic=20, random_state=0)
    >>> method.fit(X[:28], y[:28], prototypes=p).score(X[:28], y[:28], prototypes=p) > 0.8
    True
    """

    citation = Citation(
        authors="Schonfeld, Ebrahimi, Sinha, Darrell and Akata",
        title="Generalized Zero- and Few-Shot Learning via Aligned Variational Autoencoders",
        venue="CVPR",
        year=2019,
        url="https://arxiv.org/abs/1812.01784",
    )
    search_space = MappingProxyType({"beta": (0.25, 1.0), "n_latent": (64, 128)})
    usual_epochs = 30
    prototype_length = 1.0
    beside_seen = True
    check_params = MappingProxyType(
        {**_Generative.check_params, "n_epochs": 40, "warmup": 20, "beta": 0.01, "C": 1.0, "n_synthetic": 100}
    )

    def __init__(
        self,
        n_epochs: int | None = None,
        *,
        max_epochs: int = 80,
        n_hidden: int = 512,
        n_latent: int = 64,
        beta: float = 0.25,
        gamma: float = 2.37,
        delta: float = 8.13,
        warmup: int = 90,
        batch_size: int = 128,
        learning_rate: float = 0.0003,
        n_synthetic: int = 200,
        classifier: Any = None,
        C: float = 0.01,
        n_components: int | None = 300,
        normalize: bool = True,
        validation_share: float = 0.25,
        checkpoint: str | None = None,
        device: str | None = None,
        verbose: bool = False,
        random_state: Any = None,
    ) -> None:
        self.n_epochs = n_epochs
        self.max_epochs = max_epochs
        self.n_hidden = n_hidden
        self.n_latent = n_latent
        self.beta = beta
        self.gamma = gamma
        self.delta = delta
        self.warmup = warmup
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.n_synthetic = n_synthetic
        self.classifier = classifier
        self.C = C
        self.n_components = n_components
        self.normalize = normalize
        self.validation_share = validation_share
        self.checkpoint = checkpoint
        self.device = device
        self.verbose = verbose
        self.random_state = random_state

    def _check_parameters(self) -> None:
        super()._check_parameters()
        for name in ("n_latent", "warmup"):
            check_number("CADAVAE", name, getattr(self, name), low=1, integer=True)
        for name in ("beta", "gamma", "delta"):
            check_number("CADAVAE", name, getattr(self, name), low=0)

    def _networks(self, d: int, k: int, n_seen: int) -> dict[str, nn.Module]:
        from unseen.methods.neural.networks import perceptron

        width, z = self.n_hidden, self.n_latent
        return {
            "vector_encoder": perceptron(d, width, 2 * z, slope=0),
            "prototype_encoder": perceptron(k, width, 2 * z, slope=0),
            "vector_decoder": perceptron(z, width, d, slope=0),
            "prototype_decoder": perceptron(z, width, k, slope=0),
        }

    def _optimizers(self) -> Mapping[str, tuple[Sequence[str], float, tuple[float, float]]]:
        names = ("vector_encoder", "prototype_encoder", "vector_decoder", "prototype_decoder")
        return {"all": (names, self.learning_rate, (0.9, 0.999))}

    def _step(self, session: Session) -> Mapping[str, Tensor]:
        import torch

        from unseen.methods.neural.networks import kl_divergence, reparameterize, squared_error

        parts, batch = session.parts, session.batch()
        n, done = len(batch), session.epoch / self.warmup
        mean_x, log_x = parts["vector_encoder"](batch.x).chunk(2, dim=1)
        mean_a, log_a = parts["prototype_encoder"](batch.a).chunk(2, dim=1)
        noise = session.noise(2 * n, self.n_latent)
        # Each decoder rebuilds its side from both codes, its own first.
        z_x, z_a = reparameterize(mean_x, log_x, noise[:n]), reparameterize(mean_a, log_a, noise[n:])
        x = parts["vector_decoder"](torch.cat([z_x, z_a]))
        a = parts["prototype_decoder"](torch.cat([z_a, z_x]))
        own = squared_error(x[:n], batch.x) + squared_error(a[:n], batch.a)
        crossed = squared_error(x[n:], batch.x) + squared_error(a[n:], batch.a)
        divergence = kl_divergence(mean_x, log_x) + kl_divergence(mean_a, log_a)
        squares = (mean_x - mean_a).square() + ((0.5 * log_x).exp() - (0.5 * log_a).exp()).square()
        apart = squares.sum(dim=1).clamp(min=1e-12).sqrt().mean()
        weights = (
            self.beta * _grown(done, 0.0, 1.0),
            self.gamma * _grown(done, 0.22, 0.8),
            self.delta * _grown(done, 0.06, 0.24),
        )
        session.update("all", own + weights[0] * divergence + weights[1] * crossed + weights[2] * apart)
        return {"reconstruction": own, "divergence": divergence, "crossed": crossed, "distance": apart}

    def _noise_size(self, k: int) -> int:
        return self.n_latent

    def _generate(self, parts: nn.ModuleDict, A: Tensor, noise: Tensor) -> Tensor:
        made: Tensor = parts["vector_decoder"](self._made(parts, A, noise))
        return made

    def _made(self, parts: nn.ModuleDict, A: Tensor, noise: Tensor) -> Tensor:
        from unseen.methods.neural.networks import reparameterize

        mean, log_variance = parts["prototype_encoder"](A).chunk(2, dim=1)
        return reparameterize(mean, log_variance, noise)

    def _real(self, parts: nn.ModuleDict, X: Tensor, noise: Tensor) -> Tensor:
        from unseen.methods.neural.networks import reparameterize

        mean, log_variance = parts["vector_encoder"](X).chunk(2, dim=1)
        return reparameterize(mean, log_variance, noise)

    def _represent(self, parts: nn.ModuleDict, X: Tensor) -> Tensor:
        mean: Tensor = parts["vector_encoder"](X).chunk(2, dim=1)[0]
        return mean


def _grown(done: float, first: float, last: float) -> float:
    """Return what share of a weight is reached when this share of the warm-up is done."""
    return min(1.0, max(0.0, (done - first) / (last - first)))
