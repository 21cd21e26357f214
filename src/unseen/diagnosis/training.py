"""How the training of a neural generator went: its losses, and what held-out classes said of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from unseen.diagnosis.finding import Finding, Severity
from unseen.errors import InputError
from unseen.methods.synthesis.generative import _Generative
from unseen.validation import import_extra, message, verbatim

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["measure_training", "plot_training"]

_STYLES = ("-", "--", ":", "-.")


def measure_training(method: Any) -> Finding:
    """Say whether a fitted neural generator was trained for long enough, by its held-out classes.

    Parameters
    ----------
    method : fitted neural generator
        One of those that docs/generators.md lists.

    Returns
    -------
    Finding
        ``figures``: ``epochs`` trained; ``most`` that were allowed; ``held_out``, the best accuracy of held-out
        classes among themselves, and ``held_out_last``, that of the last look; without a rehearsal there is neither.
        ``severity`` is "mild" where the best look was the last one that was allowed: longer training may do better.
        The picture shows the looks; :func:`plot_training` has the losses too.

    Raises
    ------
    InputError
        When the method is no neural generator.
    NotFittedError
        When it is not fitted.
    """
    curve = _checked("measure_training", method).validation_curve_
    accuracies = curve[:, 1]
    figures = {
        "epochs": float(method.n_epochs_),
        "most": float(method.max_epochs if method.n_epochs is None else method.n_epochs),
    }
    severity: Severity = "none"
    if not len(curve):
        verdict = f"Trained for {method.n_epochs_} epochs; no classes were held out to say whether that is enough."
    else:
        figures |= {"held_out": float(accuracies.max()), "held_out_last": float(accuracies[-1])}
        verdict = (
            f"Held-out classes were recognised best, {figures['held_out']:.0%} of them, after {method.n_epochs_} "
            f"epochs, which is how long all classes were trained on; {figures['most']:.0f} were allowed."
        )
        if method.n_epochs_ >= method.max_epochs:
            severity = "mild"
            verdict += " It was still getting better when it had to end: try twice the max_epochs."
    rows = [{"epochs": int(epoch), "held_out": round(float(value), 4)} for epoch, value in curve]
    return Finding("training", "Training", severity, verdict, figures, rows, lambda axes: _draw_looks(axes, method))


def plot_training(method: Any) -> Figure:
    """Return a picture of a fitted neural generator's training: losses on the left, held-out classes on the right.

    Parameters
    ----------
    method : fitted neural generator

    Returns
    -------
    matplotlib.figure.Figure
        Shown by notebooks as it is; ``savefig("training.png")`` writes it.

    Raises
    ------
    InputError
        When the method is no neural generator.
    MissingExtraError
        When matplotlib is not installed.
    """
    _checked("plot_training", method)
    import_extra("matplotlib", extra="plots", purpose="plot_training")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    epochs = np.arange(1, len(method.losses_) + 1)
    for i, (name, losses) in enumerate(zip(method.loss_names_, method.losses_.T, strict=True)):
        # Losses of different kinds have different sizes; what matters is whether each settles.
        size = float(np.abs(losses).max()) or 1.0
        label = f"{name} (of {size:.3g})"
        left.plot(epochs, losses / size, label=label, linestyle=_STYLES[i % 4], marker="." if len(epochs) == 1 else "")
    left.set_title("Losses, all classes")
    left.set_xlabel("epochs")
    left.set_ylabel("mean of an epoch, over the largest")
    left.legend()
    _draw_looks(right, method)
    for axes in (left, right):
        axes.grid(alpha=0.3)
    return figure


def _draw_looks(axes: Axes, method: Any) -> None:
    axes.set_title("Held-out training classes")
    axes.set_xlabel("epochs")
    axes.set_ylabel("accuracy among themselves")
    curve = method.validation_curve_
    if not len(curve):
        axes.text(0.5, 0.5, "none were held out", ha="center", va="center", transform=axes.transAxes)
        axes.set_xticks([])
        axes.set_yticks([])
        return
    axes.plot(*curve.T, color="C0", marker="o", markersize=4)
    axes.axvline(method.n_epochs_, color="0.4", linestyle="--")
    axes.annotate(
        f" chosen: {method.n_epochs_}", (method.n_epochs_, 0.03), xycoords=("data", "axes fraction"), fontsize=9
    )
    axes.set_ylim(0, None)


def _checked(owner: str, method: Any) -> Any:
    if not isinstance(method, _Generative):
        found = verbatim(type(method).__name__)
        remedy = "Pass CADAVAE or another that is trained by epochs"
        raise InputError(message(owner, "method", "a neural generator", found, remedy))
    check_is_fitted(method)
    return method
