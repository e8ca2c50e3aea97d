"""The whole road from Python, on a studio that runs.

    python examples/client.py TEXT MODEL [URL]

TEXT is a file or folder of text, or a data set of the Hub; MODEL a directory, a .gguf file, or a model of the Hub.
URL is MISTUDIO_URL if not given, or else this machine's studio, at the port that MISTUDIO_PORT names or at 8000.
"""

import os
import sys

import mistudio


def main(text: str, model: str, url: str | None = None) -> None:
    given = os.environ  # noqa: TID251  a program, as the command line is
    url = url or given.get("MISTUDIO_URL") or f"http://127.0.0.1:{given.get('MISTUDIO_PORT', '8000')}"
    with mistudio.Client(url) as studio:
        dataset = studio.datasets.add(mistudio.CorpusConfig(sources=(text,), held_out=0.1)).wait()
        lm = studio.models.add(model).wait()
        tokens = studio.datasets.tokenize(dataset, lm, mistudio.TokenizeConfig(context_length=32)).wait()
        hook = f"resid_post.{lm.n_layers // 2}"
        recording = studio.recordings.add(lm, tokens, mistudio.TraceConfig(hooks=(hook,))).wait()
        sizes = mistudio.TrainConfig(sae=mistudio.TopKConfig(k=4, expansion=4), tokens=2048, batch_size=128)
        sae = studio.trainings.wait(studio.trainings.start(recording, sizes), on_progress=lambda job: print(job.stage))
        features = studio.feature_sets.find(sae, lm, tokens, recording).wait()
        best = studio.feature_sets.features(features, sortBy="max", alive=True).page(limit=1)[0]
        studio.feature_sets.annotate(features, best.latent, label="the strongest one")
        strength = studio.steering.suggestion(features, best.latent).moderate
        for event in studio.steering.stream(features, "Once there was", {best.latent: strength}):
            if event.type == "tokens":
                print(*(piece.text for piece in event.pieces if piece.column == 1), end="", flush=True)


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
