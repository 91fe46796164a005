import numpy as np
import pytest

from ml.balancing import SETTINGS, WAYS, Balance, Setting, balance_of, mixture, resample


def rows(real: int, fake: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (real + fake, 4, 4, 3), dtype=np.uint8), np.array([0] * real + [1] * fake)


def test_setting_one_balances_the_classes() -> None:
    images, label = resample(*rows(40, 8), SETTINGS[1])
    assert np.bincount(label).tolist() == [40, 40]
    assert images.dtype == np.uint8
    assert images.shape == (80, 4, 4, 3)


def test_setting_two_reaches_two_fifths_then_one_half() -> None:
    _, label = resample(*rows(100, 8), SETTINGS[2])
    assert np.bincount(label).tolist() == [80, 40]


def test_settings_three_and_four_differ_only_in_their_loss() -> None:
    assert (SETTINGS[3].smote, SETTINGS[3].under) == (SETTINGS[4].smote, SETTINGS[4].under)
    assert SETTINGS[3].focal
    assert not SETTINGS[4].focal


def test_smote_rows_lie_between_two_fakes() -> None:
    images, label = rows(10, 2)
    made, made_label = resample(images, label, Setting(smote=1.0, under=None, focal=False))
    low, high = images[label == 1].min(0).astype(int), images[label == 1].max(0).astype(int)
    fakes = made[made_label == 1].astype(int)
    assert ((fakes >= low - 1) & (fakes <= high + 1)).all()


def test_one_fake_alone_is_refused() -> None:
    with pytest.raises(ValueError, match="two rows of each class"):
        resample(*rows(10, 1), SETTINGS[1])


@pytest.mark.parametrize("number", SETTINGS)
def test_streamed_resampling_gives_the_very_rows_that_imbalanced_learn_gives(number: int) -> None:
    images, label = rows(120, 9)
    whole, whole_label = resample(images, label, SETTINGS[number], seed=3)
    planned = mixture(label, lambda k: images[k], SETTINGS[number], seed=3)
    assert planned.label.tolist() == whole_label.tolist()
    streamed = np.concatenate(
        [planned.batch(part, lambda k: images[k]) for part in np.array_split(np.arange(len(planned)), 5)]
    )
    # imbalanced-learn adds in float32 from the other end of the line, so that a half may round either way
    assert np.abs(streamed.astype(int) - whole).max() <= 1
    assert (streamed == whole).mean() > 0.999


def test_streamed_resampling_holds_no_more_than_the_fakes() -> None:
    images, label = rows(300, 6)
    asked: list[int] = []

    def rows_of(indices: np.ndarray) -> np.ndarray:
        asked.append(len(indices))
        return images[indices]

    planned = mixture(label, rows_of, SETTINGS[1])
    assert asked == [6]
    assert len(planned) == 600


def test_streamed_resampling_refuses_more_fakes_than_reals() -> None:
    images, label = rows(4, 8)
    with pytest.raises(ValueError, match="fewer than reals: found 8 of 12"):
        mixture(label, lambda k: images[k], SETTINGS[1])


@pytest.mark.parametrize(("way", "setting"), [item for item in WAYS.items() if item[1]])
@pytest.mark.parametrize("counts", [(101, 9), (100, 37), (40, 40), (7, 2)])
def test_the_balance_that_is_told_is_the_one_that_resampling_leaves(
    way: str, setting: Setting, counts: tuple[int, int]
) -> None:
    images, label = rows(*counts)
    planned = mixture(label, lambda k: images[k], setting, seed=3)
    real, fake = np.bincount(planned.label).tolist()
    made = fake - counts[1]
    assert balance_of(way, *counts) == Balance(real, fake, made, round(fake / (real + fake), 4))


def test_pairs_make_nothing_up_and_show_as_many_fakes_as_reals() -> None:
    assert balance_of("pairs", 90, 10) == Balance(90, 10, 0, 0.5)


def test_where_fakes_are_not_the_rarer_label_nothing_is_resampled() -> None:
    assert balance_of("smote", 10, 30) == Balance(10, 30, 0, 0.75)
