"""Which script of the sandbox an external reference names."""


def names_script(external_ref: str, script: str) -> bool:
    """`sandbox-split` and `sandbox-split-42` name the script `sandbox-split`."""
    return external_ref == script or external_ref.startswith(f"{script}-")
