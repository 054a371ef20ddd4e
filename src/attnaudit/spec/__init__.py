"""What was asked: typed values, read from TOML or YAML, checked all at once, hashed.

The spec knows names and the range of each parameter, not what they mean: that is for the packages which
hold them. A name of the form `my_module:MyMeasure` stands for something outside this package and is passed on.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from attnaudit.errors import SpecError, unknown_name
from attnaudit.spec.corpora import (
    Ade,
    Adr,
    AgNews,
    Anemia,
    Babi1,
    Babi2,
    Babi3,
    Cnn,
    Diabetes,
    Esnli,
    File,
    Hub,
    Imdb,
    MovieRationales,
    Newsgroups,
    Planted,
    PlantedClinical,
    PlantedCloze,
    Pronoun,
    Snli,
    Sst,
    SstWiki,
    YelpHat,
)
from attnaudit.spec.goals import Goal
from attnaudit.spec.goals import Hide as Hide
from attnaudit.spec.goals import Imitate as Imitate
from attnaudit.spec.places import changed
from attnaudit.spec.strict import Strict

NUMBERS_VERSION = 5
"""Raised whenever a change alters a published quantity, so that old runs are not taken for new ones."""


KNOWN: Mapping[str, tuple[str, ...]] = {
    "task": (
        *("planted", "planted-clinical", "planted-cloze"),
        *("sst", "imdb", "newsgroups", "agnews", "ade", "adr"),
        *("snli", "babi_1", "babi_2", "babi_3", "cnn"),
        *("movie_rationales", "yelp_hat", "esnli", "sst_wiki", "pronoun"),
        *("diabetes", "anemia"),
        *("file", "hub"),
    ),
    "model": ("attentive", "earlier", "transformer"),
    "encoder": ("bilstm", "cnn", "average"),
    "attention": ("additive", "dot", "uniform"),
    "goal": ("imitate", "hide"),
    "tokeniser": (
        *("words-1", "words-nopunct-1", "spaces-1"),
        *("general-1", "general-nopunct-1", "alphanumeric-1", "clinical-1"),
    ),
    "measure": (
        *("attention", "attention_all_layers", "attention_rollout", "attention_gradient"),
        *("gradient_detached", "gradient_full", "gradient_norm", "integrated_gradients"),
        "leave_one_out",
    ),
    "erasure": ("by_rank", "re_encoded"),
    "counterfactual": (
        "permuted",
        "uniform",
        "adversarial",
        "adversarial_exact",
        "adversarial_bracket",
        "adversarial_search",
        "adversarial_paper",
        "same_weights",
        "adversarial_rows",
    ),
}
"""Every name that a spec may use, by what it names; tests hold them against the packages that mean them."""


def _known(kind: str, *, outside: bool = False) -> AfterValidator:
    def check(name: str) -> str:
        if name not in KNOWN[kind] and not (outside and ":" in name):
            raise ValueError(unknown_name(kind, name, KNOWN[kind]))
        return name

    return AfterValidator(check)


# --- models and training ---------------------------------------------------------------------------------


class Attentive(Strict):
    """An encoder, attention over its states, and a linear read-out (Jain & Wallace 2019)."""

    name: Literal["attentive"] = "attentive"
    encoder: Annotated[str, _known("encoder", outside=True)] = Field(
        "bilstm",
        description="what gives a state for each token and reads the query: a name, or `module:Class` from outside",
    )
    attention: Annotated[str, _known("attention")] = Field(
        "additive", description="what scores each state; `uniform` scores none and stays uniform"
    )
    guide: str | None = Field(
        None,
        description="folder of a run: the attention of its model is used, text by text, and none is learned",
    )
    embedding: int | None = Field(
        None, ge=1, le=4096, description="dimensions of a word vector; the corpus's own (300, bAbI 50)"
    )
    hidden: int | None = Field(
        None, ge=4, le=4096, description="units of the encoder (a direction); the corpus's own (128, bAbI 32)"
    )
    tokeniser: Annotated[str, _known("tokeniser")] | None = Field(
        None, description="what cuts a text into tokens; the corpus's own where not given"
    )
    min_df: int | None = Field(
        None, ge=1, description="fewest training texts that hold a word; the corpus's own"
    )
    vectors: str | None = Field(
        None,
        description="file of word vectors (GloVe or fastText text format), or `minilm`; else random",
    )

    @model_validator(mode="after")
    def _divisible(self) -> Attentive:
        if self.encoder == "cnn" and (self.hidden or 0) % 4:
            raise ValueError(
                f"`hidden` must be a multiple of 4 for the four widths of `cnn`, found {self.hidden}"
            )
        return self


class Earlier(Strict):
    """The model of an earlier run, audited without training."""

    name: Literal["earlier"] = "earlier"
    run: str = Field(description="folder of the earlier run")
    encoder: Annotated[str, _known("encoder", outside=True)] | None = Field(
        None,
        description="if its encoder is from outside, that one, `module:Class`: a run folder imports nothing",
    )


class Transformer(Strict):
    """A classifier of `transformers`, audited as it is."""

    name: Literal["transformer"] = "transformer"
    path: str = Field(description="folder of the model with its tokeniser, or its name on the hub")
    classes: tuple[str, ...] | None = Field(
        None,
        description="names of the classes in the order of the outputs; the model's own, else the corpus's",
    )
    too_long: Literal["refuse", "truncate"] = Field(
        "refuse", description="what is done with a text that is longer than the model can read"
    )
    sites: str | None = Field(
        None,
        description="regular expression on the names of modules: which attention is meant, where that is not plain",
    )


class Train(Strict):
    """How the model is fitted; the defaults are the paper's."""

    epochs: int | None = Field(
        None, ge=1, le=10_000, description="the corpus's own (8; SNLI and CNN 25, bAbI 100)"
    )
    batch: int | None = Field(
        None, ge=1, description="texts in a step; the corpus's own (32; SNLI 128, CNN 90, bAbI 50)"
    )
    learning_rate: float = Field(1e-3, gt=0, le=10)
    weight_decay: float = Field(1e-5, ge=0, le=1, description="of all but the attention's parameters")
    seed: int | None = Field(
        None,
        ge=0,
        lt=2**32,
        description="of initial weights and order of the batches; that of the spec, which draws the data too",
    )
    goal: Goal | None = Field(None, description="what is learned besides the labels, or in their place")


# --- measures and counterfactuals ------------------------------------------------------------------------


class Measure(Strict):
    """A measure of importance without parameters."""

    name: str


class Permuted(Strict):
    """Attention re-assigned to the tokens at random."""

    name: Literal["permuted"] = "permuted"
    draws: int = Field(100, ge=1, le=10_000)


class Uniform(Strict):
    """The same weight on every audited token."""

    name: Literal["uniform"] = "uniform"


_EPSILON = (
    "largest output change (TVD); 0.01 for text classification, 0.05 where a query is read, as in the paper"
)


class Adversarial(Strict):
    """The attention furthest away (JSD) among those whose output stays within `epsilon` (TVD).

    Exact where the read-out is linear and binary, else the certified bracket.
    """

    name: Literal["adversarial"] = "adversarial"
    epsilon: float | None = Field(None, gt=0, lt=1, description=_EPSILON)


class AdversarialExact(Strict):
    """The same, exact; for linear binary read-outs only."""

    name: Literal["adversarial_exact"] = "adversarial_exact"
    epsilon: float | None = Field(None, gt=0, lt=1, description=_EPSILON)


class AdversarialBracket(Strict):
    """The same between two certified bounds, for any read-out of the paper's models."""

    name: Literal["adversarial_bracket"] = "adversarial_bracket"
    epsilon: float | None = Field(None, gt=0, lt=1, description=_EPSILON)
    nodes: int = Field(7, ge=0, le=100_000, description="regions that branch and bound may look at, a text")


class AdversarialSearch(Strict):
    """A gradient search for the same question, with `epsilon` both as margin and for what counts: a lower bound."""

    name: Literal["adversarial_search"] = "adversarial_search"
    epsilon: float | None = Field(None, gt=0, lt=1, description=_EPSILON)
    starts: int = Field(5, ge=1, le=1000)
    steps: int = Field(500, ge=1)
    learning_rate: float = Field(0.01, gt=0)
    penalty: float = Field(500.0, gt=0)


class AdversarialPaper(Strict):
    """The search as the code of the published figures has it: margin 0.01, what counts within 0.05, both tasks."""

    name: Literal["adversarial_paper"] = "adversarial_paper"


class SameWeights(Strict):
    """The model's own weights on other tokens, as far away (JSD) as `epsilon` allows; linear binary read-outs only.

    Between two bounds, which are within 1 % of each other on nearly all texts.
    """

    name: Literal["same_weights"] = "same_weights"
    epsilon: float | None = Field(None, gt=0, lt=1, description=_EPSILON)
    long_share: float = Field(
        0.1,
        ge=0,
        le=1,
        description="share of the texts of 201 to 1,000 tokens that is solved; longer ones are not",
    )


class AdversarialRows(Strict):
    """Of a transformer: the furthest attention (JSD) that a search finds in the rows it reads, a lower bound.

    Within `epsilon` (TVD) of the output.
    """

    name: Literal["adversarial_rows"] = "adversarial_rows"
    epsilon: float | None = Field(None, gt=0, lt=1, description=_EPSILON)
    steps: int = Field(150, ge=1, le=100_000)


class RemovedByRank(Strict):
    """The highest ranked words lose their attention, by every measure and at random: when does the decision flip?"""

    name: Literal["by_rank"] = "by_rank"
    draws: int = Field(10, ge=1, le=1000, description="random orders to compare with")


class ReEncoded(Strict):
    """The same with the words deleted or masked and the text encoded anew, for a sample of the texts."""

    name: Literal["re_encoded"] = "re_encoded"
    draws: int = Field(
        5, ge=1, le=1000, description="random orders to compare with: the first ones of `by_rank`"
    )
    sample: int | None = Field(
        300, ge=1, description="how many of the audited texts, drawn with the seed; all where not given"
    )


class Outside(BaseModel):
    """Something from outside the package, `my_module:MyMeasure`, with any parameters."""

    model_config = ConfigDict(extra="allow", frozen=True)
    name: str


def _named(
    kind: str, *, default: str = "", others: str = "", outside: bool = True
) -> tuple[BeforeValidator, Discriminator]:
    """A bare string becomes `{name: …}`; the name decides which parameters are allowed."""

    def table(value: Any) -> Any:
        if isinstance(value, str):
            return {"name": value}
        if default and isinstance(value, Mapping) and "name" not in value:
            return {"name": default, **value}
        return value

    def tag(value: Any) -> str:
        name = value.get("name") if isinstance(value, Mapping) else getattr(value, "name", None)
        if outside and isinstance(name, str) and ":" in name:
            return "outside"
        return others if others and name in KNOWN[kind] else str(name)

    return BeforeValidator(table), Discriminator(tag)


_before_task, _tag_task = _named("task", default="planted")
_before_model, _tag_model = _named("model", default="attentive")
_before_measure, _tag_measure = _named("measure", others="measure")
_before_counter, _tag_counter = _named("counterfactual")
_before_erasure, _tag_erasure = _named("erasure", outside=False)

TaskSpec = Annotated[
    Annotated[Planted, Tag("planted")]
    | Annotated[PlantedClinical, Tag("planted-clinical")]
    | Annotated[PlantedCloze, Tag("planted-cloze")]
    | Annotated[Sst, Tag("sst")]
    | Annotated[Imdb, Tag("imdb")]
    | Annotated[Newsgroups, Tag("newsgroups")]
    | Annotated[AgNews, Tag("agnews")]
    | Annotated[Ade, Tag("ade")]
    | Annotated[Adr, Tag("adr")]
    | Annotated[Snli, Tag("snli")]
    | Annotated[Babi1, Tag("babi_1")]
    | Annotated[Babi2, Tag("babi_2")]
    | Annotated[Babi3, Tag("babi_3")]
    | Annotated[Cnn, Tag("cnn")]
    | Annotated[MovieRationales, Tag("movie_rationales")]
    | Annotated[YelpHat, Tag("yelp_hat")]
    | Annotated[Esnli, Tag("esnli")]
    | Annotated[SstWiki, Tag("sst_wiki")]
    | Annotated[Pronoun, Tag("pronoun")]
    | Annotated[Diabetes, Tag("diabetes")]
    | Annotated[Anemia, Tag("anemia")]
    | Annotated[File, Tag("file")]
    | Annotated[Hub, Tag("hub")]
    | Annotated[Outside, Tag("outside")],
    _tag_task,
    _before_task,
]
ModelSpec = Annotated[
    Annotated[Attentive, Tag("attentive")]
    | Annotated[Earlier, Tag("earlier")]
    | Annotated[Transformer, Tag("transformer")],
    _tag_model,
    _before_model,
]
MeasureSpec = Annotated[
    Annotated[Measure, Tag("measure")] | Annotated[Outside, Tag("outside")], _tag_measure, _before_measure
]
CounterfactualSpec = Annotated[
    Annotated[Permuted, Tag("permuted")]
    | Annotated[Uniform, Tag("uniform")]
    | Annotated[Adversarial, Tag("adversarial")]
    | Annotated[AdversarialExact, Tag("adversarial_exact")]
    | Annotated[AdversarialBracket, Tag("adversarial_bracket")]
    | Annotated[AdversarialSearch, Tag("adversarial_search")]
    | Annotated[AdversarialPaper, Tag("adversarial_paper")]
    | Annotated[SameWeights, Tag("same_weights")]
    | Annotated[AdversarialRows, Tag("adversarial_rows")]
    | Annotated[Outside, Tag("outside")],
    _tag_counter,
    _before_counter,
]
ErasureSpec = Annotated[
    Annotated[RemovedByRank, Tag("by_rank")] | Annotated[ReEncoded, Tag("re_encoded")],
    _tag_erasure,
    _before_erasure,
]


def _members(union: Any) -> tuple[type[BaseModel], ...]:
    """The classes of a union of tagged ones, less `Outside`."""
    tagged = get_args(get_args(union)[0])
    return tuple(part for part in (get_args(entry)[0] for entry in tagged) if part is not Outside)


PARTS: Mapping[str, tuple[type[BaseModel], ...]] = {
    "task": _members(TaskSpec),
    "model": _members(ModelSpec),
    "train": (Train, Imitate, Hide),
    "counterfactuals": _members(CounterfactualSpec),
    "erasures": _members(ErasureSpec),
}
"""The classes that the sections of a spec may hold, in the order of a reader."""


_OF_ONE_ATTENTION = (
    *("adversarial", "adversarial_exact", "adversarial_bracket", "adversarial_search", "adversarial_paper"),
    *("same_weights", "by_rank"),
)
_OF_LAYERS = ("attention_all_layers", "attention_rollout", "adversarial_rows")
"""What only a read-out of one attention can be asked, and what only a transformer can."""

_OF_TRANSFORMERS: Mapping[str, Any] = {
    "measures": ("attention", "gradient_full", "gradient_norm", "leave_one_out"),
    "counterfactuals": ("permuted", "uniform", "adversarial_rows"),
    "erasures": ("re_encoded",),
}


class Spec(Strict):
    """One audit: which model, on which data, with which questions.

    Two specs that are equal ask for the same numbers; where the work is done (device, threads, folder) is
    not part of it.
    """

    task: TaskSpec = Planted()
    model: ModelSpec = Attentive()
    train: Train = Train()
    measures: tuple[MeasureSpec, ...] = (
        Measure(name="attention"),
        Measure(name="gradient_detached"),
        Measure(name="leave_one_out"),
    )
    counterfactuals: tuple[CounterfactualSpec, ...] = (Permuted(), Uniform(), Adversarial(), SameWeights())
    erasures: tuple[ErasureSpec, ...] = (RemovedByRank(), ReEncoded())
    seed: int = Field(0, ge=0, lt=2**32, strict=True, description="seed of everything that is drawn")
    limit: int | None = Field(
        None, ge=1, strict=True, description="audit only so many instances, drawn with the seed"
    )
    keep_text: bool = Field(True, description="write texts into tables and report")

    @model_validator(mode="before")
    @classmethod
    def _questions_of_a_transformer(cls, values: Any) -> Any:
        """What a transformer is asked where nothing is said: not all that a pooled attention can be asked."""
        model = values.get("model") if isinstance(values, Mapping) else None
        name = model.get("name") if isinstance(model, Mapping) else getattr(model, "name", model)
        return {**_OF_TRANSFORMERS, **values} if name == "transformer" else values

    @field_validator("measures", "counterfactuals", "erasures")
    @classmethod
    def _no_twins(cls, entries: tuple[Any, ...]) -> tuple[Any, ...]:
        names = [entry.name for entry in entries]
        if twins := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"{', '.join(f'`{name}`' for name in twins)} must stand there only once")
        return entries

    @model_validator(mode="after")
    def _asks_what_the_model_has(self) -> Spec:
        transformer = isinstance(self.model, Transformer)
        whole = "a transformer" if transformer else "a model with one attention"
        others = _OF_ONE_ATTENTION if transformer else _OF_LAYERS
        asked = [*self.measures, *self.counterfactuals, *self.erasures]
        if wrong := [entry.name for entry in asked if entry.name in others]:
            raise ValueError(f"{', '.join(f'`{name}`' for name in wrong)} cannot be asked of {whole}")
        return self

    @model_validator(mode="after")
    def _imitates_what_can_learn(self) -> Spec:
        model = self.model
        fixed = isinstance(model, Attentive) and (model.guide is not None or model.attention == "uniform")
        if isinstance(self.train.goal, Imitate) and fixed:
            raise ValueError(
                "a model that imitates another starts from that one and moves its attention: leave out `model.guide` "
                "and `uniform` attention, or `train.goal`"
            )
        return self

    @classmethod
    def parse(cls, data: Mapping[str, Any], *, source: str = "spec") -> Spec:
        """A spec from nested plain values.

        Raises:
            SpecError: one or more faults, all of them listed, each with its place.
        """
        try:
            return cls.model_validate(dict(data))
        except ValidationError as error:
            raise SpecError(*_faults(error, source)) from None

    @classmethod
    def read(cls, path: str | Path) -> Spec:
        """A spec from a `.toml`, `.yaml` or `.yml` file."""
        return cls.parse(read_values(path), source=str(path))

    @property
    def training_seed(self) -> int:
        """The seed of initial weights and batches."""
        return self.seed if self.train.seed is None else self.train.seed

    @property
    def modules(self) -> list[str]:
        """The modules of everything that is named from outside."""
        entries = [self.task, *self.measures, *self.counterfactuals]
        names = [entry.name for entry in entries if isinstance(entry, Outside)]
        encoder = getattr(self.model, "encoder", None) or ""
        names += [encoder] if ":" in encoder else []
        return [name.partition(":")[0] for name in names]

    def plain(self) -> dict[str, Any]:
        """Nested plain values, as `parse` takes them and the manifest holds them."""
        return self.model_dump(mode="json")


def read_values(path: str | Path, *, what: str = "spec") -> dict[str, Any]:
    """The values in a TOML or YAML file, unchecked; `what` it should be, for the messages.

    Raises:
        SpecError: no such file, another suffix, not UTF-8, not well-formed, or not a table at the top.
    """
    path = Path(path)
    if path.suffix not in {".toml", ".yaml", ".yml"}:
        raise SpecError(f"{path}: a {what} must be a `.toml`, `.yaml` or `.yml` file")
    try:
        text = path.read_text(encoding="utf-8")
        values = tomllib.loads(text) if path.suffix == ".toml" else yaml.safe_load(text)
    except FileNotFoundError:
        raise SpecError(f"{path}: there is no such file") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, yaml.YAMLError, RecursionError) as error:
        raise SpecError(f"{path}: cannot be read: {' '.join(str(error).split())[:300]}") from None
    if values is None:
        raise SpecError(f"{path}: the file is empty")
    if not isinstance(values, dict):
        raise SpecError(
            f"{path}: a {what} must be a table of names and values, found a {type(values).__name__}"
        )
    return values


def merged(base: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the values of `override` in it; tables are merged, everything else is replaced.

    A table that names another thing (`{name = "file"}` over `{name = "sst"}`) replaces the whole table, since
    the parameters of one task mean nothing to another.
    """
    result = dict(base)
    for key, value in override.items():
        old = result.get(key)
        old = {"name": old} if isinstance(old, str) and isinstance(value, Mapping) else old
        same = (
            isinstance(old, Mapping)
            and isinstance(value, Mapping)
            and value.get("name") in (None, old.get("name"))
        )
        result[key] = merged(old, value) if same else value  # type: ignore[arg-type]  # `same` says both are tables
    return result


def run_id(spec: Spec, data_digest: str, model_digest: str = "") -> str:
    """Twelve hex digits that stand for the numbers a run will give: spec, data, model, numbers version."""
    plain = changed(spec.plain(), lambda _place: None)  # what lies there, in the digests, changes numbers
    text = json.dumps([plain, data_digest, model_digest, NUMBERS_VERSION], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def faults(error: ValidationError, source: str, settings: Sequence[str]) -> list[str]:
    """Pydantic's faults in our words, each with its place; `settings` are those that there are."""
    return [
        f"{source}: {_fault(item, [str(part) for part in item['loc']], lambda: settings)}"
        for item in error.errors(include_url=False)
    ]


def _faults(error: ValidationError, source: str) -> list[str]:
    """The faults of a spec; the names by which pydantic chose among classes are no part of a place."""
    kinds = ("task", "model", "counterfactual", "erasure", "goal")
    tags = {*(name for kind in kinds for name in KNOWN[kind]), "measure", "outside"}
    found = []
    for item in error.errors(include_url=False):
        parts = [str(part) for i, part in enumerate(item["loc"]) if not (i and str(part) in tags)]
        found.append(f"{source}: {_fault(item, parts, partial(_settings, item['loc']))}")
    return found


def _fault(item: ErrorDetails, parts: Sequence[str], settings: Callable[[], Sequence[str]]) -> str:
    """One of pydantic's faults in our words: place, what must hold, what was found."""
    place = ".".join(parts) or "spec"
    found = item.get("input")
    match item["type"]:
        case "extra_forbidden":
            return f"`{place}`: {unknown_name('setting', parts[-1], settings())}"
        case "union_tag_invalid" if item["ctx"]["tag"] == "None":
            return f"`{place}`: must be a name, or a table with a `name`, found {_short(found)}"
        case "union_tag_invalid":
            kind = _KINDS.get(parts[0], parts[0])
            return f"`{place}`: {unknown_name(kind, str(item['ctx']['tag']), KNOWN[kind])}"
        case "missing":
            return f"`{place}`: must be given"
        case "value_error":
            return f"`{place}`: {item['ctx']['error']}"
        case _:
            wanted = _WANTED.get(item["type"], f"{item['msg'][0].lower()}{item['msg'][1:]}")
            return f"`{place}`: {wanted}, found {_short(found)}"


_KINDS = {"train": "goal", "measures": "measure", "counterfactuals": "counterfactual", "erasures": "erasure"}

_WANTED = {
    "tuple_type": "must be a list",
    "model_type": "must be a table of names and values",
    "model_attributes_type": "must be a table of names and values",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "float_parsing": "must be a number",
    "string_type": "must be a text",
    "bool_parsing": "must be true or false",
}


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"


def _settings(loc: tuple[int | str, ...]) -> list[str]:
    """The settings that exist where an unknown one was given."""
    by_tag: dict[str, type[BaseModel]] = {
        model.model_fields["name"].default: model
        for section in ("task", "model", "counterfactuals", "erasures")
        for model in PARTS[section]
    }
    by_tag |= {"train": Train, "measure": Measure, "imitate": Imitate, "hide": Hide}
    model = next((by_tag[str(p)] for p in reversed(loc[:-1]) if str(p) in by_tag), Spec)
    return list(model.model_fields)
