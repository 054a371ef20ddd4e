"""What must be known to hold a run against the published numbers: where paper, code and plots differ, and we do.

An erratum forbids a comparison, asks for care with one, says why a number is not there, or explains a difference.
`discrepancies` are the numbers of the list in our notes on the original code that it covers.
"""

from __future__ import annotations

from dataclasses import dataclass

from attnaudit.reproduce import published
from attnaudit.reproduce.published import DATA, PERMUTATION, SCORES, TABLE1_PERFORMANCE

NOT_COMPARABLE = "not comparable"
WITH_CARE = "with care"
NO_NUMBER = "no number"
EXPLAINS = "explains"

EFFECTS = {
    NOT_COMPARABLE: "the numbers stand side by side, without a verdict",
    WITH_CARE: "a verdict is given, and this must be known with it",
    NO_NUMBER: "why there is nothing to compare with",
    EXPLAINS: "a likely cause, where a number is outside",
}
"""What an erratum does to a comparison."""

_TAU = tuple(f"{pair}_tau" for pair in published.PAIRS)
_OF_MODELS = (*SCORES, "f1", TABLE1_PERFORMANCE, *_TAU, PERMUTATION, "paper_jsd")


@dataclass(frozen=True, slots=True)
class Erratum:
    """One thing to know.

    It touches a quantity when the quantity's name begins with one of `quantities`, on one of `corpora` (published
    names; all where empty).
    """

    id: str
    name: str
    sentence: str
    effect: str
    quantities: tuple[str, ...]
    corpora: tuple[str, ...] = ()
    discrepancies: tuple[int, ...] = ()

    def touches(self, quantity: str, corpus: str) -> bool:
        """Whether it has to do with a quantity on a published corpus."""
        return quantity.startswith(self.quantities) and (not self.corpora or corpus in self.corpora)


ERRATA: dict[str, Erratum] = {
    erratum.id: erratum
    for erratum in (
        # --- what forbids a comparison
        Erratum(
            "stand_in",
            "A stand-in for a corpus that cannot be had",
            "Clinical notes and the tweets about adverse reactions are not public. Where another corpus of the same "
            "kind was run in their place, only the direction of a result can be compared.",
            NOT_COMPARABLE,
            (*DATA, *_OF_MODELS),
            ("adr", "diabetes"),
        ),
        Erratum(
            "stand_in_cnn",
            "A stand-in for the CNN questions",
            "Where generated questions of the same kind were run in place of those of CNN, only the direction of a "
            "result can be compared.",
            NOT_COMPARABLE,
            (*DATA, *_OF_MODELS),
            ("cnn",),
        ),
        Erratum(
            "training_sample",
            "Trained on a sample",
            "The full training part was not at hand; the model saw fewer than nine tenths of the published number of "
            "training texts, and is another model.",
            NOT_COMPARABLE,
            ("vocabulary", "mean_length", "train_size", *_OF_MODELS),
        ),
        Erratum(
            "babi_3_version",
            "An older version of bAbI task 3",
            "The 10,000 training stories of version 1.2 could not be had. Version 1.0 has shorter stories, and the "
            "task was later corrected.",
            NOT_COMPARABLE,
            (*DATA, *_OF_MODELS),
            ("babi_3",),
        ),
        Erratum(
            "empty_here",
            "No text of ours in this group",
            "No text of this run falls into the group, or none has a defined value, so there is nothing to hold "
            "against the published number.",
            NOT_COMPARABLE,
            (*DATA, *_OF_MODELS),
        ),
        # --- what asks for care
        Erratum(
            "other_vectors",
            "Other word vectors",
            "The published models began from fastText (AG News and SNLI from GloVe, the clinical corpora from "
            "vectors of their own). This run began from others; with random ones the original code, too, scores "
            "lower and attends otherwise.",
            WITH_CARE,
            _OF_MODELS,
        ),
        Erratum(
            "audited_sample",
            "Audited on a sample",
            "Only some of the test texts were audited. The intervals allow for that.",
            WITH_CARE,
            _OF_MODELS,
        ),
        Erratum(
            "short_training",
            "Trained for fewer epochs",
            "The original trains for 8 epochs, 25 on SNLI and CNN, 100 on bAbI. This run stopped earlier.",
            WITH_CARE,
            _OF_MODELS,
        ),
        Erratum(
            "other_preparation",
            "Prepared otherwise",
            "The texts were not cut and filtered as the published code does, so corpus and vocabulary are not the "
            "same.",
            WITH_CARE,
            (*DATA, *_OF_MODELS),
        ),
        Erratum(
            "few_texts",
            "Few texts in the group",
            "Fewer than ten texts of ours, or a single published one, stand behind the number.",
            WITH_CARE,
            _OF_MODELS,
        ),
        # --- why there is no number
        Erratum(
            "undefined_as_nan",
            "One undefined text makes a mean NaN",
            "Where a probability is saturated every gradient is 0 and τ is undefined. The original then writes "
            "NaN for mean and deviation of the whole class, and counts the text as not significant. Here such "
            "texts are counted and left out.",
            NO_NUMBER,
            _TAU,
        ),
        Erratum(
            "ceiling_not_published",
            "Gradient against leave-one-out",
            "The agreement of the two yardsticks exists for a later generation of the code only, whose models are "
            "others than those of the paper. It is shown without a counterpart.",
            NO_NUMBER,
            ("gradient_leave_one_out_tau",),
            discrepancies=(10, 11, 12, 13),
        ),
        Erratum(
            "by_class_only",
            "Published by class only",
            "Where fewer than four classes are predicted the original tells results apart by predicted class, and "
            "gives no number for all texts.",
            NO_NUMBER,
            (*_TAU, PERMUTATION, "paper_jsd"),
            discrepancies=(8,),
        ),
        Erratum(
            "class_not_matched",
            "A class whose name is not known",
            "Our classes are matched with the published ones by name, never by their order. A name that no published "
            "class is known by says nothing, so the class is held against none of them.",
            NO_NUMBER,
            (*DATA, *_OF_MODELS),
        ),
        Erratum(
            "empty_there",
            "No published text in this group",
            "The published plot draws nothing here: no text of that class had such a largest weight.",
            NO_NUMBER,
            (PERMUTATION,),
        ),
        Erratum(
            "not_in_repository",
            "Not published",
            "Neither the paper nor the repository gives this number.",
            NO_NUMBER,
            (*DATA, *_OF_MODELS),
        ),
        Erratum(
            "search_below_optimum",
            "The search falls short of the optimum",
            "The published ε-max JSD is what 500 steps of gradient search found, under a margin on the output "
            "that is tighter than the one it is then selected by. The exact optimum, or certified bounds, are "
            "findings of our own and are never held against it.",
            NO_NUMBER,
            ("exact_jsd", "bracket_"),
        ),
        # --- what explains a difference
        Erratum(
            "test_selection",
            "Selected on the test set",
            "The published models are those of the epoch with the best test score (the first epoch is never kept). "
            "Here the epoch is chosen on the development part.",
            EXPLAINS,
            _OF_MODELS,
            discrepancies=(2,),
        ),
        Erratum(
            "no_development_part",
            "No development part",
            "The published generation trained on the whole training part of most corpora; here a part of it is kept "
            "for choosing the epoch.",
            EXPLAINS,
            ("train_size", *_OF_MODELS),
        ),
        Erratum(
            "vocabulary_on_test",
            "Vocabulary fitted on test texts too",
            "Several published vocabularies were built from training and test texts, with other least counts than "
            "the later code. Here a vocabulary is built from training texts alone (the three tasks of bAbI shared "
            "one there).",
            EXPLAINS,
            ("vocabulary",),
            discrepancies=(3,),
        ),
        Erratum(
            "table1_sizes",
            "Table 1 and the repository differ",
            "Sizes in Table 1 are not always those of the code's own statistics: 20 Newsgroups has 151 test texts of "
            "class 0 against 171, IMDB counts the unfiltered training reviews, and the lengths of bAbI are 8, 67 and "
            "421 against means of 36, 94 and 307.",
            EXPLAINS,
            DATA,
            ("newsgroups", "imdb", "agnews", "diabetes", "babi_1", "babi_2", "babi_3"),
            (4,),
        ),
        Erratum(
            "table1_performance",
            "Table 1 shows another run's score",
            "The test performance in Table 1 is not that of the models behind Table 2: bAbI 1.0, .48 and .62 against "
            ".92, .89 and .67, ADR .61 against .56, Diabetes .79 against .76, IMDB .88 against .91.",
            EXPLAINS,
            (TABLE1_PERFORMANCE,),
            discrepancies=(5, 14),
        ),
        Erratum(
            "length_filter",
            "The longest and shortest texts fall out",
            "The published code keeps texts strictly between two lengths, which default to the extremes of each "
            "part; so the very longest and shortest texts are dropped (1,898 in place of 1,900 in AG News).",
            EXPLAINS,
            ("train_size", "test_size", "mean_length"),
            ("sst", "agnews", "imdb", "newsgroups", "adr", "diabetes", "anemia"),
            (4,),
        ),
        Erratum(
            "sizes_of_layers",
            "Layer sizes in the text and in the code",
            "The appendix and the code disagree on the number of CNN filters, the width and non-linearity of the "
            "average encoder, and on vectors of unknown words. Runs here follow the code.",
            EXPLAINS,
            (*SCORES, "f1", *_TAU),
            discrepancies=(6, 22),
        ),
        Erratum(
            "epsilon",
            "Three values of ε",
            "The paper prints ε = .01 (question answering .05). The code searches under a margin of .01 and selects "
            "what it plots at .05, for all corpora; the margin for question answering is on twice the TVD. The "
            "published histograms, and the paper mode here, use the code's values.",
            EXPLAINS,
            ("paper_jsd",),
            discrepancies=(1, 7),
        ),
        Erratum(
            "read_from_plots",
            "Read off the plots",
            "Histograms and quartiles were recovered from vector drawings: exact to the line width (means of the "
            "histograms of τ lie within .004 of the files), and without the numbers of texts.",
            EXPLAINS,
            (PERMUTATION, "paper_jsd"),
            discrepancies=(9, 15, 18),
        ),
        Erratum(
            "predicted_class",
            "Class means predicted class",
            "All published results by class are by the class that the model predicts, so a model that predicts "
            "otherwise also groups its texts otherwise.",
            EXPLAINS,
            (*_TAU, PERMUTATION, "paper_jsd"),
            discrepancies=(8,),
        ),
        Erratum(
            "raw_significance",
            "Share of small p-values",
            "The share of texts with p ≤ .05 is not corrected for the number of tests, is rounded to two digits, and "
            "mostly tells how long the texts are.",
            EXPLAINS,
            tuple(f"{tau}_share_significant" for tau in _TAU),
        ),
        Erratum(
            "class_order",
            "The classes of SNLI were renumbered",
            "0 is neutral, 1 contradiction and 2 entailment in the published numbers; the later code, and the "
            "page that can be browsed, number them otherwise. Classes are matched by name here.",
            EXPLAINS,
            (*_TAU, PERMUTATION, "paper_jsd"),
            ("snli",),
            (23,),
        ),
        Erratum(
            "no_seeds",
            "No seeds",
            "The original sets no seed. From one of its generations to the next the mean τ of a class moves by .067 "
            "(median; at most .27), so a difference of that size says nothing. This is the tolerance.",
            EXPLAINS,
            (*SCORES, "f1", *_TAU, PERMUTATION, "paper_jsd"),
            discrepancies=(24,),
        ),
        Erratum(
            "weak_average_on_babi",
            "The average encoder hardly solves bAbI",
            "Published accuracies of the average encoder on bAbI are .32 to .45, so its attention is that of a model "
            "that guesses.",
            EXPLAINS,
            _OF_MODELS,
            ("babi_1", "babi_2", "babi_3"),
            (21,),
        ),
    )
}
"""All errata by their id, in the order of a reader: from what forbids a comparison to what explains a difference."""

UNTOUCHED = {
    16: "a wrong command in the instructions of the repository",
    17: "a fixed output folder of the log-odds study, which is not part of the paper",
    19: "evaluation in training mode, which changes nothing without dropout",
    20: "byte masks that current PyTorch refuses",
    25: "the order of arguments in a divergence of the rebuttal's code",
    26: "zero attention at padding in the rebuttal's code",
    27: "class weights in the rebuttal's code",
    28: "attention that the rebuttal's code does not pass on",
    29: "two versions of one plot in the rebuttal's code",
    30: "a file name in the rebuttal's instructions",
}
"""Known discrepancies that touch no published number, by their number in our notes."""


def touching(quantity: str, corpus: str, effect: str) -> list[str]:
    """Ids of the errata of one effect that have to do with a quantity on a published corpus."""
    return [e.id for e in ERRATA.values() if e.effect == effect and e.touches(quantity, corpus)]
