"""Cancelling, erasing and retaining submissions: these reach into every app that keeps something of one."""
