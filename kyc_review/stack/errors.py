"""What the stack says when it cannot go on."""


class StackRefused(RuntimeError):
    """One line for a human: what is wrong and what to do. The command prints it and exits with 1."""


class AlreadyRunning(StackRefused):
    """Another supervisor holds this state directory."""
