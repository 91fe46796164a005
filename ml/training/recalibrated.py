"""`python -m ml recalibrate`: a bundle's members as they are, with a new stack, temperatures and thresholds."""

from pathlib import Path

from safetensors.torch import load_file

from detection import bundle as bundles
from detection.auxiliary import load_auxiliary_model
from detection.auxiliary_files import COMPRESSION
from detection.bundle import Bundle
from detection.networks.compression_cells import CompressionCells
from ml.training.baseline_card import baseline_card
from ml.training.bundle_writer import PackedInput
from ml.training.calibrate import SplitSides, calibrate_and_write
from ml.training.candidate_members import voter_of
from ml.training.operating_point import ThresholdRule
from ml.training.preparation import prepare
from ml.training.stored_sides import stored_side
from ml.training.timed_baseline import MADE_MISS, MISS_AT_MOST, OWN_WEIGHT, PULL


def recalibrate(
    data: Path,
    out: Path,
    *,
    work: Path,
    init: Path,
    version: str,
    compression: Path | None = None,
    limit: int | None = None,
) -> Bundle:
    """Writes a bundle to `out`.

    init: whose members are taken. compression: folder of the auxiliary model that the stack reads next to them; without
    it, what the stack of `init` reads. limit: photographs of each source and label, for a smoke run. Raises
    SourceMissing, BundleRefused, AuxiliaryModelRefused, ValueError.
    """
    served = bundles.read(init)
    stack_input = packed_compression(compression) if compression else PackedInput.of(init, served.stack_input)
    prepared = prepare(data, work, seed=0, limit=limit)
    if limit is None:
        prepared.require_split_of(served)
    network = stack_input.for_stack if stack_input else None
    sides = {
        name: stored_side(prepared, prepared.store(name), network) for name in ("stack", "validation", "test")
    }
    bundle = calibrate_and_write(
        out,
        [voter_of(member, load_file(init / member.file)) for member in served.members],
        SplitSides(**sides, files=stored_side(prepared, prepared.files("test"), network)),
        ThresholdRule(MISS_AT_MOST, is_certified=limit is None, made_miss=MADE_MISS),
        version=version,
        provenance={
            **served.provenance,
            "splits_sha256": prepared.frozen,
            "smoke": limit is not None,
            "members_of": served.version,
            "stack_input": str(compression or served.version),
            "stack": f"RFF's own rows {OWN_WEIGHT:g} times, penalty {PULL:g}",
        },
        card="",
        own_weight=OWN_WEIGHT,
        pull=PULL,
        stack_input=stack_input,
    )
    (out / bundles.MODEL_CARD).write_text(baseline_card(bundle))
    return bundle


def packed_compression(folder: Path) -> PackedInput:
    """An auxiliary model that reads the compression, as a stack's input. Raises AuxiliaryModelRefused, ValueError."""
    model = load_auxiliary_model(folder)
    if model.view != COMPRESSION or not isinstance(model.network, CompressionCells):
        raise ValueError(
            f"the auxiliary model in {folder} does not read the compression: a stack cannot use it"
        )
    return PackedInput(model.network, model.network.arguments)
