import pytest
import torch

from detection.precision import FORCE_FLOAT32, has_bfloat16, network_dtype

CPU = torch.device("cpu")


@pytest.mark.parametrize("native", [True, False])
def test_networks_run_in_bfloat16_only_where_the_processor_has_it(
    monkeypatch: pytest.MonkeyPatch, native: bool
) -> None:
    monkeypatch.delenv(FORCE_FLOAT32, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: native)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    assert has_bfloat16(CPU) is native
    assert network_dtype(CPU) is (torch.bfloat16 if native else torch.float32)


def test_float32_can_be_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    monkeypatch.setenv(FORCE_FLOAT32, "1")
    assert network_dtype(CPU) is torch.float32
    monkeypatch.setenv(FORCE_FLOAT32, "0")
    assert network_dtype(CPU) is torch.bfloat16


def test_a_device_of_another_kind_computes_in_float32() -> None:
    assert not has_bfloat16(torch.device("meta"))
