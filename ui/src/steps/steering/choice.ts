import { useSearchParams } from "react-router";
import type { components } from "@/api/schema";

type Schemas = components["schemas"];

/** A latent to be turned up or down. */
export interface Edit {
  latent: number;
  mode: Schemas["Edit"]["mode"];
  /** In units of the latent's largest activation; null until one is chosen: then the moderate one that is suggested. */
  strength: number | null;
}

export type Writing = Pick<Schemas["GenerateConfig"], "max_new_tokens" | "temperature" | "top_p" | "seed">;

/** What to steer, how strongly, and what to continue. It stands in the address, so that it can be sent. */
export interface Choice {
  set: string | null;
  edits: readonly Edit[];
  prompt: string;
  writing: Writing;
}

export const usual: Writing = { max_new_tokens: 48, temperature: 0, top_p: 1, seed: 0 };

/** `set=…&edit=12:add:2.1&edit=40:clamp:0&prompt=…&temperature=0.8` */
export function choiceOf(params: URLSearchParams): Choice {
  const number = (name: keyof Writing) => {
    const value = Number(params.get(name) ?? Number.NaN);
    return Number.isNaN(value) ? usual[name] : value;
  };
  const edits = params.getAll("edit").map(editOf);
  return {
    set: params.get("set"),
    edits: edits.filter(
      (edit, place): edit is Edit => edit !== null && edits.findIndex((each) => each?.latent === edit.latent) === place,
    ),
    prompt: params.get("prompt") ?? "",
    writing: {
      max_new_tokens: number("max_new_tokens"),
      temperature: number("temperature"),
      top_p: number("top_p"),
      seed: number("seed"),
    },
  };
}

function editOf(text: string): Edit | null {
  const [latent = "", mode, strength] = text.split(":");
  if (!/^\d+$/.test(latent)) return null;
  const value = strength === undefined || strength === "" ? Number.NaN : Number(strength);
  return {
    latent: Number(latent),
    mode: mode === "clamp" ? "clamp" : "add",
    strength: Number.isFinite(value) ? value : null,
  };
}

export function paramsOf({ set, edits, prompt, writing }: Choice): URLSearchParams {
  const params = new URLSearchParams();
  if (set !== null) params.set("set", set);
  for (const { latent, mode, strength } of edits)
    params.append("edit", strength === null ? `${latent}:${mode}` : `${latent}:${mode}:${strength}`);
  if (prompt !== "") params.set("prompt", prompt);
  for (const name of Object.keys(usual) as (keyof Writing)[])
    if (writing[name] !== usual[name]) params.set(name, String(writing[name]));
  return params;
}

export function useChoice(): [Choice, (changes: Partial<Choice>) => void] {
  const [params, setParams] = useSearchParams();
  const change = (changes: Partial<Choice>) =>
    setParams((before) => paramsOf({ ...choiceOf(before), ...changes }), { replace: true });
  return [choiceOf(params), change];
}
