"""The paper's protocol done word for word: the yardstick of the benchmarks, and an oracle in the tests.

Written from its description (Jain & Wallace 2019, section 4 and appendix). Nothing of the engine is used: plain
`torch.nn` layers, one position deleted at a time, one permutation at a time, 500 optimiser steps an adversary, one
call of scipy a text.
"""
