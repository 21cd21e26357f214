"""Progress of a training, with its losses, for whoever watches."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from unseen.methods.neural.session import Session

__all__ = ["watched"]


@contextmanager
def watched(label: str, n_epochs: int, done: int, *, shown: bool) -> Iterator[Callable[[Session], None]]:
    """Show a bar of epochs with the latest losses on standard error while the block runs; yields what to call."""
    if not shown:
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[losses]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(label, total=n_epochs, completed=done, losses="")

        def tell(session: Session) -> None:
            losses = ", ".join(
                f"{name} {value:.3g}" for name, value in zip(session.names, session.losses[-1], strict=True)
            )
            bar.update(task, completed=session.epoch, losses=losses)

        yield tell
