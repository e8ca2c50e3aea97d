import { useQuery } from "@tanstack/react-query";
import { FileText, Plus, Upload } from "lucide-react";
import { useRef, useState } from "react";
import { useSearchParams } from "react-router";
import { Button } from "@/kit/Button";
import { EmptyState } from "@/kit/EmptyState";
import { ErrorState } from "@/kit/ErrorState";
import { SearchInput } from "@/kit/inputs";
import { Page } from "@/kit/Page";
import { SkeletonText } from "@/kit/Skeleton";
import { Tabs } from "@/kit/Tabs";
import { toast, toastError } from "@/kit/toast";
import { Editor } from "./parts/Editor";
import { TemplateCard } from "./parts/TemplateCard";
import { type Given, type Kind, templatesQuery, type Template, useSave } from "./queries";
import { kinds, order } from "./words";

export default function TemplatesPage() {
  const [view, setView] = useSearchParams();
  const kind: Kind = order.find((each) => each === view.get("kind")) ?? "training";
  const [editing, setEditing] = useState<Template | "new" | null>(null);
  return (
    <Page
      title="Templates"
      description="Configurations under a name, to be used again and handed on."
      actions={
        <>
          <Import />
          <Button variant="primary" icon={Plus} onClick={() => setEditing("new")}>
            New template
          </Button>
        </>
      }
    >
      <Tabs
        label="Kinds of template"
        value={kind}
        onChange={(next: Kind) => setView({ kind: next }, { replace: true })}
        tabs={order.map((each) => ({
          value: each,
          label: kinds[each].title,
          content: <List kind={each} onEdit={setEditing} onNew={() => setEditing("new")} />,
        }))}
      />
      {editing !== null && (
        <Editor kind={kind} template={editing === "new" ? null : editing} onClose={() => setEditing(null)} />
      )}
    </Page>
  );
}

function List({ kind, onEdit, onNew }: { kind: Kind; onEdit: (template: Template) => void; onNew: () => void }) {
  const [search, setSearch] = useState("");
  const { data, error, isPending, refetch } = useQuery(templatesQuery(kind, search));
  return (
    <>
      <div className="mb-4 flex flex-wrap items-center justify-between gap-3">
        <p className="text-ink-3">{kinds[kind].meaning}</p>
        <div className="w-64">
          <SearchInput label="Search templates" value={search} onChange={setSearch} />
        </div>
      </div>
      {isPending ? (
        <SkeletonText lines={5} />
      ) : error ? (
        <ErrorState error={error} onRetry={() => void refetch()} />
      ) : data.length === 0 ? (
        <EmptyState
          icon={FileText}
          title={search === "" ? "No templates of this kind yet" : "No such template"}
          actions={
            <Button variant="primary" icon={Plus} onClick={onNew}>
              New template
            </Button>
          }
        >
          Save one here, or from the page where it is used.
        </EmptyState>
      ) : (
        <ul className="grid gap-4 sm:grid-cols-2 xl:grid-cols-3">
          {data.map((template) => (
            <TemplateCard key={template.id} template={template} onEdit={() => onEdit(template)} />
          ))}
        </ul>
      )}
    </>
  );
}

/** Read a template from a file that “Export” wrote. */
function Import() {
  const file = useRef<HTMLInputElement>(null);
  const save = useSave();
  const read = async (chosen: File) => {
    try {
      const given = JSON.parse(await chosen.text()) as Given;
      await save.mutateAsync({ id: null, given });
      toast({ tone: "done", title: `Imported “${given.name}”` });
    } catch (error) {
      toastError(`${chosen.name} could not be imported`, error);
    }
  };
  return (
    <>
      <Button icon={Upload} busy={save.isPending} onClick={() => file.current?.click()}>
        Import
      </Button>
      <input
        ref={file}
        type="file"
        hidden
        accept=".json"
        aria-label="Template to import"
        onChange={(event) => {
          const chosen = event.target.files?.[0];
          event.target.value = "";
          if (chosen) void read(chosen);
        }}
      />
    </>
  );
}
