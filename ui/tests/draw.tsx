import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { render } from "@testing-library/react";
import axe from "axe-core";
import { type ReactNode } from "react";
import { MemoryRouter, useLocation } from "react-router";
import { expect } from "vitest";
import { TooltipProvider } from "@/kit/Tooltip";

/** What a part of a page stands in. */
export function draw(content: ReactNode, { at = "/", client = new QueryClient() } = {}) {
  return render(content, {
    wrapper: ({ children }: { children: ReactNode }) => (
      <QueryClientProvider client={client}>
        <TooltipProvider>
          <MemoryRouter initialEntries={[at]}>
            {children}
            <Address />
          </MemoryRouter>
        </TooltipProvider>
      </QueryClientProvider>
    ),
  });
}

function Address() {
  const { pathname, search } = useLocation();
  return (
    <output hidden data-testid="address">
      {pathname + search}
    </output>
  );
}

/** No fault that axe finds without a layout; contrast is for tests/contrast.test.ts and the browser. */
export async function expectAccessible(element: Element = document.body): Promise<void> {
  const { violations } = await axe.run(element, {
    rules: { "color-contrast": { enabled: false }, region: { enabled: false } },
  });
  const found = violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).join(" | ")}`);
  expect(found).toEqual([]);
}
