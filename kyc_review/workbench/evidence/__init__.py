"""What a reviewer sees of the forensic evidence."""
