import { create } from "zustand";

export interface ToastMessage {
  id: number;
  tone: "done" | "info" | "failed";
  title: string;
  text?: string;
  /** Where to look: a link. */
  link?: { text: string; to: string };
}

const SHOWN = 4;
let last = 0;

export const useToasts = create<{ messages: readonly ToastMessage[] }>(() => ({ messages: [] }));

/** Say something in passing: of what the user did, or of a job that ended. Errors of a form stay in the form. */
export function toast(message: Omit<ToastMessage, "id">): void {
  last += 1;
  const id = last;
  useToasts.setState(({ messages }) => ({ messages: [...messages.slice(1 - SHOWN), { ...message, id }] }));
}

/** A failure in passing, with its remedy. */
export function toastError(title: string, error: unknown): void {
  const remedy = typeof error === "object" && error !== null && "remedy" in error ? String(error.remedy) : "";
  const message = error instanceof Error ? error.message : String(error);
  toast({ tone: "failed", title, text: remedy ? `${message} ${remedy}` : message });
}

export function dismiss(id: number): void {
  useToasts.setState(({ messages }) => ({ messages: messages.filter((each) => each.id !== id) }));
}
