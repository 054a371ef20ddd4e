"""Every figure by name, in the order of a reader; names and forms are the paper's where it has the figure."""

from __future__ import annotations

from attnaudit.drawing import curves, histograms, imitations, pairs, quality, violins
from attnaudit.drawing.figure import Figure

_NO_AGREEMENT = (
    "There is nothing to draw: these measures were not both run, or their agreement is defined on no text."
)
_NO_ADVERSARY = "There is nothing to draw: no adversarial attention was looked for, or none is defined."

FIGURES: dict[str, Figure] = {
    "training": Figure(
        "Training, epoch by epoch",
        "Loss and development score after each epoch; the dashed line marks the epoch whose weights were kept.",
        "There is nothing to draw: the model was not trained in this run.",
        quality.training,
        quality.draw_training,
    ),
    "tau_gradient": Figure(
        "Attention and gradient",
        "Kendall’s τ between the two rankings of the words of each text; bars of one colour sum to 1.",
        _NO_AGREEMENT,
        histograms.tau_gradient,
        histograms.draw_tau,
    ),
    "tau_leave_one_out": Figure(
        "Attention and leave-one-out",
        "Kendall’s τ between the two rankings of the words of each text; bars of one colour sum to 1.",
        _NO_AGREEMENT,
        histograms.tau_leave_one_out,
        histograms.draw_tau,
    ),
    "tau_pairs": Figure(
        "The three pairs of measures",
        "How τ is distributed over texts. The dotted curve, gradient with leave-one-out, is the ceiling: attention "
        "can be held against it: two accepted measures agree with each other no better than that.",
        _NO_AGREEMENT,
        curves.tau_pairs,
        curves.draw_tau_pairs,
    ),
    "permutation_violins": Figure(
        "Output change under permuted attention",
        "For each text the median output change over its permutations, by its largest attention weight. Thick "
        "lines are medians, dashed lines quartiles; each violin is scaled to its own height; fewer than five texts "
        "stand as points.",
        "There is nothing to draw: attention was not permuted, or not measured.",
        violins.permutation,
        violins.draw_permutation,
    ),
    "adversary_histogram": Figure(
        "How far attention can go",
        "ε-max JSD: the distance from the model’s attention to the furthest one whose output stays within ε. "
        "0.69 is as far as can be; bars of one colour sum to 1.",
        _NO_ADVERSARY,
        histograms.adversary,
        histograms.draw_adversary,
        histograms.adversary_note,
    ),
    "adversary_violins": Figure(
        "How far, by largest attention weight",
        "ε-max JSD by the largest attention weight of the text. Thick lines are medians, dashed lines quartiles; "
        "each violin is scaled to its own height; fewer than five texts stand as points.",
        _NO_ADVERSARY,
        violins.adversary,
        violins.draw_adversary,
        violins.adversary_note,
    ),
    "exact_against_search": Figure(
        "Search against optimum",
        "Each text a point: what the gradient search finds, and what can be found at most. On the diagonal the "
        f"search found the optimum. Of more than {pairs.MOST:,} texts, so many are drawn.",
        "There is nothing to draw: this needs an adversary that was solved and a search, both with the same ε.",
        pairs.exact_against_search,
        pairs.draw_exact_against_search,
        pairs.against_search_note,
    ),
    "plausibility": Figure(
        "Finding the known evidence",
        "Mean over texts with its 95% interval; the grey mark below each is what a random order reaches. Other "
        "annotators stand last, where there are several. Agreement with people, not with the model.",
        "There is nothing to draw: the corpus does not say which words are evidence.",
        quality.plausibility,
        quality.draw_plausibility,
    ),
    "seeds": Figure(
        "Other seeds, and the furthest attention",
        "For each text the distance from the model’s attention to that of other seeds (their mean), to the same "
        "where its weights stand on random words, and to the furthest attention that gives the same output.",
        "There is nothing to draw: the model was not trained from other seeds, or attention was not measured.",
        curves.seeds,
        curves.draw_seeds,
    ),
    "imitation": Figure(
        "Same outputs, other attention",
        "Each point is a model trained to give the audited model’s outputs while a pull of the weight beside it (λ) "
        "moves its attention away; means over texts, 95% intervals. High and left: other attention, same outputs.",
        "There is nothing to draw: no imitation was trained, or attention was not measured.",
        imitations.imitation,
        imitations.draw_imitation,
        imitations.imitation_note,
    ),
}
