from kyc_review.retraining.presenters import FIGURES_MAX, figures


def test_nested_metrics_become_lines() -> None:
    metrics = {
        "test": {"auc": 0.912345, "recall_interval": [0.8, 0.95], "images": 12345},
        "note": "held out by person",
        "curve": [1, 2, 3, 4],
        "ok": True,
    }
    assert figures(metrics) == [
        ("test auc", "0.9123"),
        ("test recall interval", "0.8 to 0.95"),
        ("test images", "12,345"),
        ("note", "held out by person"),
    ]


def test_long_reports_are_cut_and_empty_ones_are_empty() -> None:
    assert len(figures({str(n): n for n in range(100)})) == FIGURES_MAX
    assert figures({}) == []
