"""What an image shows about its own history: one forensic view per file, numpy and Pillow only."""
