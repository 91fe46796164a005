"""The files that are probed are those of the bundle's mix, and the report compares like with like."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml.cli import main
from ml.synthesis.forged_rows import OWN
from ml.training.compression import versions
from ml.training.preparation import prepare

DATA = Path("../shared/data")


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason="the research pictures are not here: ../shared/data")
def test_the_probed_files_are_those_that_the_stack_was_fitted_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ml.evaluation.mix_probes.TREES", 10)
    out, work = tmp_path / "probes.json", tmp_path / "work"
    few = ["--pairs", "12", "--smoke"]
    command = ["probes", "--data", str(DATA), "--work", str(work), "--out", str(out), *few]
    assert main(command) == 0
    report = json.loads(out.read_text())
    assert (report["bundle"], report["smoke"]) == ("baseline-7", True)
    for part in ("saved again", "genuine files"):
        found = report["parts"][part]
        assert (
            set(found["forests"]["the whole header"]) == set(found["stack_input"]) == {"validation", "test"}
        )

    prepared = prepare(DATA, work / "smoke", seed=0, limit=24)
    store, jobs = prepared.store("validation"), prepared.jobs("validation")
    row = next(number for number, job in enumerate(jobs) if job.way != OWN)
    genuine, forged = versions(prepared.photos, prepared.measures, jobs[row], camera=False)
    for number, version in ((row - 1, genuine), (row, forged)):
        pixels = np.asarray(Image.open(io.BytesIO(version.data)))
        assert np.array_equal(pixels, store.image(number))
        assert (version.label, version.post, version.change) == tuple(
            store.columns[name][number] for name in ("label", "post", "change")
        )
