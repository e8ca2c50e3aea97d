import { useQueryClient } from "@tanstack/react-query";
import { Dialog } from "radix-ui";
import { lazy, Suspense, useEffect } from "react";
import { useLocation } from "react-router";
import { useLive } from "@/api/live";
import { ErrorBoundary } from "@/kit/ErrorBoundary";
import { SkeletonPage } from "@/kit/Skeleton";
import { Toaster } from "@/kit/Toaster";
import { Header } from "./Header";
import { StudioRoutes } from "./routes";
import { Sidebar } from "./Sidebar";
import { SignInDialog } from "./SignInDialog";
import { useUi } from "./ui";
import { useShortcuts } from "./useShortcuts";

const loadPalette = () => import("./Palette");
const Palette = lazy(loadPalette);
const Shortcuts = lazy(() => import("./Shortcuts"));

/** Everything around a page: sidebar, header, messages, palette. */
export function Shell() {
  const { pathname } = useLocation();
  const client = useQueryClient();
  const { drawer, palette, shortcuts } = useUi();
  useShortcuts();
  // It shall be there when Ctrl K is pressed and one types on at once.
  useEffect(() => {
    const soon = setTimeout(() => void loadPalette().catch(() => undefined), 1500);
    return () => clearTimeout(soon);
  }, []);
  useLive("jobs");
  useLive("store");
  useLive("system/metrics");
  return (
    <div className="flex min-h-dvh">
      <a
        href="#page"
        className="sr-only z-50 rounded-lg bg-accent-fill px-4 py-2 font-medium text-on-accent focus:not-sr-only focus:fixed focus:top-2 focus:left-2"
      >
        Skip to the page
      </a>
      <div className="sticky top-0 hidden h-dvh shrink-0 md:block">
        <Sidebar />
      </div>
      <Dialog.Root open={drawer} onOpenChange={(open) => useUi.setState({ drawer: open })}>
        <Dialog.Portal>
          <Dialog.Overlay className="fixed inset-0 z-40 animate-fade bg-veil/65" />
          <Dialog.Content
            className="fixed inset-y-0 left-0 z-50 outline-none"
            aria-describedby={undefined}
            onOpenAutoFocus={(event) => {
              event.preventDefault();
              if (event.target instanceof HTMLElement) event.target.focus();
            }}
          >
            <Dialog.Title className="sr-only">Menu</Dialog.Title>
            <Sidebar drawer />
          </Dialog.Content>
        </Dialog.Portal>
      </Dialog.Root>
      <div className="flex min-w-0 flex-1 flex-col">
        <Header />
        <main id="page" tabIndex={-1} className="min-w-0 flex-1 outline-none">
          <ErrorBoundary resetKey={pathname} onRetry={() => void client.resetQueries({ predicate: failed })}>
            <Suspense fallback={<SkeletonPage />}>
              <StudioRoutes />
            </Suspense>
          </ErrorBoundary>
        </main>
      </div>
      <Suspense>
        {palette && <Palette />}
        {shortcuts && <Shortcuts />}
      </Suspense>
      <SignInDialog />
      <Toaster />
    </div>
  );
}

function failed(query: { state: { status: string } }): boolean {
  return query.state.status === "error";
}
