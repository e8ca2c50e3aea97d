import { type RefObject, useCallback, useLayoutEffect, useState } from "react";

/** Browsers cannot draw taller boxes (Firefox stops at 17.8 million pixels): longer tables are scrolled in scale. */
const MAX_HEIGHT = 15_000_000;
const OVERSCAN = 10;
/** Until the box has been measured. */
const UNMEASURED = 640;

interface WindowOptions {
  box: RefObject<HTMLElement | null>;
  count: number;
  rowHeight: number;
  headHeight: number;
}

/** Which rows of a long table are to be drawn, and where. All rows have one height, so a million cost nothing. */
export function useWindow({ box, count, rowHeight, headHeight }: WindowOptions) {
  const [view, setView] = useState(UNMEASURED);
  const [scroll, setScroll] = useState(0);
  const inner = Math.max(rowHeight, view - headHeight);
  const real = count * rowHeight;
  const height = Math.min(real, MAX_HEIGHT);
  const scale = real > MAX_HEIGHT ? (real - inner) / (height - inner) : 1;
  const offset = scroll * scale;

  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    // Unscaled, the browser moves the rows: draw only when another row comes into sight.
    const read = () =>
      setScroll(scale === 1 ? Math.floor(element.scrollTop / rowHeight) * rowHeight : element.scrollTop);
    const measure = () => setView(element.clientHeight || UNMEASURED);
    // In scale a wheel's notch would skip rows: move by what it says.
    const wheel = (event: WheelEvent) => {
      if (event.ctrlKey || event.deltaY === 0 || Math.abs(event.deltaX) > Math.abs(event.deltaY)) return;
      const before = element.scrollTop;
      element.scrollTop += (event.deltaY * (event.deltaMode === 1 ? rowHeight : 1)) / scale;
      if (element.scrollTop !== before) event.preventDefault();
    };
    read();
    measure();
    element.addEventListener("scroll", read, { passive: true });
    if (scale !== 1) element.addEventListener("wheel", wheel, { passive: false });
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => {
      element.removeEventListener("scroll", read);
      element.removeEventListener("wheel", wheel);
      observer.disconnect();
    };
  }, [box, rowHeight, scale]);

  const reveal = useCallback(
    (index: number) => {
      const element = box.current;
      if (!element) return;
      const top = element.scrollTop * scale;
      const start = index * rowHeight;
      if (start < top) element.scrollTop = start / scale;
      else if (start + rowHeight > top + inner) element.scrollTop = (start + rowHeight - inner) / scale;
    },
    [box, inner, rowHeight, scale],
  );

  return {
    height,
    first: Math.max(0, Math.floor(offset / rowHeight) - OVERSCAN),
    /** One past the last. */
    end: Math.min(count, Math.ceil((offset + inner) / rowHeight) + OVERSCAN),
    /** Rows that fit. */
    fitting: Math.max(1, Math.floor(inner / rowHeight)),
    top: (index: number) => index * rowHeight - offset + scroll,
    reveal,
  };
}
