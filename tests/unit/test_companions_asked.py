"""What is asked beside a run, and how it joins what was asked before."""

from __future__ import annotations

import pytest

from attnaudit.errors import SpecError
from attnaudit.spec.companions import Companions


def test_asking_for_more_loses_nothing() -> None:
    before = Companions(seeds=3, kinds=("uniform",), hide=(), controls=True)
    more = Companions(seeds=2, kinds=("guide",), controls=False).with_earlier(before)
    assert (more.seeds, more.kinds, more.controls) == (3, ("uniform", "guide"), True)


def test_faults_have_their_place() -> None:
    with pytest.raises(SpecError) as caught:
        Companions.parse({"seeds": 0, "kinds": ["guid"]})
    assert "companions: `seeds`: input should be greater than or equal to 1, found 0" in str(caught.value)
    assert "companions: `kinds`: unknown companion `guid`: did you mean `guide`?" in str(caught.value)
