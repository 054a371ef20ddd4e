"""What if the model had been trained otherwise? Goals of training that stand beside the labels, or in their place."""

from attnaudit.diagnostics.deception import Hiding, impermissible
from attnaudit.diagnostics.imitation import Imitating, imitated

__all__ = ["Hiding", "Imitating", "imitated", "impermissible"]
