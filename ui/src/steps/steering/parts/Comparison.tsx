import { LoaderCircle, RotateCcw } from "lucide-react";
import { useMemo, useState } from "react";
import { Badge } from "@/kit/Badge";
import { Button } from "@/kit/Button";
import { Card } from "@/kit/Card";
import { CopyButton } from "@/kit/Code";
import { cx } from "@/kit/cx";
import { ErrorState } from "@/kit/ErrorState";
import { duration, plural, rate } from "@/kit/format";
import { Switch } from "@/kit/Switch";
import { difference, type Piece } from "../difference";
import type { Run } from "../runs";
import { Readings } from "./Readings";

interface ComparisonProps {
  run: Run;
  colours: readonly string[];
  /** Brings its settings back; null where they are still chosen. */
  onAgain: (() => void) | null;
}

/** A comparison: as the model writes by itself, and steered. */
export function Comparison({ run, colours, onAgain }: ComparisonProps) {
  const [marked, setMarked] = useState(true);
  const texts = run.texts.map((pieces) => pieces.join(""));
  const [plain = "", steered = ""] = texts;
  const sides = useMemo(() => difference(plain, steered), [plain, steered]);
  const same = run.state === "done" && plain === steered;
  return (
    <Card
      title="What it writes"
      actions={
        <div className="flex flex-wrap items-center gap-4">
          <Switch label="Mark differences" checked={marked} onChange={setMarked} />
          {onAgain && (
            <Button size="sm" icon={RotateCcw} onClick={onAgain}>
              Use these settings
            </Button>
          )}
        </div>
      }
    >
      {run.state === "failed" && (
        <div className="mb-4">
          <ErrorState error={run.error} title="It could not be written" compact />
        </div>
      )}
      {run.state === "waiting" && (
        <p role="status" className="mb-4 flex items-center gap-2 text-ink-2">
          <LoaderCircle size={16} aria-hidden className="animate-spin text-accent" />
          {run.waiting}
        </p>
      )}
      <div className="grid gap-4 md:grid-cols-2">
        <Side title="As it is" run={run} pieces={sides[0]} text={plain} mark={marked ? "bg-quiet-soft" : ""} />
        <Side title="Steered" run={run} pieces={sides[1]} text={steered} mark={marked ? "bg-accent-soft" : ""} accent />
      </div>
      {same && (
        <p role="status" className="mt-3 text-sm text-warn">
          Both texts are the same: turn the strength up, or choose a feature that has to do with the text.
        </p>
      )}
      {run.result && (
        <div className="mt-5">
          <Readings run={run} result={run.result} colours={colours} />
          <p className="mt-3 text-xs text-ink-3">
            {plural(run.result.tokens, "token")} in {duration(run.result.seconds)},{" "}
            {rate(run.result.tokens_per_second, "tokens")} for both texts together, by {run.result.model_name}.
          </p>
        </div>
      )}
    </Card>
  );
}

/** The space before a word is not part of what differs. */
function Marked({ text, mark }: { text: string; mark: string }) {
  const words = text.trimStart();
  return (
    <>
      {text.slice(0, text.length - words.length)}
      <span className={mark === "" ? undefined : cx(mark, "rounded-[3px] py-0.5")}>{words}</span>
    </>
  );
}

interface SideProps {
  title: string;
  run: Run;
  pieces: readonly Piece[];
  text: string;
  mark: string;
  accent?: boolean;
}

function Side({ title, run, pieces, text, mark, accent = false }: SideProps) {
  const writes = run.state === "writing";
  return (
    <section
      aria-label={title}
      aria-busy={writes}
      className={cx("min-w-0 rounded-lg border bg-sunken p-4", accent ? "border-accent/50" : "border-line")}
    >
      <header className="mb-2 flex min-h-7 items-center justify-between gap-2">
        <h3 className="flex items-center gap-2 font-medium text-ink">
          {title}
          {run.state === "stopped" && <Badge>Stopped</Badge>}
        </h3>
        {text !== "" && !writes && (
          <CopyButton text={run.choice.prompt + text} name={`Copy the text: ${title.toLowerCase()}`} />
        )}
      </header>
      <p className="text-base/6 wrap-anywhere whitespace-pre-wrap">
        <span className="text-ink-3">{run.choice.prompt}</span>
        {pieces.map((piece, place) => (
          <Marked key={place} text={piece.text} mark={piece.own ? mark : ""} />
        ))}
        {writes && (
          <span aria-hidden className="ml-0.5 inline-block h-4 w-1.5 animate-breathe bg-accent-fill align-middle" />
        )}
      </p>
    </section>
  );
}
