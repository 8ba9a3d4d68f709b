"""`python -m kwsd` is `kwsd`."""

import sys

from kwsd.cli.kwsd_command import main

sys.exit(main())
