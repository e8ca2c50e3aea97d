import { create } from "zustand";

const KEY = "mistudio.sidebar";

interface Ui {
  /** The sidebar shows icons only. */
  narrow: boolean;
  /** On small screens: the sidebar lies over the page. */
  drawer: boolean;
  palette: boolean;
  shortcuts: boolean;
}

/** What a reload may forget, but for the sidebar's width. */
export const useUi = create<Ui>(() => ({
  narrow: localStorage.getItem(KEY) === "narrow",
  drawer: false,
  palette: false,
  shortcuts: false,
}));

export function toggleSidebar(): void {
  useUi.setState(({ narrow }) => {
    localStorage.setItem(KEY, narrow ? "wide" : "narrow");
    return { narrow: !narrow };
  });
}
