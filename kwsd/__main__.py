"""`python -m kwsd` is `kwsd`."""

import sys

from kwsd.cli.kwsd import main

sys.exit(main())
