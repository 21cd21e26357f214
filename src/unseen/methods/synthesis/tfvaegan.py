"""TF-VAEGAN: f-VAEGAN with a decoder back to prototypes, which corrects the generator and joins the vectors."""

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

__all__ = ["TFVAEGAN"]


class TFVAEGAN(_Generative):
    r"""Generate vectors that decode to their prototypes; what the decoder saw corrects a second generation.

    .. math:: \min_{E,G,F,S} \max_D \; \mathcal L_{\text{f-VAEGAN}}
       + \beta \bigl(\lVert S(x) - a\rVert_1 + \lVert S(\tilde x) - a\rVert_1\bigr), \qquad
       \tilde x = G\bigl(z, a;\; \eta\, F(h(G(z, a)))\bigr)

    with h the hidden layer of the decoder S, and F's output added to the hidden layer of G. The classifier is handed
    :math:`[x; h(x)]`.

    Parameters
    ----------
    n_epochs : int or None, default None
        Passes over the samples, at least 1. None chooses them on held-out classes; with fewer than 12 seen classes
        it is 30.
    max_epochs : int, default 40
        The most that are tried when they are chosen, at least 1.
    n_hidden : int, default 512
        Width of every network's hidden layer, at least 1.
    n_latent : int, default 64
        Numbers of a code, at least 1.
    n_critic : int, default 5
        Steps of the critic for one of the generator, at least 1.
    gradient_penalty : float, default 10.0
        Weight of the critic's gradient penalty, lambda, at least 0.
    gamma : float, default 10.0
        Weight of the critic in the generator's loss, at least 0.
    beta : float, default 0.1
        Weight of decoding prototypes, at least 0.
    feedback : float, default 0.3
        How much of the feedback is added, eta, at least 0; 0 leaves it out.
    batch_size : int, default 256
        Samples of a step, at least 1.
    learning_rate : float, default 0.0005
        Of Adam, above 0.
    n_synthetic : int, default 200
        Examples that the final classifier sees of each class, at least 2: made-up ones; for a class of `fit` real
        ones, repeated or thinned out.
    classifier : scikit-learn classifier or None, default None
        What is trained on them; a copy, so it stays as it is. It needs ``decision_function`` or ``predict_proba``.
        None is a softmax classifier, solved to its optimum: it has no number of steps to tune.
    C : float, default 0.001
        Inverse strength of that one's penalty, above 0. Small values suit examples that were made up.
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
        All weights of the networks: encoder, then of the generator, the feedback, the critic and the decoder.
    sizes_ : ndarray of shape (3,)
        Numbers of a scaled vector r, of a prototype k, and of seen classes.
    feature_mean_, axes_, prototype_mean_ : ndarray of shapes (d,), (d, r) and (k,)
        The scalings: vectors are centred, turned to their principal axes and given variance one on average;
        prototypes are taken as directions from the mean of the seen ones, of length root k.
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
    rectifier or a sigmoid. (2) Errors of reconstruction are squared; theirs are cross-entropies of features in [0, 1].
    (3) Steps with and without feedback take turns, and the decoder learns once in each; theirs are passes in turns.
    (4) The critic's gradient penalty is differentiated in closed form. (5) The number of epochs is chosen on held-out
    training classes, where the authors' code keeps the epoch that did best on the test classes. The final classifier is
    solved to its optimum on equally many examples of every class, where the authors stop after some steps, a hidden
    weight of seen against unseen classes.

    A method with a `classifier` of your own cannot be saved, because a class cannot be written into a file of numbers.

    References
    ----------
    Narayan, Gupta, Khan, Snoek and Shao, "Latent Embedding Feedback and Discriminative Features for Zero-Shot
    Classification", ECCV 2020.
    Gulrajani, Ahmed, Arjovsky, Dumoulin and Courville, "Improved Training of Wasserstein GANs", NIPS 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from unseen import Prototypes
    >>> from unseen.methods.synthesis.tfvaegan import TFVAEGAN
    >>> rng = np.random.default_rng(0)
    >>> p = Prototypes([f"class {i}" for i in range(8)], rng.normal(size=(8, 4)))
    >>> X = np.repeat(p.vectors @ rng.normal(size=(4, 6)), 4, axis=0) + 0.1 * rng.normal(size=(32, 6))
    >>> y = np.repeat(p.names, 4)
    >>> method = TFVAEGAN(20, n_hidden=32, n_synthetic=20, random_state=0)
    >>> method.fit(X[:28], y[:28], prototypes=p).predict(X[:2], prototypes=p).tolist()
    ['class 0', 'class 0']
    """

    citation = Citation(
        authors="Narayan, Gupta, Khan, Snoek and Shao",
        title="Latent Embedding Feedback and Discriminative Features for Zero-Shot Classification",
        venue="ECCV",
        year=2020,
        url="https://arxiv.org/abs/2003.07833",
    )
    search_space = MappingProxyType({"gamma": (1.0, 10.0), "feedback": (0.0, 0.3)})
    usual_epochs = 30

    def __init__(
        self,
        n_epochs: int | None = None,
        *,
        max_epochs: int = 40,
        n_hidden: int = 512,
        n_latent: int = 64,
        n_critic: int = 5,
        gradient_penalty: float = 10.0,
        gamma: float = 10.0,
        beta: float = 0.1,
        feedback: float = 0.3,
        batch_size: int = 256,
        learning_rate: float = 0.0005,
        n_synthetic: int = 200,
        classifier: Any = None,
        C: float = 0.001,
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
        self.n_critic = n_critic
        self.gradient_penalty = gradient_penalty
        self.gamma = gamma
        self.beta = beta
        self.feedback = feedback
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
        for name in ("n_latent", "n_critic"):
            check_number("TFVAEGAN", name, getattr(self, name), low=1, integer=True)
        for name in ("gradient_penalty", "gamma", "beta", "feedback"):
            check_number("TFVAEGAN", name, getattr(self, name), low=0)

    def _networks(self, d: int, k: int, n_seen: int) -> dict[str, nn.Module]:
        from unseen.methods.neural.networks import Critic, perceptron

        width = self.n_hidden
        return {
            "encoder": perceptron(d + k, width, 2 * self.n_latent),
            "generator": perceptron(k + self.n_latent, width, d),
            "feedback": perceptron(width, width, width),
            "critic": Critic(d, k, width),
            "decoder": perceptron(d, width, k),
        }

    def _optimizers(self) -> Mapping[str, tuple[Sequence[str], float, tuple[float, float]]]:
        betas = (0.5, 0.999)
        return {
            "generator": (("encoder", "generator", "feedback"), self.learning_rate, betas),
            "critic": (("critic",), self.learning_rate, betas),
            "decoder": (("decoder",), self.learning_rate, betas),
        }

    def _step(self, session: Session) -> Mapping[str, Tensor]:
        import torch
        from torch.nn import functional

        from unseen.methods.neural.adversary import critic_steps
        from unseen.methods.neural.networks import kl_divergence, reparameterize, squared_error

        parts, z = session.parts, self.n_latent
        corrected = session.turn % 2 == 0

        def make(a: Tensor) -> Tensor:
            return self._paint(parts, a, session.noise(len(a), z), corrected=corrected)

        losses = critic_steps(session, make, n_steps=self.n_critic, penalty=self.gradient_penalty)
        batch = session.batch()
        n = len(batch)
        decoded = functional.l1_loss(parts["decoder"](batch.x), batch.a, reduction="sum") / n
        session.update("decoder", decoded)
        mean, log_variance = parts["encoder"](torch.cat([batch.x, batch.a], dim=1)).chunk(2, dim=1)
        noise = session.noise(2 * n, z)
        codes = torch.cat([reparameterize(mean, log_variance, noise[:n]), noise[n:]])
        a = batch.a.repeat(2, 1)
        made = self._paint(parts, a, codes, corrected=corrected)
        rebuilt, divergence = squared_error(made[:n], batch.x), kl_divergence(mean, log_variance)
        fooled = -parts["critic"](made[n:], batch.a).mean()
        back = functional.l1_loss(parts["decoder"](made), a, reduction="sum") / (2 * n)
        session.update("generator", rebuilt + divergence + self.gamma * fooled + self.beta * back)
        return {
            **losses,
            "generator": fooled,
            "reconstruction": rebuilt,
            "divergence": divergence,
            "decoding": decoded,
            "cycle": back,
        }

    def _noise_size(self, k: int) -> int:
        return self.n_latent

    def _generate(self, parts: nn.ModuleDict, A: Tensor, noise: Tensor) -> Tensor:
        return self._paint(parts, A, noise, corrected=True)

    def _paint(self, parts: nn.ModuleDict, A: Tensor, noise: Tensor, *, corrected: bool) -> Tensor:
        import torch

        first, rectify, last = parts["generator"]
        hidden = rectify(first(torch.cat([A, noise], dim=1)))
        made: Tensor = last(hidden)
        if not (corrected and self.feedback):
            return made
        again: Tensor = last(hidden + self.feedback * parts["feedback"](_hidden(parts, made)))
        return again

    def _represent(self, parts: nn.ModuleDict, X: Tensor) -> Tensor:
        import torch

        return torch.cat([X, _hidden(parts, X)], dim=1)


def _hidden(parts: nn.ModuleDict, X: Tensor) -> Tensor:
    """Return the decoder's hidden layer (n, n_hidden) of vectors X (n, d)."""
    first, rectify, _ = parts["decoder"]
    hidden: Tensor = rectify(first(X))
    return hidden
