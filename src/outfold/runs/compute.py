"""On what a pipeline is trained: how many folds at once, and on which devices. It enters no fingerprint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from outfold.config.neural import NeuralPipeline
from outfold.config.pipeline import ModelPipeline
from outfold.errors import ConfigError


@dataclass(frozen=True)
class Compute:
    """What the command line asks for, which goes before what a pipeline's file says.

    Attributes:
        jobs: folds side by side; None: not said.
        devices: by torch's names; empty: not said.
        processes: that train one fold together.

    Raises:
        ConfigError: folds side by side, and several processes for each.
    """

    jobs: int | None = None
    devices: Sequence[str] = ()
    processes: int = 1

    def __post_init__(self) -> None:
        if self.processes > 1 and (self.jobs or 1) > 1:
            raise ConfigError("--jobs trains folds side by side, --processes one fold at a time: give one of them")

    def devices_for(self, config: ModelPipeline, where: str) -> list[str]:
        """The devices that the workers of a pipeline are given in turn; empty where it knows no devices.

        Left out, they are all CUDA GPUs where the pipeline says ``device: auto``, and its own device otherwise.

        Raises:
            ConfigError: no such device here.
        """
        if not isinstance(config, NeuralPipeline):
            return []
        from outfold.training.device import every_gpu, pick_device

        given = [*self.devices] or config.devices
        if not given:
            return (every_gpu() if config.device == "auto" else []) or [config.device]
        where = "--devices" if self.devices else where
        return [str(pick_device(name, where)) for name in given]

    def jobs_for(self, config: ModelPipeline) -> int:
        """Folds side by side: what is said, or as many as there are devices that are said."""
        said = self.jobs or config.jobs
        if said is None and isinstance(config, NeuralPipeline):
            said = len([*self.devices] or config.devices)
        return said or 1


ANY = Compute()
"""What the pipeline's file says."""


def placed(config: ModelPipeline, devices: Sequence[str], place: int) -> ModelPipeline:
    """The configuration for the process of this number, which has its turn of the devices."""
    if not devices:
        return config
    return config.model_copy(update={"device": devices[place % len(devices)]})
