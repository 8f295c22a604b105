"""Rollouts with one prompt cache a group against transformers' own `generate`."""

import copy

import architectures
import numpy as np
import pytest
import shared_cases as cases
import torch
from scipy.stats import chi2_contingency
from transformers import GenerationConfig

from counterpoint.generation import architecture, layers, prompts
from counterpoint.generation import rollout as rolling
from counterpoint.generation.rollout import draw, rollout
from counterpoint.training.packed import log_probs


@pytest.fixture(scope="module")
def asked(shape):
    """`asked(name)`: a model, its prompts as `Prompts` and as padded inputs, and generation settings."""
    made = {}

    def get(name: str):
        torch.set_num_threads(1)
        if name not in made:
            model, processor = architectures.build(name, shape)
            cases.sharpen(model)
            messages = [
                [{"role": "user", "content": [*({"type": "image", "image": i} for i in row["images"]),
                                              {"type": "text", "text": row["prompt"][0]["content"]}]}]
                for row in cases.rows()
            ]  # fmt: skip
            templated = {"conversation": messages, "add_generation_prompt": True, "tokenize": True, "return_dict": True}
            bare = processor.apply_chat_template(**templated)
            padded = processor.apply_chat_template(
                **templated, processor_kwargs={"padding": True, "return_tensors": "pt"}
            )
            fields = {k: v for k, v in bare.items() if k not in ("input_ids", "attention_mask")}
            counts = [len(row["images"]) for row in cases.rows()]
            built = prompts.build(architecture.parts(model), bare["input_ids"], counts, fields)
            made[name] = model, processor, built, padded
        return made[name]

    return get


def config(processor, **changes) -> GenerationConfig:
    tokenizer = processor.tokenizer
    common = {"max_new_tokens": 12, "pad_token_id": tokenizer.pad_token_id, "eos_token_id": [tokenizer.eos_token_id]}
    image = processor.image_token_id
    return GenerationConfig(**common | {"suppress_tokens": [image], "disable_compile": True} | changes)


def stock(model, padded, settings) -> list[list[int]]:
    with torch.no_grad():
        out = model.generate(**padded, generation_config=settings)[:, padded["input_ids"].shape[1] :].tolist()
    stops = settings.eos_token_id
    ends = [next((i + 1 for i, token in enumerate(row) if token in stops), len(row)) for row in out]
    return [row[:end] for row, end in zip(out, ends, strict=True)]


@pytest.mark.parametrize("changes", [{}, {"repetition_penalty": 1.5}, {"min_new_tokens": 5}], ids=str)
@pytest.mark.parametrize("name", architectures.NAMES)
def test_greedy_completions_are_those_of_generate(asked, name, changes):
    model, processor, built, padded = asked(name)
    # no token twice, for a model with random weights likes to repeat itself
    settings = config(processor, do_sample=False, no_repeat_ngram_size=1, **changes)
    wanted = stock(model, padded, settings)
    # end tokens that end some completions early and others never, so that rows and whole prompts leave the batch
    settings.eos_token_id = sorted({row[i] for row, i in zip(wanted, (2, 5, 7), strict=False) if len(row) > i})
    wanted = stock(model, padded, settings)
    assert len({len(row) for row in wanted}) > 1
    got = rollout(model, built, [3, 1, 0, 2], settings)
    assert got == [wanted[0]] * 3 + [wanted[1]] + [wanted[3]] * 2


@pytest.mark.parametrize(
    "changes",
    [{}, {"temperature": 0.6}, {"top_k": 7}, {"top_p": 0.7}, {"min_p": 0.2}, {"top_k": 20, "repetition_penalty": 3.0}],
    ids=str,
)
def test_samples_are_distributed_as_those_of_generate(asked, changes):
    """Chi-square over 20,000 draws of the first two tokens of each; repetition bears on the second."""
    model, processor, built, _ = asked("llava-qwen3")
    settings = config(processor, do_sample=True, max_new_tokens=2, **{"top_k": 0, **changes})
    number, row = 20_000, 2
    torch.manual_seed(11)
    ours = rollout(model, built.select([row]), [number], settings)
    alone = {"input_ids": built.ids[row][None], "attention_mask": torch.ones_like(built.ids[row][None])}
    with torch.no_grad():
        width = alone["input_ids"].shape[1]
        theirs = model.generate(**alone, generation_config=settings, num_return_sequences=number)[:, width:].tolist()
    for place in (0, 1):
        counts = np.zeros((2, model.config.text_config.vocab_size))
        for side, sample in enumerate((ours, theirs)):
            for completion in sample:
                if len(completion) > place and settings.eos_token_id[0] not in completion[:place]:
                    counts[side, completion[place]] += 1
        assert ((counts[0] > 0) | (counts[1] > 0)).sum() > 3
        # tokens rarely drawn are one class, or their cells would be too small for the test
        rare = counts.sum(0) < 10
        table = np.column_stack([counts[:, ~rare], counts[:, rare].sum(1)])
        assert chi2_contingency(table[:, table.sum(0) > 0]).pvalue > 1e-3, place


def test_what_is_never_allowed_is_never_drawn(asked):
    model, processor, built, _ = asked("llava-qwen3")
    allowed = list(range(40, 50))
    suppressed = [token for token in range(model.config.text_config.vocab_size) if token not in allowed]
    settings = config(processor, do_sample=True, top_k=0, suppress_tokens=suppressed)
    drawn = {token for row in rollout(model, built, [200] * 4, settings) for token in row}
    assert drawn <= set(allowed) and len(drawn) > 5


def test_draw_follows_the_scores_exactly():
    scores = torch.tensor([[0.0, -torch.inf, 1.0, 2.0]])
    chances = scores.softmax(-1)[0]
    uniform = (torch.arange(10_000) + 0.5) / 10_000
    found = torch.bincount(draw(scores.expand(10_000, -1), uniform), minlength=4) / 10_000
    assert (found - chances).abs().max() < 2e-4
    edge = torch.tensor([0.0, 1.0 - 2**-24])
    assert draw(torch.tensor([[-torch.inf, 0.0, -torch.inf]]).expand(2, -1), edge).tolist() == [1, 1]


def test_scores_that_are_no_numbers_are_told():
    with pytest.raises(FloatingPointError, match="diverged"):
        draw(torch.tensor([[0.0, torch.nan]]), torch.tensor([0.5]))


def test_a_completion_does_not_depend_on_when_others_end(asked):
    """Its random numbers are its own, so dropping finished rows changes no text."""
    model, processor, built, _ = asked("llava-qwen2")
    settings = config(processor, do_sample=True, top_k=0, eos_token_id=list(range(20, 80)), max_new_tokens=20)
    torch.manual_seed(2)
    dropped = rollout(model, built, [6] * 4, settings)
    from counterpoint.generation import rollout as module

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "DROP_AT", -1.0)
        torch.manual_seed(2)
        assert rollout(model, built, [6] * 4, settings) == dropped
    assert len({len(row) for row in dropped}) > 3


@pytest.mark.parametrize("name", ["llava-qwen3", "qwen2_vl"])
def test_bfloat16_weights_roll_out_the_likeliest_tokens(asked, name):
    """Near-ties aside: what bfloat16 finds likeliest, float32 mostly does too."""
    model, processor, built, _ = asked(name)
    rounded = copy.deepcopy(model).to(torch.bfloat16)
    settings = config(processor, do_sample=False, max_new_tokens=6)
    made = prompts.Prompts(**{k: [to_bfloat16(x) for x in v] for k, v in vars(built).items()})
    ids = rollout(rounded, made, [2, 2, 2, 2], settings)
    assert ids[::2] == ids[1::2]
    lengths = [len(row) for row in ids[::2]]
    padded = torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in ids[::2]], batch_first=True)
    with torch.no_grad():
        _, _, best = log_probs(model, built, padded, lengths, range(4))
    drawn = torch.arange(padded.shape[1]) < torch.tensor(lengths).unsqueeze(1)
    assert best[drawn].float().mean() >= 0.8


def to_bfloat16(x):
    return x.to(torch.bfloat16) if isinstance(x, torch.Tensor) and x.is_floating_point() else x


@pytest.mark.parametrize("name", ["llava-qwen3", "qwen2_5_vl"])
@pytest.mark.parametrize("rows", [[0, 1, 2, 3], [2, 2, 2]], ids=["of four lengths", "of one length"])
def test_parts_give_what_all_at_once_give(shape, monkeypatch, name, rows):
    torch.set_num_threads(1)
    model, processor = architectures.build(name, shape)
    shown = cases.rows()
    messages = [
        [{"role": "user", "content": [*({"type": "image", "image": i} for i in row["images"]),
                                      {"type": "text", "text": row["prompt"][0]["content"]}]}]
        for row in shown
    ]  # fmt: skip
    bare = processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=True, return_dict=True)
    fields = {k: v for k, v in bare.items() if k not in ("input_ids", "attention_mask")}
    parts = architecture.parts(model)
    built = prompts.build(parts, bare["input_ids"], [len(row["images"]) for row in shown], fields).select(rows)
    with torch.no_grad():
        hidden = prompts.embed(parts, built, prompts.features(parts, built), built.ids[0][:0])
        joined = layers.join(parts.decoder)
        found = []
        for tokens in (10**6, 2 * max(built.lengths), 1):
            monkeypatch.setattr(rolling, "PREFILLED_AT_ONCE", tokens)
            found.append(rolling.prefill(parts, built, hidden, joined))
    state, kept, bias = found[0]
    assert (bias is None) == (len(set(rows)) == 1)
    for other_state, other_kept, other_bias in found[1:]:
        torch.testing.assert_close(other_state, state)
        assert (other_bias is None) if bias is None else torch.equal(other_bias, bias)
        for layer, pair in kept.items():
            for one, other in zip(pair, other_kept[layer], strict=True):
                for row, length in enumerate(built.lengths):
                    torch.testing.assert_close(other[row, :, :length], one[row, :, :length])
                    assert other[row].isfinite().all()  # what the bias hides must not be NaN
