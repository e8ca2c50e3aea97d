import pytest
import torch

from mistudio.activations.outliers import TokenFilter
from mistudio.errors import ArtifactBroken, BadInput, HookMissing, Interrupted, ShapeError
from mistudio.evaluation.probing.config import FitConfig, LabelsConfig, SpellingConfig
from mistudio.evaluation.probing.documents import Labelled, LabelledText, label_documents
from mistudio.evaluation.probing.labels import probe_labels
from mistudio.evaluation.probing.reading import document_means, run_texts, token_filter_of
from mistudio.evaluation.probing.result import LabelProbing, SpellingProbing
from mistudio.evaluation.probing.spelling import probe_spelling
from mistudio.language_models.hook_points import HookPoint
from mistudio.language_models.partial_forward import run_until
from mistudio.progress import Silent, StopSwitch
from tests.evaluation.conftest import HOOK, identity_sae, random_sae, sae_of
from tests.evaluation.probing.test_documents import documents

POINT = HookPoint.parse(HOOK)
SPELLING = SpellingConfig(words="all", min_letters=1, min_words=4, min_probe_f1=0.0)
LABELS = LabelsConfig(label="party", min_documents=4, ks=(1, 2), perturbed=(2,), context_length=8)


def texts_of_a_label(count=36):
    """Three classes that each have a word of their own, among words that all have."""
    words = {"a": "nation", "b": "dedicated", "c": "conceived"}
    parties = "abc" * (count // 3)
    made = documents(parties)
    texts = [f"four {n} {words[party]} {words[party]} {words[party]}" for n, party in enumerate(parties)]
    found = label_documents(made, LABELS)
    return found._replace(
        texts=[LabelledText(text, each.label, each.group) for text, each in zip(texts, found.texts, strict=True)]
    )


def means_of(lm, texts, sae, config=LABELS, token_filter=None):
    token_filter = token_filter or token_filter_of(sae, lm)
    return document_means(sae, lm, texts, config, FitConfig(), token_filter=token_filter, progress=Silent())


# ── reading ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("family", ["llama", "gpt2", "falcon_alibi"])
def test_a_text_is_read_in_a_batch_as_it_is_alone(lm, family):
    from tests.tiny_models import tiny_language_model

    model = tiny_language_model(family)
    rows = [[0, 7, 8, 9, 20], [0, 5], [0, 30, 31]]
    (batch,) = run_texts(model, rows, POINT, batch_contexts=8, stage="", progress=Silent())
    for c, ids in enumerate(rows):
        alone_TD = run_until(model, torch.tensor([ids]), [POINT])[POINT][0]
        assert torch.allclose(batch.x_CTD[c][batch.real_CT[c]], alone_TD, atol=1e-5)


def test_a_documents_sample_is_the_mean_of_its_own_tokens_bos_left_out(lm):
    sae, texts = random_sae(), ["four score and seven years ago our fathers", "a", "conceived in liberty"]
    found = means_of(lm, texts, sae)
    for n, text in enumerate(texts):
        ids = lm.tokenizer(text, add_special_tokens=False)["input_ids"]
        pieces = [[0, *ids[start : start + 7]] for start in range(0, len(ids), 7)]
        x_BD = torch.cat([run_until(lm, torch.tensor([piece]), [POINT])[POINT][0, 1:] for piece in pieces])
        assert int(found.tokens_N[n]) == len(ids) == len(x_BD)
        assert torch.allclose(found.x_ND[n], x_BD.mean(0), atol=1e-5)
        assert torch.allclose(found.acts_NF[n], sae.encode(x_BD).mean(0), atol=1e-5)


def test_a_long_document_is_read_in_pieces_spread_over_it(lm):
    text = "four score and seven years ago our fathers brought forth " * 6
    whole, part = (
        means_of(lm, [text], random_sae(), LABELS.model_copy(update={"document_tokens": tokens}))
        for tokens in (999, 14)
    )
    assert int(part.tokens_N[0]) == 14 < int(whole.tokens_N[0])


def test_a_document_of_which_no_token_is_kept_is_empty_and_not_a_number_like_another(lm):
    found = means_of(lm, ["four score"], identity_sae(), token_filter=TokenFilter(max_norm=1e-9, multiple=1.0))
    assert int(found.tokens_N[0]) == 0
    assert float(found.x_ND.abs().sum()) == 0


# ── labels, from text to numbers ─────────────────────────────────────────────────────────────────


def test_a_latent_that_is_the_label_is_chosen_and_tells_every_document_apart(lm):
    embeddings_FD = torch.nn.functional.normalize(lm.module.get_input_embeddings().weight, dim=1)
    a_latent_per_token = sae_of(embeddings_FD, embeddings_FD, 1, hook="resid_pre.0")
    found = probe_labels(a_latent_per_token, lm, texts_of_a_label(), LABELS)
    for each, word in zip(found.classes, (" nation", " dedicated", " conceived"), strict=True):
        assert each.sparse[0].latents == (lm.tokenizer.get_vocab()[word.replace(" ", "Ġ")],)
        assert each.sparse[0].scores.accuracy == 1


def test_labels_that_stand_in_the_text_are_found(lm):
    found = probe_labels(identity_sae(), lm, texts_of_a_label(), LABELS)
    assert LabelProbing.model_validate_json(found.model_dump_json()) == found
    assert [each.label for each in found.classes] == ["a", "b", "c"]
    assert (found.documents, found.train_documents, found.test_documents) == (36, 18, 18)
    for each in found.classes:
        assert each.raw.auc > 0.9
        assert each.all_latents.auc > 0.9
        assert [one.k for one in each.sparse] == [1, 2]
        assert each.sparse[1].latents[0] == each.sparse[0].latents[0]
    assert [each.k for each in found.perturbations] == [2]
    assert found.tokens > 36 * 5
    assert found.excluded["special_ids"] == [0, 1, 2]


def test_the_same_seed_gives_the_same_result_and_another_split_another(lm):
    made = texts_of_a_label()
    first, again, other = (probe_labels(random_sae(), lm, made, LABELS, FitConfig(seed=seed)) for seed in (0, 0, 5))
    assert first == again
    assert first.classes != other.classes


def test_of_two_classes_one_is_probed_and_none_is_perturbed(lm):
    made = texts_of_a_label()
    two = Labelled([each for each in made.texts if each.label != "c"], ["a", "b"], {"c": 12}, 0)
    found = probe_labels(identity_sae(), lm, two, LABELS)
    assert [each.label for each in found.classes] == ["a"]
    assert found.perturbations == ()
    assert found.left_out_classes == {"c": 12}


def test_documents_without_a_kept_token_are_left_out_and_counted(lm):
    made = texts_of_a_label()
    with_special = made._replace(texts=[*made.texts, LabelledText("", "a", "none")])
    assert probe_labels(identity_sae(), lm, with_special, LABELS).empty_documents == 1


def test_more_latents_than_there_are_are_refused(lm):
    with pytest.raises(BadInput, match="64 latents, and 65"):
        probe_labels(identity_sae(), lm, texts_of_a_label(), LABELS.model_copy(update={"ks": (65,)}))


# ── spelling, from the vocabulary to numbers ─────────────────────────────────────────────────────


def test_the_models_own_words_are_spelled(lm):
    found = probe_spelling(random_sae(), lm, SPELLING)
    assert SpellingProbing.model_validate_json(found.model_dump_json()) == found
    assert found.words == found.train_words + found.test_words == 113
    assert {each.letter for each in found.letters} | set(found.left_out_letters) == set("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    assert found.left_out_letters["Z"] == "2 words begin with it, and 4 are wanted"
    for each in found.letters:
        assert 0 <= each.absorbed_words <= each.right_words <= each.test_words
        assert each.main_latents
    mean = sum(each.absorption_rate for each in found.letters) / len(found.letters)
    assert found.absorption_rate == pytest.approx(mean)


def test_a_model_that_knows_no_letters_is_refused_with_a_reason(lm):
    with pytest.raises(BadInput, match=r"A: 13 words begin with it, and 40 are wanted"):
        probe_spelling(random_sae(), lm, SPELLING.model_copy(update={"min_words": 40}))


# ── what does not fit ────────────────────────────────────────────────────────────────────────────


def test_an_sae_of_another_width_or_layer_is_refused(lm):
    with pytest.raises(ShapeError, match="reads 16"):
        probe_spelling(sae_of(torch.eye(16), torch.eye(16), 4), lm, SPELLING)
    with pytest.raises(HookMissing, match="99"):
        probe_labels(identity_sae(hook="resid_post.99"), lm, texts_of_a_label(), LABELS)


def test_an_sae_that_answers_nan_is_refused(lm):
    broken = sae_of(torch.full((32, 32), torch.nan), torch.eye(32), 4)
    with pytest.raises(ArtifactBroken, match="SAE's latents are not finite"):
        probe_spelling(broken, lm, SPELLING)
    with pytest.raises(ArtifactBroken, match="SAE's latents are not finite"):
        probe_labels(broken, lm, texts_of_a_label(), LABELS)


class StopAt(StopSwitch):
    """Stops when a stage begins."""

    def __init__(self, stage):
        super().__init__()
        self.stage = stage

    def advance(self, stage, done, total, **metrics):
        if stage == self.stage:
            self.cancel()


@pytest.mark.parametrize("stage", ["read words", "fit probes", "find main latents"])
def test_spelling_can_be_stopped_at_every_stage(lm, stage):
    with pytest.raises(Interrupted):
        probe_spelling(random_sae(), lm, SPELLING, progress=StopAt(stage))


@pytest.mark.parametrize("stage", ["read", "fit probes"])
def test_probing_labels_can_be_stopped_at_every_stage(lm, stage):
    with pytest.raises(Interrupted):
        probe_labels(random_sae(), lm, texts_of_a_label(), LABELS, progress=StopAt(stage))


def test_probing_can_be_stopped_before_it_begins(lm):
    switch = StopSwitch()
    switch.cancel()
    with pytest.raises(Interrupted):
        probe_spelling(random_sae(), lm, SPELLING, progress=switch)
    with pytest.raises(Interrupted):
        probe_labels(random_sae(), lm, texts_of_a_label(), LABELS, progress=switch)
