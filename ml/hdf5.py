"""A data store in the files of system T: float HDF5 with one dataset a shard, pixels 0..1 flat and the class last.

Unlike everywhere else here, class 1 is *real* in these files. Needs the extra `hdf5`.
"""

from pathlib import Path

import numpy as np

from ml.shards import SIDES, Store

WHOLE = "data.h5"
BLOCK = 256  # rows held in memory at a time


def export(store: Store, folder: Path, sides: np.ndarray) -> list[Path]:
    """Writes `data.h5` (float64; `dataset1` and so on) and one file a side (`train.h5`, float32; `train0` and so on).

    sides: (N,) as `ml.shards.divided` gives. Returns the four paths. Rows are (side * side * 3 + 1) wide.
    """
    import h5py

    folder.mkdir(parents=True, exist_ok=True)
    width = store.side * store.side * 3 + 1
    wanted = [(WHOLE, "dataset", 1, "float64", np.ones(len(store), bool))]
    wanted += [(f"{name}.h5", name, 0, "float32", sides == name) for name in SIDES]
    for file_name, title, first, kind, chosen in wanted:
        with h5py.File(folder / file_name, "w") as file:
            for number in range(int(store.shard.max()) + 1):
                rows = np.flatnonzero(chosen & (store.shard == number))
                table = file.create_dataset(f"{title}{number + first}", (len(rows), width), kind)
                for start in range(0, len(rows), BLOCK):
                    part = rows[start : start + BLOCK]
                    pixels = store.images(part).reshape(len(part), -1) / 255
                    table[start : start + len(part)] = np.column_stack([pixels, 1 - store.label[part]])
    return [folder / file_name for file_name, *_ in wanted]
