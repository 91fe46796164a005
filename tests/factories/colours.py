"""Conversions between RGB colour spaces from their chromaticities, independent of any colour management library."""

import numpy as np

# Chromaticities of red, green and blue (ITU-R BT.709, SMPTE EG 432-1, ITU-R BT.2020, Adobe RGB 1998); white is D65.
PRIMARIES = {
    "sRGB": ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),
    "P3": ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    "BT.2020": ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
}
D65 = (0.3127, 0.3290)
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def xyz(chromaticity: tuple[float, float]) -> np.ndarray:
    x, y = chromaticity
    return np.array([x / y, 1.0, (1 - x - y) / y])


def to_xyz(name: str) -> np.ndarray:
    """(3, 3): linear RGB to XYZ under D65, after Lindbloom."""
    columns = np.stack([xyz(primary) for primary in PRIMARIES[name]], axis=1)
    return columns * np.linalg.solve(columns, xyz(D65))


def linear(values: np.ndarray) -> np.ndarray:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def encoded(values: np.ndarray) -> np.ndarray:
    values = np.clip(values, 0, 1)
    return np.where(values <= 0.0031308, values * 12.92, 1.055 * values ** (1 / 2.4) - 0.055)


def in_space(srgb: np.ndarray, name: str) -> np.ndarray:
    """(H, W, 3) uint8 of sRGB as uint8 of another space with the curve of sRGB."""
    matrix = np.linalg.solve(to_xyz(name), to_xyz("sRGB"))
    return np.rint(encoded(linear(srgb / 255) @ matrix.T) * 255).astype(np.uint8)


def to_srgb(pixels: np.ndarray, name: str) -> np.ndarray:
    """(H, W, 3) uint8 of a space with the curve of sRGB as uint8 of sRGB; colours outside are clipped."""
    matrix = np.linalg.solve(to_xyz("sRGB"), to_xyz(name))
    return np.rint(encoded(linear(pixels / 255) @ matrix.T) * 255).astype(np.uint8)
