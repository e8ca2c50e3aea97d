import { Copy, Download, MoreHorizontal, Pencil, Star, Trash2 } from "lucide-react";
import { useState } from "react";
import { ButtonLink, IconButton } from "@/kit/Button";
import { ConfirmDialog } from "@/kit/Dialog";
import { Menu } from "@/kit/Menu";
import { RelativeTime } from "@/kit/RelativeTime";
import { toast, toastError } from "@/kit/toast";
import { givenOf, type Template, useDelete, useSave } from "../queries";
import { kinds } from "../words";

/** A template, and what can be done with it. */
export function TemplateCard({ template, onEdit }: { template: Template; onEdit: () => void }) {
  const [asking, setAsking] = useState(false);
  const save = useSave();
  const remove = useDelete();
  const star = () =>
    save.mutate(
      { id: template.id, given: { ...givenOf(template), is_favorite: !template.is_favorite } },
      { onError: (error) => toastError("The star could not be set", error) },
    );
  const duplicate = () =>
    save.mutate(
      { id: null, given: { ...givenOf(template), name: `${template.name} (copy)`, is_favorite: false } },
      {
        onSuccess: () => toast({ tone: "done", title: "Duplicated" }),
        onError: (error) => toastError("The template could not be duplicated", error),
      },
    );
  return (
    <li className="flex flex-col rounded-xl border border-line bg-surface p-4">
      <div className="flex items-start justify-between gap-2">
        <h2 className="font-semibold wrap-anywhere text-ink">{template.name}</h2>
        <span className="flex shrink-0">
          <IconButton
            name={template.is_favorite ? "Remove from the favourites" : "Add to the favourites"}
            icon={Star}
            size="sm"
            pressed={template.is_favorite}
            onClick={star}
          />
          <Menu
            trigger={<IconButton name={`More for ${template.name}`} icon={MoreHorizontal} size="sm" />}
            items={[
              { label: "Edit", icon: Pencil, onSelect: onEdit },
              { label: "Duplicate", icon: Copy, onSelect: duplicate },
              { label: "Export", icon: Download, onSelect: () => download(template) },
              { label: "Delete", icon: Trash2, onSelect: () => setAsking(true), danger: true, apart: true },
            ]}
          />
        </span>
      </div>
      <p className="mt-1 flex-1 text-sm text-ink-3">{template.description || "No description."}</p>
      <div className="mt-4 flex items-center justify-between gap-3">
        <span className="text-xs text-ink-3">
          Changed <RelativeTime at={template.updated_at} />
        </span>
        <ButtonLink size="sm" to={`${kinds[template.kind].use}?template=${template.id}`}>
          Use it
        </ButtonLink>
      </div>
      <ConfirmDialog
        open={asking}
        onOpenChange={setAsking}
        title={`Delete the template ${template.name}?`}
        confirm="Delete"
        danger
        onConfirm={() => remove.mutateAsync(template)}
      >
        What was made with it stays.
      </ConfirmDialog>
    </li>
  );
}

function download(template: Template): void {
  const blob = new Blob([JSON.stringify(givenOf(template), null, 2)], { type: "application/json" });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `${template.kind}-${template.name.replace(/[^\w-]+/g, "-")}.json`;
  link.click();
  URL.revokeObjectURL(link.href);
}
