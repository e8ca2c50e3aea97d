import { Play, Square } from "lucide-react";
import { useState } from "react";
import { Button } from "@/kit/Button";
import { Card } from "@/kit/Card";
import { Disclosure } from "@/kit/Disclosure";
import { Field } from "@/kit/Field";
import { number } from "@/kit/format";
import { NumberInput, TextArea } from "@/kit/inputs";
import { KeyHint } from "@/kit/KeyHint";
import { Slider } from "@/kit/Slider";
import type { Writing } from "../choice";

interface PromptCardProps {
  prompt: string;
  writing: Writing;
  onPrompt: (prompt: string) => void;
  onWriting: (writing: Writing) => void;
  /** Why nothing can be generated yet; null where it can. */
  missing: string | null;
  running: boolean;
  onGenerate: (prompt: string) => void;
  onStop: () => void;
}

const examples = [
  "Last summer my family and I",
  "The most important question before us is",
  "Dear customer, thank you for",
];

/** The text to continue, and how. */
export function PromptCard(props: PromptCardProps) {
  const { prompt, writing, onPrompt, onWriting, missing, running, onGenerate, onStop } = props;
  // What is typed stands until the address says something else than before: going back to it for the moment in which the
  // address changes would move what is just being pressed.
  const [draft, setDraft] = useState({ text: prompt, over: prompt });
  const text = draft.over === prompt ? draft.text : prompt;
  const keep = () => {
    if (text !== prompt) onPrompt(text);
  };
  const sampled = writing.temperature > 0;
  const [wrong, setWrong] = useState({ length: false, seed: false });
  const why =
    missing ??
    (text.trim() === ""
      ? "Write the beginning of a text."
      : wrong.length || (wrong.seed && sampled)
        ? "Write the length and the seed as whole numbers."
        : null);
  const generate = () => {
    if (why !== null || running) return;
    keep();
    onGenerate(text);
  };
  return (
    <Card title="Text to continue">
      <TextArea
        rows={3}
        aria-label="Text to continue"
        placeholder="The model goes on from here, once as it is and once steered."
        value={text}
        onChange={(event) => setDraft({ text: event.target.value, over: prompt })}
        onBlur={keep}
        onKeyDown={(event) => {
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) generate();
        }}
      />
      {text.trim() === "" && (
        <div className="mt-2 flex flex-wrap items-center gap-2 text-sm text-ink-3">
          For example
          {examples.map((each) => (
            <Button key={each} size="sm" onClick={() => onPrompt(each)}>
              {each} …
            </Button>
          ))}
        </div>
      )}
      <div className="mt-4">
        <Disclosure
          title="How it writes"
          description={`Up to ${writing.max_new_tokens} tokens, ${sampled ? `sampled at temperature ${number(writing.temperature)}` : "always the likeliest one"}`}
        >
          <div className="grid gap-5 sm:grid-cols-2">
            <Field label="Length" unit="tokens" description="Tokens to write at most.">
              {(ids) => (
                <NumberInput
                  {...ids}
                  whole
                  min={1}
                  max={2048}
                  step={16}
                  value={writing.max_new_tokens}
                  onWrong={(length) => setWrong((before) => ({ ...before, length }))}
                  onChange={(value) =>
                    value !== null && onWriting({ ...writing, max_new_tokens: Math.max(1, Math.min(2048, value)) })
                  }
                />
              )}
            </Field>
            <Field
              label="Seed"
              description="Both texts use the same random numbers, so they differ only by the steering."
            >
              {(ids) => (
                <NumberInput
                  {...ids}
                  whole
                  min={0}
                  disabled={!sampled}
                  value={writing.seed}
                  onWrong={(seed) => setWrong((before) => ({ ...before, seed }))}
                  onChange={(value) => value !== null && onWriting({ ...writing, seed: value })}
                />
              )}
            </Field>
            <Dial
              label="Temperature"
              meaning="0 always takes the likeliest token; 1 samples as the model was trained."
              value={writing.temperature}
              max={2}
              onChange={(temperature) => onWriting({ ...writing, temperature })}
            />
            <Dial
              label="Top p"
              meaning="Samples only from the likeliest tokens that together have this probability."
              value={writing.top_p}
              min={0.05}
              max={1}
              disabled={!sampled}
              onChange={(top_p) => onWriting({ ...writing, top_p })}
            />
          </div>
        </Disclosure>
      </div>
      <div className="mt-4 flex flex-wrap items-center gap-3">
        {running ? (
          <Button variant="danger" icon={Square} onClick={onStop}>
            Stop
          </Button>
        ) : (
          <Button variant="primary" icon={Play} disabled={why !== null} onClick={generate}>
            Generate
          </Button>
        )}
        {why === null ? !running && <KeyHint keys="mod+enter" /> : <span className="text-sm text-ink-3">{why}</span>}
      </div>
    </Card>
  );
}

interface DialProps {
  label: string;
  meaning: string;
  value: number;
  min?: number;
  max: number;
  disabled?: boolean;
  onChange: (value: number) => void;
}

function Dial({ label, meaning, value, min = 0, max, disabled, onChange }: DialProps) {
  const [dragged, setDragged] = useState<number | null>(null);
  return (
    <div>
      <div className="mb-1 flex justify-between text-sm">
        <span className="font-medium text-ink-2">{label}</span>
        <span className="text-ink tabular-nums">{number(dragged ?? value)}</span>
      </div>
      <Slider
        label={label}
        min={min}
        max={max}
        step={0.05}
        disabled={disabled}
        value={dragged ?? value}
        onChange={setDragged}
        onCommit={(next) => {
          setDragged(null);
          onChange(Number(next.toFixed(2)));
        }}
      />
      <p className="mt-1 text-xs text-ink-3">{meaning}</p>
    </div>
  );
}
