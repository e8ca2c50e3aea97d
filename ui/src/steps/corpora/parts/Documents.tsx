import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useSearchParams } from "react-router";
import { usePages } from "@/api/usePages";
import { Badge } from "@/kit/Badge";
import { Card } from "@/kit/Card";
import { type Column, DataTable } from "@/kit/DataTable";
import { Dialog } from "@/kit/Dialog";
import { EmptyState } from "@/kit/EmptyState";
import { ErrorState } from "@/kit/ErrorState";
import { count } from "@/kit/format";
import { SearchInput } from "@/kit/inputs";
import { SkeletonText } from "@/kit/Skeleton";
import { type Document, documentQuery, documentsQuery } from "../queries";

const columns: readonly Column<Document>[] = [
  { id: "name", header: "Document", cell: (each) => each.name, width: "minmax(10rem, 1fr)" },
  {
    id: "text",
    header: "Text",
    cell: (each) => <span className="truncate text-ink-3">{each.text}</span>,
    width: "minmax(20rem, 4fr)",
  },
  { id: "characters", header: "Characters", cell: (each) => count(each.characters), align: "right", width: "8rem" },
  {
    id: "held_out",
    header: "Use",
    definition: "Documents that are set aside are for evaluation: no SAE trains on them.",
    cell: (each) => (each.held_out ? <Badge tone="violet">Set aside</Badge> : "Training"),
    width: "8rem",
  },
];

/** All documents, searchable, and one to read. */
export function Documents({ id }: { id: string }) {
  const [view, setView] = useSearchParams();
  const search = view.get("search") ?? "";
  const [open, setOpen] = useState<Document | null>(null);
  const { rows, isLoading, error, retry } = usePages(
    (page, limit) => documentsQuery(id, { ...(search === "" ? {} : { search }), page, limit }),
    50,
  );
  return (
    <>
      <div className="mb-4 w-72">
        <SearchInput
          label="Search in the text"
          value={search}
          onChange={(text) =>
            setView(
              (before) => {
                if (text === "") before.delete("search");
                else before.set("search", text);
                return before;
              },
              { replace: true },
            )
          }
        />
      </div>
      <Card flush>
        <DataTable
          label="Documents"
          columns={columns}
          rows={rows}
          rowKey={(each) => String(each.doc)}
          onOpen={setOpen}
          loading={isLoading}
          error={error}
          onRetry={retry}
          empty={<EmptyState title="No such document">{`Nothing in the text contains “${search}”.`}</EmptyState>}
        />
      </Card>
      {open && <Reader id={id} document={open} onClose={() => setOpen(null)} />}
    </>
  );
}

function Reader({ id, document, onClose }: { id: string; document: Document; onClose: () => void }) {
  const { data, error, isPending, refetch } = useQuery(documentQuery(id, document.doc));
  const facts = Object.entries(document.metadata);
  return (
    <Dialog
      open
      onOpenChange={onClose}
      size="lg"
      title={document.name}
      description={facts.map(([name, value]) => `${name}: ${String(value)}`).join(" · ") || undefined}
    >
      {isPending ? (
        <SkeletonText lines={8} />
      ) : error ? (
        <ErrorState error={error} onRetry={() => void refetch()} compact />
      ) : (
        <p className="leading-relaxed whitespace-pre-wrap text-ink-2">{data.text}</p>
      )}
    </Dialog>
  );
}
