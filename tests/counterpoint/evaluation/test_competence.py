"""The competence card's numbers: each problem's own samples, captions by exact match."""

from counterpoint.evaluation import competence
from counterpoint.generation.completion import Completion, Decoding
from counterpoint.problem import Picture


def test_sampled_passes_count_each_problems_own_samples(monkeypatch, problems):
    def generate(model, processor, wanted, decoding, batch_size, **settings):
        assert decoding == Decoding(4, samples=8)
        assert len(wanted) == 2 * 8
        said = [problems[0].answer] * 2 + ["nothing"] * 6 + ["nothing"] * 8
        return [Completion(f"<think>r</think><answer>{text}</answer>", 5, False) for text in said]

    monkeypatch.setattr(competence, "generate", generate)
    passes = competence.sampled_passes(None, None, problems[:2], "", 8, 4, 4, 0)
    assert passes == {"pass@1": 0.125, "pass@8": 0.5}


def test_a_caption_counts_only_when_exactly_right(monkeypatch):
    one, two, three = (Picture.of(data) for data in (b"1", b"2", b"3"))
    shown = {"count": [(one, "one disc"), (two, "two discs")], "grid": [(three, "a walk")]}
    said = ["one disc", "two disc", " a walk "]
    monkeypatch.setattr(
        competence, "generate", lambda model, processor, wanted, *_, **__: [Completion(s, 3, False) for s in said]
    )
    assert competence.captions_right(None, None, shown, 4, 4) == {"count": 0.5, "grid": 1.0}


def test_captions_of_a_real_model_are_read(loaded, problems):
    shown = {"count": [(problems[0].images[0], "x")]}
    assert competence.captions_right(*loaded, shown, 3, 4) == {"count": 0.0}
