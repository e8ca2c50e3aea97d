import { create } from "zustand";

export type ThemeChoice = "dark" | "light" | "system";

// public/theme-first.js reads the same key before the first paint.
const KEY = "mistudio.theme";
const system = window.matchMedia("(prefers-color-scheme: light)");

function stored(): ThemeChoice {
  const choice = localStorage.getItem(KEY);
  return choice === "light" || choice === "system" ? choice : "dark";
}

export const useTheme = create<{ choice: ThemeChoice }>(() => ({ choice: stored() }));

function paint() {
  const { choice } = useTheme.getState();
  const light = choice === "light" || (choice === "system" && system.matches);
  document.documentElement.dataset.theme = light ? "light" : "dark";
}

export function chooseTheme(choice: ThemeChoice): void {
  localStorage.setItem(KEY, choice);
  useTheme.setState({ choice });
  paint();
}

system.addEventListener("change", paint);
