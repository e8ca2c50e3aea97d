import { Badge } from "@/kit/Badge";
import { cx } from "@/kit/cx";
import { bytes, plural } from "@/kit/format";
import type { Preview } from "../queries";

const origins = { file: "File", folder: "Folder", saved: "Saved data set", hub: "Hub" };

/** The first rows of a source; the column that is taken as text is marked. */
export function PreviewTable({ preview, column }: { preview: Preview; column: string }) {
  const facts = [
    preview.files === null ? null : plural(preview.files, "file"),
    preview.bytes === null ? null : bytes(preview.bytes),
    preview.documents === null ? null : plural(preview.documents, "document"),
    preview.formats.length === 0 ? null : preview.formats.join(", "),
  ].filter((fact) => fact !== null);
  return (
    <section aria-label="First rows">
      <p className="mb-2 flex flex-wrap items-center gap-2 text-sm text-ink-3">
        <Badge tone="info">{origins[preview.origin]}</Badge>
        {facts.join(" · ")}
      </p>
      <div
        className="max-h-72 overflow-auto rounded-lg border border-line"
        // A region that scrolls must be reachable with the keyboard.
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        tabIndex={0}
        role="region"
        aria-label="Table"
      >
        <table className="w-full text-left text-sm">
          <thead className="sticky top-0 bg-raised text-ink-3">
            <tr>
              {preview.columns.map(({ name }) => (
                <th key={name} className="px-3 py-2 font-medium whitespace-nowrap">
                  {name}
                  {name === column && <span className="ml-1.5 text-accent">text</span>}
                </th>
              ))}
            </tr>
          </thead>
          <tbody className="divide-y divide-line">
            {preview.rows.map((row, place) => (
              <tr key={place} className="align-top">
                {preview.columns.map(({ name }) => (
                  <td key={name} className={cx("px-3 py-2", name === column ? "min-w-72 text-ink" : "text-ink-3")}>
                    <span className="line-clamp-3">{shown(row[name])}</span>
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function shown(value: unknown): string {
  if (value === null || value === undefined) return "–";
  return typeof value === "string" ? value : JSON.stringify(value);
}
