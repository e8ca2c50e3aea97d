import "@testing-library/jest-dom/vitest";
import { cleanup, configure } from "@testing-library/react";
import { afterEach } from "vitest";

// A page is loaded when it is gone to, which takes a busy machine a while.
configure({ asyncUtilTimeout: 10_000 });
afterEach(cleanup);

// jsdom has no layout: what Radix and the virtual lists ask of it is answered with nothing.
const nothing = () => undefined;
class NoResize implements ResizeObserver {
  observe = nothing;
  unobserve = nothing;
  disconnect = nothing;
}
globalThis.ResizeObserver = NoResize;
Object.assign(Element.prototype, {
  scrollIntoView: nothing,
  hasPointerCapture: () => false,
  setPointerCapture: nothing,
  releasePointerCapture: nothing,
});
window.matchMedia = (media) =>
  ({ matches: false, media, addEventListener: nothing, removeEventListener: nothing }) as unknown as MediaQueryList;
