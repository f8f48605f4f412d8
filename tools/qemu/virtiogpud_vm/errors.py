# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""What can go wrong, in words for who runs the demo or the tests."""


class LabError(Exception):
    """Something in the lab did not work. The text says what, and shows the ends of the logs."""


class LabTimeout(LabError):
    """Something did not happen in time."""
