import { type ReactNode, useEffect, useRef } from "react";
import { useLocation } from "react-router";
import { create } from "zustand";
import { cx } from "./cx";

export interface Crumb {
  text: string;
  to: string;
}

interface Place {
  title: string;
  crumbs: readonly Crumb[];
}

/** What the open page is called: the header and the document's title read it. */
export const usePlace = create<Place>(() => ({ title: "", crumbs: [] }));

let arrived = false;

interface PageProps {
  /** The name of what is shown; a name, never an id. */
  title: string;
  /** One sentence: what this page is for. */
  description?: ReactNode;
  /** The pages above this one. */
  crumbs?: readonly Crumb[];
  /** Buttons on the right of the title. */
  actions?: ReactNode;
  /** Beside the title: badges. */
  aside?: ReactNode;
  /** The whole width: for wide tables. */
  wide?: boolean;
  children: ReactNode;
}

const none: readonly Crumb[] = [];

/** The frame of every page: its heading, which gets the focus after a navigation, and its name in the tab. */
export function Page({ title, description, crumbs = none, actions, aside, wide = false, children }: PageProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  const { pathname } = useLocation();
  const trail = crumbs.map((crumb) => `${crumb.to} ${crumb.text}`).join("\n");

  useEffect(() => {
    usePlace.setState({ title, crumbs });
    document.title = title === "" ? "miStudio" : `${title} · miStudio`;
    // The trail stands for its crumbs, which are a new array at every drawing.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [title, trail]);

  useEffect(() => {
    if (arrived) heading.current?.focus({ preventScroll: true });
    arrived = true;
  }, [pathname]);

  return (
    <div className={cx("mx-auto w-full px-4 py-6 sm:px-6 lg:px-8", wide ? "max-w-[110rem]" : "max-w-7xl")}>
      <header className="mb-6 flex flex-wrap items-start justify-between gap-x-6 gap-y-3">
        <div className="min-w-0 flex-1 basis-96">
          <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
            <h1 ref={heading} tabIndex={-1} className="text-2xl font-semibold tracking-tight wrap-anywhere text-ink">
              {title}
            </h1>
            {aside}
          </div>
          {description !== undefined && <p className="mt-1 max-w-3xl text-ink-3">{description}</p>}
        </div>
        {actions !== undefined && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
      </header>
      {children}
    </div>
  );
}
