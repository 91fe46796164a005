"""Cancelling, erasing and retaining submissions; these reach into every app that stores something of one."""
