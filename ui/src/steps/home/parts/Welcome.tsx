import { ArrowRight, Play } from "lucide-react";
import { Button, ButtonLink } from "@/kit/Button";
import { ErrorState } from "@/kit/ErrorState";
import { useDemo } from "../queries";

/** The first visit: one button that shows everything, and the way with one's own model. */
export function Welcome() {
  const demo = useDemo();
  return (
    <section
      aria-labelledby="welcome"
      className="mb-6 overflow-hidden rounded-xl border border-accent/30 bg-accent-soft/40 p-6 sm:p-8"
    >
      <h2 id="welcome" className="text-xl font-semibold text-ink">
        See what a language model is thinking of
      </h2>
      <p className="mt-2 max-w-3xl text-ink-2">
        Inside a model, every word becomes a long list of numbers. A sparse autoencoder (SAE) takes such lists apart
        into features that one can read, such as “war and peace” or “the end of a sentence”. The demo opens a small real
        model on two centuries of presidential addresses: it trains an SAE, shows what each feature responds to, and
        steers the model with one.
      </p>
      <div className="mt-5 flex flex-wrap items-center gap-3">
        <Button variant="primary" icon={Play} busy={demo.isPending} onClick={() => demo.mutate()}>
          Start the demo
        </Button>
        <ButtonLink to="/models?add=1" variant="ghost" icon={ArrowRight}>
          Begin with my own model and text
        </ButtonLink>
      </div>
      <p className="mt-4 text-sm text-ink-3">
        The demo fetches about 100 MB once and takes about ten minutes on a laptop without a GPU. Nothing leaves this
        machine; you can pause it at any time.
      </p>
      {demo.error && (
        <div className="mt-4">
          <ErrorState error={demo.error} compact />
        </div>
      )}
    </section>
  );
}
