"""A method's training from beginning to end: held-out classes first, then all; resumed where it was cut off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.errors import ModelError
from unseen.methods.neural.checkpoints import Checkpoint, work_digest
from unseen.methods.neural.final import evenly, train_classifier
from unseen.methods.neural.model import Model, build
from unseen.methods.neural.rehearsal import FEWEST_CLASSES, Rehearsal, accuracy_alone, cast, decide
from unseen.methods.neural.session import Session, device_of, train
from unseen.methods.neural.space import Space
from unseen.methods.neural.watching import watched

if TYPE_CHECKING:
    from collections.abc import Callable

    from unseen.methods.synthesis.generative import _Generative

__all__ = ["Fitting"]

Array = np.ndarray[Any, Any]
# What may change between two runs of the same training.
_OUTSIDE = ("checkpoint", "device", "verbose", "random_state")


class Fitting:
    """The work of one `fit`.

    Parameters
    ----------
    recipe : Generative
        The method; its parameters are checked.
    X, y, S : ndarray of shapes (n, d), (n,) and (C, k)
        Vectors, positions of their classes, prototypes.
    looks : int
        How often held-out classes are looked at within ``max_epochs``.
    patience : int
        Looks without a better one after which the rehearsal ends.
    n_made : int
        Made-up examples of a class at a look.
    """

    session: Session

    def __init__(
        self, recipe: _Generative, X: Array, y: Array, S: Array, *, looks: int, patience: int, n_made: int
    ) -> None:
        self.recipe, self.X, self.y, self.S = recipe, X, y, S
        self.owner = type(recipe).__name__
        self.every = max(1, recipe.max_epochs // looks)
        self.patience, self.n_made = patience, n_made
        self._best: dict[str, Array] = {}
        self.device = device_of(self.owner, recipe.device)
        settings = {k: v for k, v in recipe.get_params(deep=False).items() if k not in _OUTSIDE}
        described = repr((self.owner, sorted(settings.items()), recipe.seed_))
        self.checkpoint = Checkpoint(self.owner, recipe.checkpoint, work_digest({"X": X, "y": y, "S": S}, described))

    def run(self) -> tuple[Model, Rehearsal]:
        """Return the trained model, and what held-out classes have shown."""
        found = self.checkpoint.read()
        card, arrays = found if found else ({"phase": "none"}, {})
        n_epochs = self.recipe.n_epochs
        try:
            rehearsal = Rehearsal(
                [(int(epoch), float(value)) for epoch, value in card.get("curve", [])],
                float(card.get("penalty", 0.0)),
                float(card.get("temperature", 1.0)),
            )
            phase = str(card["phase"])
            names = [str(name) for name in card.get("names", [])]
        except (KeyError, TypeError, ValueError) as error:
            raise self.checkpoint.damaged(error) from None
        if n_epochs is None and len(self.S) >= FEWEST_CLASSES and self.recipe.validation_share:
            if phase != "final":
                self._rehearse(rehearsal, (names, arrays) if phase == "rehearsal" else None)
            if not rehearsal.curve:
                raise self.checkpoint.damaged(ValueError("nothing was looked at"))
            n_epochs = rehearsal.epochs
        n_epochs = type(self.recipe).usual_epochs if n_epochs is None else n_epochs
        space, self.session = self._start(np.arange(len(self.y)), self.y, self.S)
        if phase == "final":
            self._restore(names, arrays)
        card = {
            "phase": "final",
            "curve": rehearsal.curve,
            "penalty": rehearsal.penalty,
            "temperature": rehearsal.temperature,
        }
        self._train(n_epochs, card, "all classes", lambda _: False)
        self.checkpoint.remove()
        return Model(self.recipe, space, self.session.parts, self.recipe.seed_), rehearsal

    def rehearse(self) -> Rehearsal:
        """Return what held-out classes show, and nothing more: nothing is trained on all classes."""
        rehearsal = Rehearsal([])
        self._rehearse(rehearsal, None)
        return rehearsal

    def shown(self, n: int) -> Array:
        """Return rows of at most n samples of each class, spread out over the order they came in."""
        mine = (np.flatnonzero(self.y == c) for c in range(len(self.S)))
        return np.concatenate([rows[evenly(len(rows), min(n, len(rows)))] for rows in mine])

    def _start(self, rows: Array, y: Array, S: Array) -> tuple[Space, Session]:
        recipe = self.recipe
        space = Space.of(
            self.X[rows],
            S,
            n_components=recipe.n_components,
            normalize=recipe.normalize,
            length=recipe.prototype_length,
        )
        vectors = space.vectors(self.X[rows])
        sizes = (vectors.shape[1], S.shape[1], len(S))
        session = Session(
            build(recipe, sizes, recipe.seed_),
            vectors,
            y,
            space.prototypes(S),
            optimizers=recipe._optimizers(),
            batch_size=recipe.batch_size,
            seed=recipe.seed_,
            device=self.device,
        )
        recipe._prepare(session)
        return space, session

    def _restore(self, names: list[str], arrays: dict[str, Array]) -> None:
        try:
            self.session.restore(arrays, names)
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            raise self.checkpoint.damaged(error) from None

    def _train(self, n_epochs: int, card: dict[str, Any], label: str, look: Callable[[Session], bool]) -> None:
        recipe = self.recipe
        with watched(f"{self.owner}, {label}", n_epochs, self.session.epoch, shown=recipe.verbose) as tell:

            def after(session: Session) -> bool:
                enough = look(session)
                tell(session)
                if self.checkpoint.due():
                    self.checkpoint.write({**card, "names": session.names}, {**session.state(), **self._best})
                return enough

            train(self.owner, self.session, recipe._step, n_epochs=n_epochs, after=after)

    def _rehearse(self, rehearsal: Rehearsal, state: tuple[list[str], dict[str, Array]] | None) -> None:
        """Train without some classes, and fill in when they were recognised best and what decisions suited them."""
        recipe = self.recipe
        roles = cast(self.y, len(self.S), share=recipe.validation_share, seed=recipe.seed_)
        places = roles.places(self.y)
        space, self.session = self._start(
            roles.learned, places[roles.learned], self.S[roles.classes[: roles.n_trained]]
        )
        if state is not None:
            self._restore(*state)
            self._best = {key: value for key, value in state[1].items() if key == "best"}
        held = self.S[roles.classes[roles.n_trained :]]
        X_held, y_held = self.X[roles.held], places[roles.held]
        sizes = (*self.session.X.shape[1:], self.S.shape[1], roles.n_trained)

        def model_of(weights: Array) -> Model:
            return Model.of_vector(recipe, space, sizes, weights, recipe.seed_)

        def look(session: Session) -> bool:
            if session.epoch % self.every and session.epoch != recipe.max_epochs:
                return False
            weights = _weights(session)
            model = model_of(weights)
            score = train_classifier(model.made(held, self.n_made), classifier=None, C=recipe.C, seed=recipe.seed_)
            value = accuracy_alone(y_held - roles.n_trained, score, model.represent(X_held))
            rehearsal.curve.append((session.epoch, value))
            if rehearsal.epochs == session.epoch:
                self._best = {"best": weights}
            return rehearsal.hopeless(self.patience)

        over = bool(rehearsal.curve) and rehearsal.hopeless(self.patience)
        if not over:  # the last thing that a killed one did may have been to give up
            self._train(recipe.max_epochs, {"phase": "rehearsal", "curve": rehearsal.curve}, "held-out classes", look)
        try:
            model = model_of(self._best["best"])
        except (KeyError, ModelError) as error:
            raise self.checkpoint.damaged(error) from None
        rows = np.concatenate([roles.kept, roles.held])
        trained = np.concatenate([np.arange(roles.n_trained), np.full(len(held), -1)])
        scaled = space.vectors(self.X[roles.learned]).astype(np.float32)
        examples = model.examples(self.S[roles.classes], trained, scaled, places[roles.learned], recipe.n_synthetic)
        score = train_classifier(examples, classifier=recipe.classifier, C=recipe.C, seed=recipe.seed_)
        scores = score(model.represent(self.X[rows]))
        rehearsal.penalty, rehearsal.temperature = decide(places[rows], scores, roles.n_trained)
        self._best = {}


def _weights(session: Session) -> Array:
    from torch.nn.utils import parameters_to_vector

    vector: Array = parameters_to_vector(session.parts.parameters()).detach().cpu().numpy().copy()
    return vector
