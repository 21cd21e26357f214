"""What neural generators share: held-out classes, made-up examples on demand, the classifier behind them."""

from __future__ import annotations

import hashlib
import warnings
import weakref
from collections import OrderedDict
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from scipy.special import softmax
from sklearn.base import clone

from unseen.errors import InputError
from unseen.methods.base import Capabilities
from unseen.methods.meta.members import seen_rows
from unseen.methods.synthesis.synthesizer import Synthesizer
from unseen.validation import check_number, check_seed, check_switch, import_extra, message

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import Tensor, nn

    from unseen.methods.base import Array
    from unseen.methods.neural.session import Session
    from unseen.prototypes import Prototypes

__all__ = ["_Generative"]

# Vocabularies whose classifier is kept with a fitted method.
_REMEMBERED = 4
# Times that held-out classes are looked at, and looks without a better one after which training ends.
_LOOKS, _PATIENCE = 20, 6
# Made-up examples of a class at each of those looks.
_LOOKED_AT = 100
# Made-up examples spread less than this share of what real ones do, within classes or between them: collapsed.
_COLLAPSED = 0.002

_SCORERS: weakref.WeakKeyDictionary[Any, OrderedDict[bytes, Any]] = weakref.WeakKeyDictionary()


class _Generative(Synthesizer):
    """Base of neural generators; a subclass says which networks there are, how a step trains them, and what they make.

    Hooks of a subclass, which may import torch: ``_networks``, ``_optimizers``, ``_step``, ``_noise_size``,
    ``_generate``; and, where the classifier works in a space of its own, ``_represent`` and ``_examples``.
    """

    family = "synthesis"
    capabilities = Capabilities(generative=True)
    single_precision = True
    slow = True
    check_params = MappingProxyType(
        {"n_epochs": 12, "n_hidden": 64, "batch_size": 32, "learning_rate": 0.005, "n_synthetic": 20}
    )
    #: The length that prototypes have for the networks; None is the root of their number of dimensions.
    prototype_length: ClassVar[float | None] = None
    #: Whether the classifier learns the classes of `fit` too where they are not asked for: they mark off the others.
    beside_seen: ClassVar[bool] = False
    #: Epochs where nobody chose and there are too few classes to hold any out.
    usual_epochs: ClassVar[int] = 30

    n_epochs: int | None
    max_epochs: int
    n_hidden: int
    batch_size: int
    learning_rate: float
    n_synthetic: int
    classifier: Any
    C: float
    n_components: int | None
    normalize: bool
    validation_share: float
    checkpoint: str | None
    device: str | None
    verbose: bool
    random_state: Any

    # -- what an author writes ---------------------------------------------------------------------------

    def _networks(self, d: int, k: int, n_seen: int) -> dict[str, nn.Module]:
        """Return the networks by name, for vectors of d numbers, prototypes of k, and n_seen classes."""
        raise NotImplementedError  # pragma: no cover

    def _optimizers(self) -> Mapping[str, tuple[Sequence[str], float, tuple[float, float]]]:
        """Return what is updated together: name -> (names of networks, learning rate, betas of Adam)."""
        raise NotImplementedError  # pragma: no cover

    def _prepare(self, session: Session) -> None:
        """Do what must be done once before training."""

    def _step(self, session: Session) -> Mapping[str, Tensor]:
        """Update the networks once, and return the losses."""
        raise NotImplementedError  # pragma: no cover

    def _noise_size(self, k: int) -> int:
        """Return how many random numbers make one example."""
        raise NotImplementedError  # pragma: no cover

    def _generate(self, parts: nn.ModuleDict, A: Tensor, noise: Tensor) -> Tensor:
        """Return made-up vectors (n, d) of prototypes A (n, k)."""
        raise NotImplementedError  # pragma: no cover

    def _represent(self, parts: nn.ModuleDict, X: Tensor) -> Tensor:
        """Return what the classifier is handed of vectors X (n, d)."""
        return X

    def _real(self, parts: nn.ModuleDict, X: Tensor, noise: Tensor) -> Tensor:
        """Return what the classifier is trained on of real vectors X (n, d)."""
        return self._represent(parts, X)

    def _made(self, parts: nn.ModuleDict, A: Tensor, noise: Tensor) -> Tensor:
        """Return what the classifier is trained on of classes without examples, for prototypes A (n, k)."""
        return self._represent(parts, self._generate(parts, A, noise))

    # -- fitting -----------------------------------------------------------------------------------------

    def _check_parameters(self) -> None:
        owner = type(self).__name__
        if self.n_epochs is not None:
            check_number(owner, "n_epochs", self.n_epochs, low=1, integer=True)
        if self.n_components is not None:
            check_number(owner, "n_components", self.n_components, low=1, integer=True)
        for name in ("max_epochs", "n_hidden", "batch_size", "n_synthetic"):
            check_number(owner, name, getattr(self, name), low=2 if name == "n_synthetic" else 1, integer=True)
        for name in ("learning_rate", "C"):
            check_number(owner, name, getattr(self, name), low=0, low_open=True)
        check_number(owner, "validation_share", self.validation_share, low=0, high=0.5)
        check_switch(owner, "normalize", self.normalize)
        check_switch(owner, "verbose", self.verbose)
        for name in ("checkpoint", "device"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, str):
                raise InputError(message(owner, name, "text or None", value, "Pass a str"))

    def _fit(self, X: Array, y: Array, S: Array) -> None:
        from unseen.methods.neural.final import check_classifier

        owner = type(self).__name__
        self._check_parameters()
        check_classifier(owner, self.classifier)
        random = check_seed(owner, self.random_state)
        import_extra("torch", extra="neural", purpose=owner)
        from unseen.methods.neural.fitting import Fitting

        self.seed_ = int(random.randint(2**31 - 1))
        _SCORERS.pop(self, None)
        fitting = Fitting(self, X, y, S, looks=_LOOKS, patience=_PATIENCE, n_made=min(self.n_synthetic, _LOOKED_AT))
        model, rehearsal = fitting.run()
        space, session = model.space, fitting.session
        self.feature_mean_, self.axes_, self.prototype_mean_ = space.mean, space.axes, space.prototype_mean
        self.sizes_ = np.array([space.axes.shape[1], S.shape[1], len(S)])
        self.weights_ = model.vector()
        self.n_epochs_ = session.epoch
        self.loss_names_ = np.array(session.names, dtype=str)
        self.losses_ = np.array(session.losses, dtype=np.float64).reshape(session.epoch, -1)
        self.validation_curve_ = np.array(rehearsal.curve, dtype=np.float64).reshape(-1, 2)
        self.penalty_, self.temperature_ = rehearsal.penalty, rehearsal.temperature
        rows = fitting.shown(self.n_synthetic)
        self.examples_, self.example_classes_ = space.vectors(X[rows]).astype(np.float32), y[rows]
        self.spread_within_, self.spread_between_ = model.spreads(self.examples_, self.example_classes_, S)
        self._warn_of_collapse()

    def _warn_of_collapse(self) -> None:
        spread = min(self.spread_within_, self.spread_between_)
        if spread < _COLLAPSED:
            where = "within a class" if spread == self.spread_within_ else "between classes"
            warnings.warn(
                f"{type(self).__name__}: made-up examples vary {where} by {spread:.4f} of what real ones do: training "
                "has collapsed, and what is made up says little. Try another learning_rate, or more epochs.",
                UserWarning,
                stacklevel=6,
            )

    # -- scoring -----------------------------------------------------------------------------------------

    def _model(self) -> Any:
        import_extra("torch", extra="neural", purpose=type(self).__name__)
        from unseen.methods.neural.model import Model
        from unseen.methods.neural.space import Space

        space = Space(self.normalize, self.feature_mean_, self.axes_, self.prototype_mean_, self.prototype_length)
        # A copy without what was learned: what is remembered of it must not keep this one alive.
        return Model.of_vector(clone(self), space, self.sizes_.tolist(), self.weights_, self.seed_)

    def _usual(self) -> int:
        return self.n_synthetic

    def _make(self, P: Array, n: int) -> Array:
        made: Array = self._model().vectors(P, n)
        return made

    def _place(self, X: Array) -> Array:
        placed: Array = self._model().space.vectors(X)
        return placed

    def predict_proba(self, X: Any, *, prototypes: Prototypes | None = None) -> Array:
        """Return the softmax of the scores over the temperature that suited held-out classes, (n, C)."""
        probabilities: Array = softmax(self.class_scores(X, prototypes=prototypes) / self.temperature_, axis=1)
        return probabilities

    def _class_scores(self, X: Array, P: Array) -> Array:
        return self._scorer(P)(X)

    def _scorer(self, P: Array) -> Callable[[Array], Array]:
        # Sorted classes, each once: neither their order nor repetitions reach the classifier.
        narrow = P.astype(np.float32) + np.float32(0)  # adding zero makes -0.0 equal to 0.0
        classes, columns = np.unique(narrow, axis=0, return_inverse=True)
        columns = columns.ravel()
        kept = _SCORERS.setdefault(self, OrderedDict())
        key = hashlib.sha256(
            b"".join(
                [
                    classes.tobytes(),
                    self.weights_.tobytes(),
                    repr((classes.shape, self.n_synthetic, self.classifier, self.C)).encode(),
                ]
            )
        ).digest()
        if key not in kept:
            kept[key] = self._trained(classes.astype(np.float64))
            if len(kept) > _REMEMBERED:
                kept.popitem(last=False)
        kept.move_to_end(key)
        score = kept[key]
        return lambda X: np.asarray(score(X)[:, columns])

    def _trained(self, P: Array) -> Callable[[Array], Array]:
        """Return what scores vectors for different classes, trained on examples of each."""
        from unseen.methods.neural.final import train_classifier

        model, n_classes = self._model(), len(P)
        known = self.seen_prototypes_.vectors + np.float32(0)
        if self.beside_seen:  # the others are learned as well, and their scores are left out
            P = np.vstack([P, np.unique(known[seen_rows(P, known) < 0], axis=0)])
        seen = seen_rows(known, P)
        examples = model.examples(P, seen, self.examples_, self.example_classes_, self.n_synthetic)
        rate = train_classifier(examples, classifier=self.classifier, C=self.C, seed=self.seed_)
        return lambda X: rate(model.represent(X))[:, :n_classes]
