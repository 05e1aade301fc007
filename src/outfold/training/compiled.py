"""``compile: true``: the steps of training go through torch.compile, or on without it where there is no compiler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from outfold.training.oom import is_too_large

BACKEND: str | Callable[..., Any] = "inductor"


class Compiled(nn.Module):
    """A model whose features are computed by compiled code while gradients are taken, and as ever otherwise.

    The model itself stays what it was: its weights, their names, its copies, and what it computes for validation and
    predictions. Its head is not compiled, for its dropout may be another one at each step.

    Each phase has its own, compiled for the sizes of its batches when they first come. The code depends on these alone,
    so that a run that goes on after a stop has the same.

    Args:
        model: of timm.
        tell: told in words why there is no compiled code.
    """

    def __init__(self, model: nn.Module, tell: Callable[[str], None]) -> None:
        super().__init__()
        self.model = model
        self._tell = tell
        self._proven = False
        # what was compiled for other phases is of no use any more, and counts against torch's limit
        torch.compiler.reset()
        options = _same_each_time() if BACKEND == "inductor" else None
        method: Any = getattr(model, "forward_features", None)
        self._features = method and torch.compile(method, backend=BACKEND, dynamic=False, options=options)
        if self._features is None:
            self._give_up(f"{type(model).__name__} has no forward_features")

    def forward(self, images: Tensor) -> Tensor:
        """The model's outputs."""
        if self._features is None or not torch.is_grad_enabled():
            return self.model(images)
        try:
            outputs = self._compiled(images)
        except Exception as error:
            # what has worked once fails for a reason of its own
            if self._proven or is_too_large(error):
                raise
            self._give_up(_told(error))
            return self.model(images)
        self._proven = True
        return outputs

    def _compiled(self, images: Tensor) -> Tensor:
        own = vars(self.model)
        own["forward_features"] = self._features  # found before the method of the class
        try:
            return self.model(images)
        finally:
            del own["forward_features"]

    def _give_up(self, why: str) -> None:
        self._features = None
        self._tell(f"compile: torch.compile does not work here ({why}); the training goes on without it")


def _told(error: Exception) -> str:
    """The first line of what the compiler says, without torch's words around it."""
    cause = getattr(error, "inner_exception", error)
    return (str(cause).strip() or type(cause).__name__).splitlines()[0]


def _same_each_time() -> dict[str, Any] | None:
    """Options under which the compiler chooses code by rule, not by how fast it was this time."""
    return {"deterministic": True} if "deterministic" in torch._inductor.list_options() else None
