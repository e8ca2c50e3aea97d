import { act, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createQueryClient } from "@/api/queryClient";
import { useSession } from "@/api/session";
import { toast } from "@/kit/toast";
import { draw, expectAccessible } from "../../tests/draw";
import { Shell } from "./Shell";
import { useUi } from "./ui";

const json = (body: unknown, status = 200) =>
  Promise.resolve(new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } }));

beforeEach(() => {
  localStorage.clear();
  useUi.setState({ narrow: false, drawer: false, palette: false, shortcuts: false });
  useSession.setState({ token: null, asked: false });
  vi.stubGlobal("fetch", (request: Request) => {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/api/v1/jobs/counts") return json({ data: { counts: { running: 2, queued: 1 } } });
    if (pathname === "/api/v1/search" && searchParams.get("search") === "stor")
      return json({ data: [{ entity: "dataset", id: "d1", name: "stories", detail: "Dataset", url: "/datasets/d1" }] });
    return json({ error: { code: "NotFound", message: "Nothing.", details: {}, retryable: false } }, 404);
  });
});
afterEach(() => vi.unstubAllGlobals());

const shell = (at = "/nowhere") => draw(<Shell />, { at, client: createQueryClient() });
// A page is loaded before the address changes.
const arriveAt = (path: string) =>
  waitFor(() => expect(screen.getByTestId("address")).toHaveTextContent(path), { timeout: 10_000 });

it("has no fault that axe finds, wide and narrow", async () => {
  shell();
  await screen.findByRole("heading", { level: 1, name: "Nothing is here" });
  expect(await screen.findByText("2 jobs running")).toBeInTheDocument();
  await expectAccessible();
  await userEvent.click(screen.getByRole("button", { name: "Narrow the sidebar" }));
  expect(localStorage.getItem("mistudio.sidebar")).toBe("narrow");
  expect(screen.getByRole("link", { name: /^Jobs/ })).toBeInTheDocument();
  await expectAccessible();
});

it("names the tab, the place and the heading after the page", async () => {
  shell("/nowhere/at/all");
  await screen.findByRole("heading", { level: 1 });
  expect(document.title).toBe("Nothing is here · miStudio");
  expect(within(screen.getByRole("navigation", { name: "Breadcrumb" })).getByText("Nothing is here")).toBeVisible();
  expect(within(screen.getByRole("main")).getByText("/nowhere/at/all")).toBeVisible();
});

it("puts the focus on the heading of the page that one goes to", async () => {
  shell();
  await screen.findByRole("heading", { level: 1 });
  await userEvent.click(screen.getByRole("link", { name: "Settings" }));
  const heading = await screen.findByRole("heading", { level: 1, name: "Settings" }, { timeout: 5000 });
  await waitFor(() => expect(heading).toHaveFocus());
  expect(screen.getByRole("link", { name: "Settings", current: "page" })).toBeInTheDocument();
});

describe("the palette", () => {
  it("opens with Ctrl K, finds a page and goes there by keyboard alone", async () => {
    shell();
    await userEvent.keyboard("{Control>}k{/Control}");
    await screen.findByRole("combobox", { name: "Search and commands" });
    await userEvent.keyboard("templ");
    await expectAccessible();
    await userEvent.keyboard("{Enter}");
    await arriveAt("/templates");
    expect(screen.queryByRole("combobox")).toBeNull();
  });

  it("finds things by their names", async () => {
    shell();
    await userEvent.keyboard("{Control>}k{/Control}");
    await screen.findByRole("combobox");
    await userEvent.keyboard("stor");
    await screen.findByRole("option", { name: /stories/ });
    await userEvent.keyboard("{Enter}");
    await arriveAt("/datasets/d1");
  });

  it("says when it cannot search", async () => {
    shell();
    await userEvent.keyboard("{Control>}k{/Control}");
    await screen.findByRole("combobox");
    await userEvent.keyboard("zebra");
    expect(await screen.findByText(/could not be searched/)).toBeVisible();
  });
});

describe("keys", () => {
  it("go to pages, but not while one types", async () => {
    shell();
    await screen.findByRole("heading", { level: 1 });
    await userEvent.keyboard("gj");
    await arriveAt("/jobs");
    await userEvent.keyboard("{Control>}k{/Control}");
    await screen.findByRole("combobox");
    await userEvent.keyboard("gd?");
    await arriveAt("/jobs");
    expect(screen.getByRole("combobox")).toHaveValue("gd?");
  });

  it("are listed by ?", async () => {
    shell();
    await screen.findByRole("heading", { level: 1 });
    await userEvent.keyboard("?");
    expect(await screen.findByRole("dialog", { name: "Keyboard shortcuts" })).toHaveTextContent(
      "Search, and run a command",
    );
    await expectAccessible();
  });
});

it("lets one skip to the page", async () => {
  shell();
  await screen.findByRole("heading", { level: 1 });
  (document.activeElement as HTMLElement).blur();
  await userEvent.tab();
  expect(screen.getByRole("link", { name: "Skip to the page" })).toHaveFocus();
});

it("changes the theme and remembers it", async () => {
  shell();
  await userEvent.click(screen.getByRole("button", { name: "Theme" }));
  await userEvent.click(await screen.findByRole("menuitemcheckbox", { name: "Light" }));
  expect(document.documentElement.dataset.theme).toBe("light");
  expect(localStorage.getItem("mistudio.theme")).toBe("light");
});

it("asks for a token when the studio wants one", async () => {
  shell();
  act(() => useSession.setState({ asked: true }));
  const dialog = await screen.findByRole("dialog", { name: "Sign in" });
  await userEvent.type(within(dialog).getByLabelText("Token"), "secret{Enter}");
  expect(sessionStorage.getItem("mistudio.token")).toBe("secret");
  expect(screen.queryByRole("dialog")).toBeNull();
});

it("says in passing what happened, and reads it aloud", async () => {
  shell();
  act(() => toast({ tone: "done", title: "The training is complete.", link: { text: "Open", to: "/training/t1" } }));
  expect(await screen.findByText("The training is complete.")).toBeVisible();
  await userEvent.click(screen.getByRole("link", { name: "Open" }));
  await arriveAt("/training/t1");
});
