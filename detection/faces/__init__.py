"""Faces in a picture: where they are, whether the picture is usable, and the crop that training and serving share."""
