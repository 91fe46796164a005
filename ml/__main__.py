import sys

from ml.parent_death import end_with_named_parent

end_with_named_parent()  # before the imports below, which take seconds

from ml.cli import main  # noqa: E402

sys.exit(main())
