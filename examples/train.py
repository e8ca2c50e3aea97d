"""Train an SAE on a recording, evaluate it, and steer with it, without a studio.

    python examples/train.py MODEL TEXT FOLDER

MODEL is a directory, a .gguf file, or a model of the Hub; TEXT a file or folder of text. FOLDER receives everything.
"""

import sys
from pathlib import Path

import mistudio


def main(model: str, text: str, folder: str, **sizes: int) -> mistudio.SparseAutoencoder:
    place = Path(folder)
    lm = mistudio.load_model(mistudio.ModelConfig(source=model))
    corpus = mistudio.add_corpus(mistudio.CorpusConfig(sources=(text,), held_out=0.1), place / "corpus")
    packed = mistudio.TokenizeConfig(context_length=sizes.get("context_length", 256))
    tokens = mistudio.Tokens.open(mistudio.tokenize(corpus.path, model, packed, place / "tokens").path)

    hook = f"resid_post.{lm.n_layers // 2}"
    recording = mistudio.trace(lm, tokens, mistudio.TraceConfig(hooks=(hook,)), place / "activations")
    config = mistudio.TrainConfig(
        sae=mistudio.BatchTopKConfig(k=sizes.get("k", 32), expansion=8),
        tokens=sizes.get("tokens", 2_000_000),
        batch_size=sizes.get("batch_size", 2048),
    )
    trained = mistudio.train(mistudio.RecordedSource(recording.path), config, place / "sae")

    sae = mistudio.load_sae(trained.path)
    quality = mistudio.evaluate(sae, lm, tokens, mistudio.EvaluateConfig(max_tokens=sizes.get("held_out", 100_000)))
    print(f"FVU {quality.fvu:.3f} at L0 {quality.l0:.1f}")

    acts_BD = mistudio.RecordedSource(recording.path).sample(4096).float()
    code_BF = sae.encode(acts_BD)
    strongest = int(code_BF.max(0).values.argmax())
    spec = mistudio.SteeringSpec(hook=sae.hook, edits=(mistudio.Edit(latent=strongest, strength=0.5),))
    written = mistudio.steer(
        lm,
        sae,
        spec,
        ["Once upon a time"],
        mistudio.GenerateConfig(max_new_tokens=20),
        max_activation={strongest: float(code_BF.max())},
    )
    print(f"By itself: {written.baseline().text}\nWith latent {strongest}: {written.steered().text}")
    return sae


if __name__ == "__main__":
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
