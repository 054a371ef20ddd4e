"""Reviews in which people marked why: ERASER's movie reviews, and the attention maps of Yelp reviews."""

from __future__ import annotations

from dataclasses import replace

from attnaudit.instance import Instance, Span
from attnaudit.spec import corpora as specs
from attnaudit.tasks import marks, published
from attnaudit.tasks.corpus import Corpus, Recipe
from attnaudit.tasks.published import Published
from attnaudit.tasks.sentiment import CLASSES

MOVIE_RATIONALES = Published(
    "movie_rationales", "movie_rationales", {"train": "train", "dev": "dev", "test": "test"}
)
YELP_HAT = Published("yelp_hat", "yelp_hat", {"len100": "len100", "len200": "len200", "mixed": "mixed"})


def movie_rationales(spec: specs.MovieRationales, seed: int) -> Corpus:
    """Movie reviews with the passages that people marked as evidence (ERASER), official split; long texts.

    Raises:
        DataError: the corpus is not where `ATTNAUDIT_DATA` says, or is damaged.
    """
    del spec, seed  # there is nothing to choose, and nothing is drawn
    splits = {
        split: published.instances(MOVIE_RATIONALES, rows, _review)
        for split, rows in published.records(MOVIE_RATIONALES).items()
    }
    notes = (
        "Evidence: the passages that one annotator a review marked. Only the test part was marked throughout; in the "
        "others some passages are marked and others as good are not, so plausibility does not compare between parts.",
    )
    return Corpus(
        "movie_rationales", CLASSES, splits, recipe=Recipe("words-nopunct-1", min_df=2), notes=notes
    )


def yelp_hat(spec: specs.YelpHat, seed: int) -> Corpus:
    """Yelp reviews with the words that several people marked (human attention maps); for the model of another run.

    There is no training part: the model is given by `--from RUN`.

    Raises:
        DataError: the corpus is not where `ATTNAUDIT_DATA` says, or is damaged.
    """
    del seed  # nothing is drawn
    chosen = replace(
        YELP_HAT,
        files={part: name for part, name in YELP_HAT.files.items() if spec.part in ("all", part)},
    )
    reviews: list[Instance] = []
    others = n_maps = 0
    for rows in published.records(chosen).values():
        for record in rows:
            reviews.append(_mapped(record, published.identity(YELP_HAT, record)))
            said = record.values.get("annotator_labels")
            if isinstance(said, list):
                others += sum(label != record.values["label"] for label in said)
            n_maps += len(reviews[-1].rationales)
    notes = (
        f"Evidence: the words that each annotator marked, {n_maps:,} maps of {len(reviews):,} reviews.",
        f"{others:,} of the maps are of annotators who read another class out of the review, or none; they are kept.",
    )
    return Corpus(
        "yelp_hat", CLASSES, {"test": tuple(reviews)}, recipe=Recipe("words-nopunct-1"), notes=notes
    )


def _review(record: published.Record, identity: str) -> Instance:
    made = published.labelled_text(record, identity)
    words = marks.between_white_space(made.fields["text"])
    passages = set()
    for pair in record.values.get("evidence") or ():
        match pair:
            case [int(start), int(end)] if 0 <= start <= end <= len(words):
                if start < end:  # the source holds a few passages of no word
                    passages.add(Span("text", words[start][0], words[end - 1][1]))
            case _:
                raise record.broken(
                    f"in `evidence` pairs of words, start before end and within the {len(words)} of its text; found "
                    f"{pair!r}"
                )
    if not passages:
        return made
    return replace(made, rationales=(tuple(sorted(passages, key=lambda span: (span.start, span.end))),))


def _mapped(record: published.Record, identity: str) -> Instance:
    made = published.labelled_text(record, identity)
    maps = record.values.get("maps")
    if not isinstance(maps, list) or not maps:
        raise record.broken("in `maps` a list an annotator")
    text = made.fields["text"]
    return replace(made, rationales=tuple(marks.masked(record, "maps", text, mask) for mask in maps))
