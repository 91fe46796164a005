"""Operating the service: probes for orchestrators."""
