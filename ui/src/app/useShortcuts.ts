import { useEffect } from "react";
import { useNavigate } from "react-router";
import { house, road } from "./pages";
import { toggleSidebar, useUi } from "./ui";

const CHORD_MS = 1200;

/** The keys that work everywhere. Single keys are left alone where somebody types. */
export function useShortcuts(): void {
  const navigate = useNavigate();
  useEffect(() => {
    let going = 0;
    const onKeyDown = (event: KeyboardEvent) => {
      const command = event.ctrlKey || event.metaKey;
      if (command && event.key.toLowerCase() === "k") {
        event.preventDefault();
        useUi.setState(({ palette }) => ({ palette: !palette, shortcuts: false }));
        return;
      }
      if (command && event.key.toLowerCase() === "b" && !typing(event.target)) {
        event.preventDefault();
        toggleSidebar();
        return;
      }
      if (command || event.altKey || typing(event.target) || event.defaultPrevented) return;
      if (event.key === "?") {
        useUi.setState(({ shortcuts }) => ({ shortcuts: !shortcuts }));
      } else if (going > event.timeStamp) {
        going = 0;
        const page = [...road, ...house].find(({ key }) => key === event.key);
        if (page) {
          event.preventDefault();
          // `g j` is not also the `j` of a list.
          event.stopImmediatePropagation();
          void navigate(page.path);
        }
      } else if (event.key === "g") {
        going = event.timeStamp + CHORD_MS;
      }
    };
    window.addEventListener("keydown", onKeyDown, true);
    return () => window.removeEventListener("keydown", onKeyDown, true);
  }, [navigate]);
}

function typing(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    target.closest("input, textarea, select, [contenteditable], [role=dialog]") !== null
  );
}
