"""Long runs of one byte, which entropy coding does not produce: a part of the data was overwritten or never written."""

# Measured on flat, two-coloured, drawn and noisy pictures of up to a megapixel: HEVC and AV1 have no runs of even
# 12 bytes. Large flat pictures may have longer ones: the formats' modules say which.
LONGEST_RUN_BYTES = 64


def has_long_run(data: bytes, start: int, end: int, longest: int) -> bool:
    """Whether more than `longest` equal bytes follow each other in data[start:end].

    Only every `longest // 2`-th place is looked at, since a longer run covers two of them in a row.
    """
    step = longest // 2
    end = min(end, len(data))
    samples = data[start:end:step]
    for number in range(len(samples) - 1):
        if samples[number] == samples[number + 1]:
            at = start + number * step
            if _run(data, at, longest, start, end) > longest:
                return True
    return False


def _run(data: bytes, at: int, longest: int, start: int, end: int) -> int:
    """The length of the run of equal bytes around `at`, as far as it matters."""
    byte = data[at : at + 1]
    after = data[at : min(end, at + longest + 1)]
    before = data[max(start, at - longest - 1) : at]
    return len(after) - len(after.lstrip(byte)) + len(before) - len(before.rstrip(byte))
