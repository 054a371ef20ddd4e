"""See and replace the attention of any PyTorch model, without changing a line of it.

`ready(model)` puts a model into the state in which its attention can be seen and gives it back as it was. Within it,
`Capture(model, …)` is a context in which every attention distribution of a forward pass is kept under the name of the
module that made it, and may be replaced. `check(model, …)` is the test that has to pass before a number is believed.
"""

from __future__ import annotations

from attnaudit.capture.mode import Capture
from attnaudit.capture.ready import ready
from attnaudit.capture.self_test import Checked, check

__all__ = ["Capture", "Checked", "check", "ready"]
