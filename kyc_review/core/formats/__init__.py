"""How dates are written, by language: only what Django's own formats have otherwise."""
