"""Checks of a picture as `detection.faces.examine` makes them."""

from detection.checks import Check, CheckCode, CheckName, CheckStatus


def checks(**others: tuple[CheckStatus, CheckCode]) -> tuple[Check, ...]:
    """One check of each name; all pass, but those named: `checks(pose=(CheckStatus.DOUBT, CheckCode.TURNED_AWAY))`."""
    made = []
    for name in CheckName:
        status, code = others.get(name.value, (CheckStatus.PASS, None))
        made.append(Check(name, status, value=0.5, limit=0.4, code=code))
    return tuple(made)


def failing(name: CheckName, code: CheckCode) -> tuple[Check, ...]:
    return checks(**{name.value: (CheckStatus.FAIL, code)})


def doubting(name: CheckName, code: CheckCode) -> tuple[Check, ...]:
    return checks(**{name.value: (CheckStatus.DOUBT, code)})
