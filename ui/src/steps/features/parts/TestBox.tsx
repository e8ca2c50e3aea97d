import { LoaderCircle } from "lucide-react";
import { useEffect, useState } from "react";
import { useSearchParams } from "react-router";
import { Card } from "@/kit/Card";
import { CopyButton } from "@/kit/Code";
import { cx } from "@/kit/cx";
import { ErrorState } from "@/kit/ErrorState";
import { number, percent, plural } from "@/kit/format";
import { TextArea } from "@/kit/inputs";
import { TokenText } from "@/kit/TokenText";
import type { TriedText } from "../queries";

interface TestBoxProps {
  /** The text in the address: what is tried. */
  text: string;
  tried: TriedText | undefined;
  busy: boolean;
  /** `tried` is of the text before. */
  stale: boolean;
  error: unknown;
}

const SETTLE_MS = 450;

/** A text of one's own: where in it does the latent fire? The text stands in the address, so that it can be sent. */
export function TestBox({ text, tried, busy, stale, error }: TestBoxProps) {
  const [, setParams] = useSearchParams();
  const [draft, setDraft] = useState(text);
  useEffect(() => {
    if (draft === text) return;
    const timer = setTimeout(
      () =>
        setParams(
          (before) => {
            if (draft.trim() === "") before.delete("text");
            else before.set("text", draft);
            return before;
          },
          { replace: true },
        ),
      SETTLE_MS,
    );
    return () => clearTimeout(timer);
  }, [draft, text, setParams]);
  return (
    <Card
      title="Try a text"
      description="The model reads what you type, and each token shows how active the latent is on it."
      actions={text !== "" && <CopyButton text={window.location.href} name="Copy a link with this text" />}
    >
      <TextArea
        rows={2}
        maxLength={20_000}
        aria-label="Text to try"
        placeholder="Type a sentence that you think makes it fire, and one that should not."
        value={draft}
        onChange={(event) => setDraft(event.target.value)}
      />
      {error !== null && (
        <div className="mt-3">
          <ErrorState error={error} title="The text could not be tried" compact />
        </div>
      )}
      {tried && error === null && (
        <div className={cx("mt-3 transition-opacity", stale && "opacity-50")}>
          <TokenText
            label="Your text by its tokens"
            tokens={tried.tokens.map((token) => token.text)}
            values={tried.tokens.map((token) => token.activation ?? 0)}
            max={Math.max(tried.max_activation, tried.max)}
            breaks
          />
          <p className="mt-2 text-sm text-ink-3" role="status">
            {verdict(tried)}
          </p>
        </div>
      )}
      {busy && (
        <p className="mt-2 flex items-center gap-2 text-sm text-ink-3" role="status">
          <LoaderCircle size={14} className="animate-spin" aria-hidden />
          {tried ? "Reading…" : "Reading… The first time the model is loaded, which takes some seconds."}
        </p>
      )}
    </Card>
  );
}

function verdict({ tokens, max, max_activation: largest }: TriedText): string {
  const active = tokens.filter(({ activation }) => (activation ?? 0) > 0).length;
  if (active === 0) return `It does not fire on any of the ${plural(tokens.length, "token")}.`;
  const share = largest > 0 ? ` (${percent(max / largest, 2)} of its largest)` : "";
  return `It fires on ${active} of ${plural(tokens.length, "token")}, at most ${number(max)}${share}.`;
}
