"""Any transformer that classifies texts, as a model that can be audited: the four members, and nothing of its family.

Its own code computes everything; attention is seen and replaced by `attnaudit.capture`, and word vectors by a hook on
its embedding. The pieces of a text are the tokens of a batch; `word_ids` says which word each belongs to.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from attnaudit.capture import Capture, Checked, check, ready
from attnaudit.capture.self_test import EXACT
from attnaudit.core import Attention, Batch, Embedding, Intervention, Site, Trace
from attnaudit.errors import ModelError, UnsupportedModelError
from attnaudit.instance import Instance
from attnaudit.models.left_out_words import logits_without
from attnaudit.models.pieces import REFUSE, Pieces, pieces
from attnaudit.models.suffix import Given, all_rows, given_again, layers_before, recorded

Row = Literal["first", "last", "all"]
"""Which rows of the last site the prediction is read from: the first token's, the last one's, or those of all."""

_TYPICAL = 128
"""Tokens of a text for which the memory of its attention is reckoned."""

_UNKNOWN_LIMIT = 10**6
"""A tokeniser that knows no limit says a number with thirty digits."""


class Transformer:
    """A classifier of `transformers` with its tokeniser; made by `opened`, which tests and prepares it.

    Attributes:
        sites: in the order of computation.
        checked: what the self-test found.
        row: which rows of the last site the prediction is read from.
    """

    def __init__(
        self,
        model: nn.Module,
        tokenizer: Any,
        *,
        attended: str = "text",
        query: str | None = None,
        too_long: str = REFUSE,
        pattern: str | None = None,
    ) -> None:
        config: Any = getattr(model, "config", None)
        if config is None or not hasattr(model, "get_input_embeddings"):
            raise UnsupportedModelError(
                f"{type(model).__name__} is no model of `transformers`: it has no `config` or no input embeddings"
            )
        labels = config.id2label
        if len(labels) < 2 or config.problem_type in ("regression", "multi_label_classification"):
            raise UnsupportedModelError(
                f"the model must tell two classes or more apart, one a text; it has {len(labels)} "
                f"output{'s' if len(labels) != 1 else ''} for {config.problem_type or 'classification'}"
            )
        self.model = model
        self.tokenizer = tokenizer
        self.attended, self.query = attended, query
        self.classes = tuple(str(labels[number]) for number in range(len(labels)))
        self.sites: tuple[Site, ...] = ()
        self.checked: Checked | None = None
        self.row: Row = "all"
        self._too_long = too_long
        self._pattern = pattern
        names = getattr(tokenizer, "model_input_names", ())
        takes = inspect.signature(model.forward).parameters
        self._segmented = "token_type_ids" in names and "token_type_ids" in takes
        self._caches = "use_cache" in takes
        self._pad = _padding_id(config, tokenizer)
        self._named: dict[str, Site] = {}
        self._resumes = True

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.model.parameters()).device

    @property
    def bytes_per_token(self) -> int:
        """What a forward and backward pass hold for a token: states several times over, and its rows of attention."""
        config: Any = self.model.config
        heads = max((site.heads for site in self.sites), default=12)
        return 4 * max(1, len(self.sites)) * (16 * config.hidden_size + 4 * heads * _TYPICAL)

    @property
    def mask_id(self) -> int | None:
        """What stands in place of a masked piece; None where nothing can."""
        return getattr(self.tokenizer, "mask_token_id", None)

    @property
    def pad_id(self) -> int:
        """What fills a batch up."""
        return self._pad

    @property
    def longest(self) -> int:
        """Most pieces that the model reads."""
        positions = getattr(self.model.config, "max_position_embeddings", None)
        if positions is not None:  # RoBERTa's kin count from behind the number that stands for padding
            positions -= max(
                (
                    module.padding_idx + 1
                    for name, module in self.model.named_modules()
                    if name.endswith("position_embeddings")
                    and getattr(module, "padding_idx", None) is not None
                ),
                default=0,
            )
        limits = (getattr(self.tokenizer, "model_max_length", None), positions)
        return min(
            (int(limit) for limit in limits if limit is not None and 0 < limit < _UNKNOWN_LIMIT),
            default=_UNKNOWN_LIMIT,
        )

    def pieces(self, instance: Instance) -> Pieces:
        """One instance in pieces and words."""
        return pieces(
            self.tokenizer,
            instance,
            attended=self.attended,
            query=self.query,
            longest=self.longest,
            too_long=self._too_long,
        )

    def length(self, instance: Instance) -> int:
        """How many pieces are read, markers and query included."""
        return len(self.pieces(instance).ids)

    def n_words(self, instance: Instance) -> int:
        """How many words of it are audited."""
        return len(self.pieces(instance).spans)

    def described(self) -> dict[str, Any]:
        """Settings, sizes and what the self-test found, plain values for a manifest."""
        config: Any = self.model.config
        assert self.checked is not None
        return {
            "name": "transformer",
            "class": type(self.model).__name__,
            "type": config.model_type,
            "attended": self.attended,
            "query": self.query,
            "row": self.row,
            "longest": self.longest,
            "too_long": self._too_long,
            "vocabulary": config.vocab_size,
            "parameters": sum(parameter.numel() for parameter in self.model.parameters()),
            "self_test": self.checked.plain(),
        }

    def encode(self, instances: Sequence[Instance]) -> Batch:
        """Instances → ids, masks, words; the tokens of the batch are pieces, padded behind.

        Raises:
            DataError: see `pieces`.
        """
        rows = [self.pieces(instance) for instance in instances]
        width = max(len(row.ids) for row in rows)

        def padded(values: Sequence[Sequence[int]], fill: int) -> Tensor:
            return torch.tensor(
                [[*value, *[fill] * (width - len(value))] for value in values], device=self.device
            )

        words = padded([row.words for row in rows], -1)
        real = padded([[1] * len(row.ids) for row in rows], 0).bool()
        texts = [self.tokenizer.convert_ids_to_tokens(row.ids) for row in rows]
        return Batch(
            instance_ids=tuple(instance.id for instance in instances),
            tokens=tuple(map(tuple, texts)),
            offsets=tuple(tuple(None if word < 0 else row.spans[word] for word in row.words) for row in rows),
            token_ids=padded([row.ids for row in rows], self._pad),
            token_mask=real,
            audit_mask=words >= 0,
            segment_ids=padded([row.segments for row in rows], 0),
            word_ids=words,
        )

    def embed(self, batch: Batch) -> Embedding:
        """What the model's embedding gives for each piece, before positions are added."""
        return self.model.get_input_embeddings()(batch.token_ids)  # type: ignore[operator]

    def trace(
        self, batch: Batch, *, embedding: Embedding | None = None, intervention: Intervention | None = None
    ) -> Trace:
        """One forward pass, with the attention of every site.

        An embedding that is given stands for what the model's own gives when it is first asked: a decoder that reads
        the text again reads its own.
        """

        def edit(name: str, attention: Attention) -> Attention:
            assert intervention is not None
            return intervention(self._site(name, attention), attention)

        instead = nullcontext() if embedding is None else self._embedded(embedding)
        captured = Capture(
            self.model, len(batch), edit=None if intervention is None else edit, sites=self._pattern
        )
        with captured, instead:
            logits = self._logits(batch)
        return Trace(
            logits[:, None],
            {self._site(name, attention): attention for name, attention in captured.attention.items()},
        )

    def delete_each(self, batch: Batch) -> Float[Tensor, "batch token output"]:
        """Logits with the word of each piece deleted; see `logits_without`."""
        return self.leave_out_each(batch, "delete")

    def leave_out_each(self, batch: Batch, removal: str) -> Float[Tensor, "batch token output"]:
        """The same for any way to leave words out, see `logits_without`."""
        return logits_without(self._logits, batch, removal, pad=self.pad_id, mask=self.mask_id)

    def replay(
        self,
        batch: Batch,
        edit: Intervention,
        *,
        first: Site,
        draws: int = 1,
        given: Given | None = None,
    ) -> Float[Tensor, "batch draw output"]:
        """Logits with the attention of sites replaced, `draws` ways a text, from the first of these sites on.

        Args:
            batch: the texts.
            edit: given a site and its weights [batch × draw, head, query, token], each text so many times in a row.
            first: the first site that is edited; what lies before its layer is not computed again.
            draws: how many ways.
            given: what `before` said; computed here where not given.
        """
        given = self.before(batch, first) if given is None else given
        rows = all_rows(len(batch), draws, batch.token_ids.device)

        def by_name(name: str, attention: Attention) -> Attention:
            return edit(self._site(name, attention), attention)

        many = batch.take(rows)
        captured = Capture(self.model, len(many), edit=by_name, sites=self._pattern, keep=False)
        with captured, given_again(self.model, given, rows):
            logits = self._logits(many)
        return logits.reshape(len(batch), draws, -1)

    def before(self, batch: Batch, first: Site) -> Given:
        """What the layers before a site give, computed in one forward pass; nothing where that cannot be used."""
        if not self._resumes:
            return Given({}, len(batch))
        with torch.no_grad(), recorded(self.model, layers_before(self.model, first), len(batch)) as given:
            self._logits(batch)
        return given

    def _logits(self, batch: Batch) -> Float[Tensor, "batch output"]:
        inputs: dict[str, Tensor] = {
            "input_ids": batch.token_ids,
            "attention_mask": batch.token_mask.long(),
        }
        if self._segmented and batch.segment_ids is not None:
            inputs["token_type_ids"] = batch.segment_ids
        more = {"use_cache": False} if self._caches else {}
        return self.model(**inputs, **more).logits

    @contextmanager
    def _embedded(self, embedding: Embedding) -> Iterator[None]:
        given = [embedding]

        def instead(_module: nn.Module, _inputs: Any, own: Tensor) -> Tensor:
            return given.pop() if given else own

        handle = self.model.get_input_embeddings().register_forward_hook(instead)  # type: ignore[operator]
        try:
            yield
        finally:
            handle.remove()

    def _site(self, name: str, attention: Attention) -> Site:
        """The site of this name; new ones turn up in the first pass."""
        if name not in self._named:
            lower = name.lower()
            across = any(part in lower for part in ("cross", "encdec", "encoder_attn"))
            self._named[name] = Site(name, "cross" if across else "self", attention.shape[1])
        return self._named[name]

    def test(self, batch: Batch) -> None:
        """Hold the model against itself on some texts, and see from which rows it reads.

        Raises:
            UnsupportedModelError: see `attnaudit.capture.check`; or the last site does not attend over the text.
        """
        self.checked = check(self.model, lambda: self._logits(batch), sites=self._pattern)
        name, last = list(self.checked.sites.items())[-1]
        if last.tokens != batch.token_ids.shape[1]:
            raise UnsupportedModelError(
                f"the last site, `{name}`, attends over {last.tokens} things where the texts have "
                f"{batch.token_ids.shape[1]} pieces; name the sites that attend over the text (`sites`)"
            )
        with torch.no_grad():
            self.sites = tuple(self.trace(batch).attention)
            self._resumes = self._same_from(batch, self.sites[-1])
        self.row = self._row(batch)

    def _same_from(self, batch: Batch, site: Site) -> bool:
        """Whether computing only what follows a site gives the logits of the whole."""
        whole = self._logits(batch)
        later = self.replay(batch, lambda _site, attention: attention, first=site, draws=2)
        return bool((later - whole[:, None]).abs().max() <= EXACT * max(1.0, whole.abs().max().item()))

    def _row(self, batch: Batch) -> Row:
        """Which rows of the last site move the logits."""
        last, leaves = self.sites[-1], []

        def leaf(site: Site, attention: Attention) -> Attention:
            if site != last:
                return attention
            leaves.append(attention.detach().clone().requires_grad_())
            return leaves[-1]

        with torch.enable_grad():
            logits = self.trace(batch, intervention=leaf).logits
            weights = torch.linspace(-1, 1, logits.shape[-1], device=logits.device)
            (gradient,) = torch.autograd.grad((logits * weights).sum(), leaves)
        moved = gradient.abs().amax(dim=(1, 3)) > 0
        places = torch.arange(moved.shape[1], device=moved.device)
        if bool((moved == (places == 0)).all()):
            return "first"
        if moved.shape == batch.token_mask.shape:
            ends = batch.token_mask.sum(dim=1, keepdim=True) - 1
            if bool((moved == (places == ends)).all()):
                return "last"
        return "all"


@contextmanager
def opened(
    model: nn.Module, tokenizer: Any, instances: Sequence[Instance], **how: Any
) -> Iterator[Transformer]:
    """A model that can be audited inside, and is as it was afterwards.

    Args:
        model: a classifier of `transformers`, its weights in float32.
        tokenizer: its own, a fast one.
        instances: two texts or more for the self-test, of different lengths if there are such.
        how: the further arguments of `Transformer`.

    Raises:
        UnsupportedModelError, DataError: it cannot be audited, or its self-test fails.
    """
    if len(instances) < 2:
        raise ModelError(f"the self-test needs two texts or more, found {len(instances)}")
    with ExitStack() as restore:
        config: Any = getattr(model, "config", None)
        restore.enter_context(ready(model))
        wrapped = Transformer(model, tokenizer, **how)
        if config.pad_token_id is None:  # decoders look for the last token that is not this one
            restore.callback(setattr, config, "pad_token_id", None)
            config.pad_token_id = wrapped._pad
        wrapped.test(wrapped.encode(instances))
        yield wrapped


def _padding_id(config: Any, tokenizer: Any) -> int:
    """What fills a batch up: the model's own, else the tokeniser's, else the end of a text."""
    for known in (
        getattr(config, "pad_token_id", None),
        getattr(tokenizer, "pad_token_id", None),
        getattr(tokenizer, "eos_token_id", None),
        getattr(config, "eos_token_id", None),
    ):
        if isinstance(known, int):
            return known
    return 0
