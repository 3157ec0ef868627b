"""`python -m tests.faults`."""

import sys

from tests.faults.main import main

sys.exit(main())
